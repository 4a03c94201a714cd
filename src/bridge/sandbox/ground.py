"""What the rows of a seed stand on: the base in Airtable, and what the CiviCRM site has besides what every site has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.airtable_schema import Column

Options = tuple[tuple[Any, str, str], ...]
"""Value, name and label of each option of a list."""


@dataclass(frozen=True, slots=True)
class CustomGroup:
    """A group of custom fields. `fields` is written as in `civicrm_fields`; `lists` are the option lists it names."""

    name: str
    title: str
    extends: str
    fields: str
    lists: Mapping[str, Options] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A base in Airtable and the alias it has in the settings; custom groups, options added to lists, channels of Slack."""

    alias: str
    base: str
    title: str
    tables: Mapping[str, tuple[Column, ...]]
    custom: Sequence[CustomGroup] = ()
    options: Mapping[str, Options] = field(default_factory=dict)
    channels: Sequence[str] = ()
