"""Where the discrepancies of a mapping are told besides the ledger."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTable:
    """A table of the mapping's own base in which each discrepancy is a row. `table` is a name or a `tbl…` id."""

    table: str
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportActivity:
    """Activities of this type on the contacts; `key` is the field (a path of APIv4) that holds the fingerprint."""

    type: str
    key: str = "location"
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTo:
    """Where discrepancies are told besides the ledger. A language that is None is that of the settings."""

    slack_channel: str | None = None
    language: str | None = None
    airtable: ReportTable | None = None
    civicrm: ReportActivity | None = None
