"""Which discrepancies a reader asks for, as an address that stays the same: the filters of the list."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from bridge.core.ledger import Selection, State
from bridge.core.mapping import Severity

AGES = (dt.timedelta(days=7), dt.timedelta(days=30))
"""The limits between the ages that discrepancies are counted by."""

NOBODY = "~"
"""Stands in an address for what is in nobody's hands."""

Age = Literal["", "days", "weeks", "months"]
AGE_WORDS: Sequence[Age] = ("days", "weeks", "months")
"""The ages in an address, the youngest first, as `AGES` divides them."""

_BOUNDS: dict[str, tuple[dt.timedelta | None, dt.timedelta | None]] = {
    "": (None, None),
    "days": (None, AGES[0]),
    "weeks": (AGES[0], AGES[1]),
    "months": (AGES[1], None),
}


class Asked(BaseModel):
    """The filters as they stand in an address; empty narrows nothing. `kind` is a code, or the name of a rule."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    mapping: Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9-]*$")] = ""
    kind: Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9_-]*$")] = ""
    severity: Literal["", "high", "medium", "low"] = ""
    state: Literal["", "open", "snoozed", "accepted", "resolved", "any"] = ""
    assignee: Annotated[str, Field(max_length=80)] = ""
    age: Age = ""
    text: Annotated[str, Field(max_length=100)] = ""
    page: Annotated[int, Field(ge=1, le=100_000)] = 1

    @property
    def narrows(self) -> bool:
        """Whether any filter but the text does."""
        return bool(self.model_dump(exclude_defaults=True, exclude={"text", "page"}))

    def selection(self, mappings: Sequence[str], now: dt.datetime) -> Selection:
        """What is asked of the ledger; without a state, what is open."""
        code = int(self.kind) if self.kind.isdecimal() else None
        least, below = _BOUNDS[self.age]
        return Selection(
            mappings=frozenset(name for name in mappings if self.mapping in ("", name)),
            code=code,
            rule=self.kind if self.kind and code is None else None,
            severity=Severity(self.severity) if self.severity else None,
            state=None if self.state == "any" else State(self.state or "open"),
            assignee={"": None, NOBODY: ""}.get(self.assignee, self.assignee),
            opened_until=now - least if least else None,
            opened_after=now - below if below else None,
            text=self.text.strip().removeprefix("#"),
        )

    def address(self, **others: object) -> str:
        """Where these are listed, with some of them other; a filter that narrows nothing is left out."""
        kept = {**self.model_dump(exclude_defaults=True), **others}
        query = urlencode(
            {name: value for name, value in kept.items() if value not in ("", None) and (name, value) != ("page", 1)}
        )
        return f"/discrepancies?{query}" if query else "/discrepancies"
