"""The `report:` part of a mapping: where discrepancies are told, and that no mapping ever reads what another one tells."""

from collections.abc import Sequence

from bridge.config.draft import Draft
from bridge.config.sources import check_column
from bridge.core.record import Json
from bridge.core.telling import ReportActivity, ReportTable, ReportTo

_CONTACTS = frozenset({"Contact", "Organization", "Individual", "Household"})


def read_report(made: Draft) -> ReportTo:
    """Where the mapping reports to."""
    shape = made.shape.report
    airtable, civicrm = shape.airtable, shape.civicrm
    if airtable is not None:
        check_column(made, ("report", "airtable", "table"), airtable.table, prefix="tbl")
    entity = made.shape.civicrm.entity
    if civicrm is not None and entity not in _CONTACTS and not made.is_broken(("civicrm",)):
        what = f"activities stand on contacts, and this mapping is of `{entity}`."
        made.add(("report", "civicrm"), what, "Remove it, and report to Slack or Airtable.", key=True)
    return ReportTo(
        slack_channel=shape.slack.channel if shape.slack else None,
        language=shape.slack.language if shape.slack else None,
        airtable=ReportTable(table=airtable.table, language=airtable.language) if airtable else None,
        civicrm=ReportActivity(type=civicrm.activity_type, key=civicrm.key, language=civicrm.language) if civicrm else None,
    )


def check_boards(drafts: Sequence[Draft]) -> None:
    """What one mapping reports must be no mapping's source: bridge would reconcile its own reports.

    Here by the names written; whether a name and an id mean one table is known only from the live schema, and checked there.
    """
    for made in drafts:
        airtable, civicrm = made.shape.report.airtable, made.shape.report.civicrm
        for other in drafts:
            source = other.shape.airtable
            if airtable is not None and (source.base, source.table) == (made.shape.airtable.base, airtable.table):
                what = f"the table `{airtable.table}` is what `{other.shape.mapping}` reads: a report must be no source."
                made.add(("report", "airtable", "table"), what, "Name a table that is for discrepancies alone.")
            shape = other.shape.civicrm
            reads = [(shape.entity, shape.where), *((each.entity, each.where) for each in shape.related.values())]
            if civicrm is not None and any(_may_read(civicrm.activity_type, entity, where) for entity, where in reads):
                what = f"`{other.shape.mapping}` reads activities that may be of this type: a report must be no source."
                hint = 'Let it read one type alone: `where: [["activity_type_id:name", "=", Phone Call]]`.'
                made.add(("report", "civicrm"), what, hint, key=True)


def _may_read(reported: str, entity: str, where: Sequence[Json]) -> bool:
    """Whether rows of `entity` may be activities of the type that is reported: unless a condition names other types alone."""
    if entity != "Activity":
        return False
    for condition in where:
        match condition:
            case ["activity_type_id:name", "=", str(named)]:
                return named == reported
            case ["activity_type_id:name", "IN", list(named)]:
                return reported in named
    return True
