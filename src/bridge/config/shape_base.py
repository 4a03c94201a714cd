"""What every part of a mapping file's shape is made of."""

from pydantic import BaseModel, ConfigDict

from bridge.config.scalars import Word


class Shape(BaseModel):
    """A map whose unknown keys are errors and whose values are never cast."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Sentence(Shape):
    """A sentence in each language."""

    en: Word
    """English; also shown where another language is missing."""
    es: Word | None = None
    """Spanish."""
