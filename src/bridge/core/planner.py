"""From two snapshots and what is known to the plan: compare each cell three ways, then the rules, then creates.

Pure: the same inputs give the same plan. Nothing here decides whether the plan may be applied; that is the guard's.
"""

import json
from collections.abc import Iterator, Mapping

from bridge.core.creates import unmatched
from bridge.core.facts import Facts, Seal, about_record, evidence, severity_of
from bridge.core.mapping import Mapping as FieldMapping
from bridge.core.mapping import Severity, SimilarMatch
from bridge.core.marks import NO_MARK
from bridge.core.match import Pair, Suggestion
from bridge.core.pairs import Compared, compare_pairs, values_of
from bridge.core.plan import Change, Deferred, Discrepancy, Plan, Population
from bridge.core.record import Link, PerSide, Record, Side, Value
from bridge.core.sight import Drift, Fault, Whereabouts

_DRIFT = {Fault.GONE: 501, Fault.RETYPED: 501, Fault.RENAMED: 503, Fault.OPTION_GONE: 502, Fault.OPTION_NEW: 502}


def make_plan(facts: Facts) -> Plan:
    """The plan of these facts, sorted; its guard and its costs are still to be judged."""
    compared = compare_pairs(facts)
    creates = list(unmatched(facts))
    changes = [*compared.changes, *(each for each in creates if isinstance(each, Change))]
    discrepancies = [
        *compared.discrepancies,
        *(each for each in creates if isinstance(each, Discrepancy)),
        *_identity(facts),
        *_absences(facts),
        *_drift(facts),
    ]
    snapshots = facts.snapshots
    return Plan(
        mapping=facts.mapping.name,
        mapping_digest=facts.mapping.digest,
        changes=tuple(sorted(changes, key=lambda change: change.order)),
        discrepancies=tuple(sorted(discrepancies, key=lambda each: each.order)),
        links=tuple(pair.link for pair in facts.matching.pairs if pair.link not in facts.known.links),
        agreed=_agreed(facts, compared),
        marks=_marks(facts, compared),
        told=_told(facts, compared),
        population=Population(now=snapshots.map(lambda each: len(each.records)), last=facts.known.last_counts),
        complete=all(snapshot.complete and snapshot.whole for _, snapshot in snapshots),
    )


def _agreed(facts: Facts, compared: Compared) -> Mapping[Link, Mapping[str, Value | None]]:
    values = values_of(facts)
    return Deferred(compared.agreed, lambda each: values(each) if isinstance(each, Pair) else each)


def _marks(facts: Facts, compared: Compared) -> Mapping[Link, PerSide[bytes]]:
    mark = facts.mark
    if mark is None:
        return {}
    return Deferred(
        compared.quiet,
        lambda pair: PerSide(mark(Side.CIVICRM, pair.civicrm.row), mark(Side.AIRTABLE, pair.airtable.row)),
    )


def _told(facts: Facts, compared: Compared) -> dict[Link, PerSide[bytes]]:
    """Half marks of the pairs that are only told of, where they are not known already."""
    mark = facts.mark
    if mark is None:
        return {}
    halves = {link: PerSide(mark(Side.CIVICRM, pair.civicrm.row), NO_MARK) for link, pair in compared.only_told.items()}
    return {link: half for link, half in halves.items() if facts.known.marks.get(link) != half}


def _identity(facts: Facts) -> Iterator[Discrepancy]:
    for ambiguous in facts.matching.ambiguous:
        candidates = ", ".join(candidate.id for candidate in ambiguous.candidates)
        yield about_record(facts, 103, ambiguous.record, candidates=candidates)
    for duplicates in facts.matching.duplicates:
        for record in duplicates.records:
            others = ", ".join(other.id for other in duplicates.records if other.id != record.id)
            yield about_record(facts, 105, record, others=others)
    for suggestion in facts.matching.suggestions:
        yield Discrepancy(
            mapping=facts.mapping.name,
            code=104,
            severity=severity_of(104),
            ids=PerSide(suggestion.civicrm.id, suggestion.airtable.id),
            name=_called(facts.mapping, suggestion.civicrm),
            details={"candidate": _called(facts.mapping, suggestion.airtable), "score": f"{suggestion.score:.2f}"},
            evidence=evidence_of(facts.seal, suggestion),
        )


def evidence_of(seal: Seal, suggestion: Suggestion) -> str:
    """A digest of what two similar records were compared by: a person's "not the same" holds as long as it stays."""
    return seal(json.dumps([text for _, text in suggestion.evidence], ensure_ascii=False))[:16]


def _called(mapping: FieldMapping, record: Record) -> str:
    """The record's name, or else what the similar match compares; its id if that is sensitive."""
    if record.name != record.id:
        return record.name
    hidden = {each.at[record.side] for each in mapping.fields.values() if each.sensitive}
    keys = [rule.key.at[record.side] for rule in mapping.match if isinstance(rule, SimilarMatch)]
    shown = (record.row.values.get(path) for path in keys if path not in hidden)
    return next((text for text in shown if isinstance(text, str) and text), record.id)


def _absences(facts: Facts) -> Iterator[Discrepancy]:
    for (link, side), found in facts.missing.items():
        if found.whereabouts is Whereabouts.IN_SCOPE:
            continue
        partner = facts.snapshots[side.other].records.get(link[side.other])
        yield Discrepancy(
            mapping=facts.mapping.name,
            code=107 if found.whereabouts is Whereabouts.MERGED else 106,
            severity=severity_of(106),
            ids=PerSide(link.civicrm, link.airtable),
            name=partner.name if partner else link[side],
            details={"side": side.title, "whereabouts": found.whereabouts.value, "into": found.into or ""},
            evidence=evidence(facts, [found.whereabouts.value, found.into]),
        )
    for old, new in facts.moved:
        record = facts.snapshots.civicrm.records.get(new.civicrm)
        yield Discrepancy(
            mapping=facts.mapping.name,
            code=107,
            severity=severity_of(107),
            ids=PerSide(new.civicrm, new.airtable),
            name=record.name if record else new.civicrm,
            details={
                "side": Side.CIVICRM.title,
                "whereabouts": Whereabouts.MERGED.value,
                "from": old.civicrm,
                "into": new.civicrm,
            },
            evidence=evidence(facts, [old.civicrm, new.civicrm]),
        )


def _drift(facts: Facts) -> Iterator[Discrepancy]:
    for side, sight in facts.sights:
        for drift in sight.drift:
            yield _about_drift(facts, side, drift)


def _about_drift(facts: Facts, side: Side, drift: Drift) -> Discrepancy:
    names = [each.name for each in facts.mapping.fields.values() if each.at[side] == drift.path]
    return Discrepancy(
        mapping=facts.mapping.name,
        code=_DRIFT[drift.fault],
        severity=Severity.MEDIUM if _DRIFT[drift.fault] == 502 else Severity.HIGH,  # noqa: PLR2004  # codes stand as numbers
        ids=PerSide(None, None),
        name=f"{side.title} {drift.path}",
        field=names[0] if names else drift.path,
        details={"side": side.title, "path": drift.path, "fault": drift.fault.value, "reason": drift.detail},
        evidence=evidence(facts, [drift.detail]),
    )
