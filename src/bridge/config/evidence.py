"""The sentences of a draft's comments: what a key would link, how well two fields agree, who could own them and why."""

from collections.abc import Iterator

from bridge.core.linking import KeyFit
from bridge.core.mapping import FieldType
from bridge.core.pairing import Paired

_OFTEN_CORRECTED = frozenset({FieldType.EMAIL, FieldType.PHONE, FieldType.POSTAL_CODE})
_KEYS = ("external_identifier", "id")


def would_link(found: KeyFit) -> str:
    """What an exact rule would do with the rows that were looked at."""
    return f"Links {share(found.links, found.rows)} of the rows looked at; {found.ambiguous} would be ambiguous, for a person."


def share(count: int, whole: int) -> str:
    """`51 of 60 (85 %)`. Rounded down, so that only all of them are 100 %."""
    return f"{count} of {whole} ({100 * count // whole} %)" if whole else "none"


def agreement(each: Paired) -> str:
    """How many of the cells that both sides fill are equal, and how many only one side fills."""
    found = each.evidence
    same = "lead to the same" if each.type is FieldType.REFERENCE else "equal"
    parts = [f"{share(found.equal, found.both)} {same}" if found.both else "No linked record has both"]
    if each.written_alike is not None and each.written_alike < found.equal:
        parts.append(f"{found.equal - each.written_alike} of them written differently")
    parts += [f"{count} only in {side}" for side, count in _only(each) if count]
    return ", ".join(parts) + "."


def owners(each: Paired) -> Iterator[str]:
    """What each choice of an owner would do, and the one to lean to, as far as schemas and counts can say."""
    found = each.evidence
    barred = _barred(each)
    if barred:
        yield barred
        return
    differ = found.both - (found.equal if each.written_alike is None else each.written_alike)
    gains = [f"`{owner}` fills {count} in {target}" for owner, target, count in _gains(each) if count]
    settled = [f"{differ} that differ {'wait' if differ > 1 else 'waits'} for a person either way"] if differ else []
    if gains or settled:
        yield "; ".join([*gains, *settled]) + "."
    yield _lean(each)


def _only(each: Paired) -> tuple[tuple[str, int], ...]:
    return (("CiviCRM", each.evidence.only_civicrm), ("Airtable", each.evidence.only_airtable))


def _gains(each: Paired) -> tuple[tuple[str, str, int], ...]:
    found = each.evidence
    return (("civicrm", "Airtable", found.only_civicrm), ("airtable", "CiviCRM", found.only_airtable))


def _barred(each: Paired) -> str:
    """Why only one side could own the field, or empty."""
    if not each.at.civicrm.writable:
        return "Only `civicrm` or `report`: it cannot be written in CiviCRM."
    if not each.at.airtable.writable:
        return "Only `airtable` or `report`: it cannot be written in Airtable."
    return (
        "Only `civicrm` or `report`: several CiviCRM names share an option, so none could be written back."
        if each.lossy
        else ""
    )


def _lean(each: Paired) -> str:
    found, path = each.evidence, each.at.civicrm.path
    if path in _KEYS:
        return "Lean to `civicrm`, or leave it: it says who is who."
    if path.startswith("membership."):
        return "Lean to `civicrm`: memberships are kept there."
    if each.type in _OFTEN_CORRECTED:
        return "Lean to `either`: such details are corrected wherever people learn of them."
    for owner, target, count in _gains(each):
        if count > 2 * min(found.only_civicrm, found.only_airtable) + 1:
            return f"Lean to `{owner}`: it is fuller, and {target} would gain."
    return "The values do not say who owns it: ask who keeps it up."
