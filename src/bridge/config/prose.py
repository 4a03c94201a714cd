"""The prose under each field of a model: what editors show beside a key, and what `.env.example` says of a setting.

It stands where pydantic's `use_attribute_docstrings` looks for it too. But that parses the source of every model whenever one
is imported, which cost each command several times what reading its settings does; here it is parsed when somebody asks.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


@cache
def described(model: type[BaseModel]) -> dict[str, str]:
    """What each field of `model` means, by the field's name; one without prose is left out."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel:
            found.update(_written(each))
    return {name: text for name, text in found.items() if name in model.model_fields}


def _written(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The fields that the model's own source describes, each with the text below it."""
    (written,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    for field, below in pairwise(written.body if isinstance(written, ast.ClassDef) else []):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)


class DescribedSchema(GenerateJsonSchema):
    """A JSON Schema in which every field of a model carries its prose."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """The schema of a model, its fields described."""
        made = super().model_schema(schema)
        model: Any = schema["cls"]
        for name, text in described(model).items():
            alias = model.model_fields[name].alias
            made["properties"][alias or name].setdefault("description", text)
        return made
