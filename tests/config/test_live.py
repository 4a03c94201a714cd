"""A mapping held against both live schemas: what is missing, misfits or cannot be written is told at its line."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.config.live import Finding, Level, hold_against
from bridge.config.mappings import load
from bridge.core.mapping import Mapping
from bridge.core.record import PerSide, Side
from bridge.core.sight import Drift, Fault, FieldSight, Option, Sight

SOUND = Path(__file__).parent / "sound.yaml"

CIVICRM = {
    "external_identifier": ("String", 64),
    "organization_name": ("String", 128),
    "address_primary.city": ("String", 64),
    "email_primary.email": ("String", 254),
    "phone_primary.phone": ("String", 32),
    "Benefits.Status:name": ("String", None),
    "membership.status_id:name": ("Integer", None),
    "Benefits.Plans": ("String[]", None),
    "Benefits.Since": ("Date", None),
    "membership.status_id.is_current_member": ("Boolean", None),
    "workers": ("Integer", None),
    "Benefits.Premium": ("Money", None),
}
AIRTABLE = {
    "Civi ID": "singleLineText",
    "Group name": "singleLineText",
    "City": "singleLineText",
    "Email": "email",
    "Phone": "phoneNumber",
    "Status": "singleSelect",
    "Standing": "singleSelect",
    "Plans": "multipleSelects",
    "Since": "date",
    "Seen": "dateTime",
    "Heads": "number",
    "Premium": "currency",
}
OPTIONS = {
    "Benefits.Status:name": ("on", "off"),
    "membership.status_id:name": ("New", "Current", "Grace"),
    "Benefits.Plans": ("dental", "vision"),
    "Status": ("Enrolled", "Ended"),
    "Standing": ("Active", "Late"),
    "Plans": ("dental", "vision"),
}


def seen(path: str, kind: str, max_length: int | None = None) -> FieldSight:
    options = tuple(Option(f"id-{word}", word) for word in OPTIONS[path]) if path in OPTIONS else None
    return FieldSight(path=path, id=path, name=path, kind=kind, writable=True, options=options, max_length=max_length)


def sights() -> PerSide[Sight]:
    civicrm = {path: seen(path, kind, length) for path, (kind, length) in CIVICRM.items()}
    airtable = {path: seen(path, kind, 100_000) for path, kind in AIRTABLE.items()}
    return PerSide(
        Sight(side=Side.CIVICRM, identity="7", fields=civicrm, names=(*civicrm, "contact_sub_type", "nick_name")),
        Sight(side=Side.AIRTABLE, identity="usr", fields=airtable, names=(*airtable, "Archived")),
    )


def changed(side: Side, path: str, **what: object) -> PerSide[Sight]:
    """The sights with one field changed, or with `gone=True` without it."""
    both = sights()
    fields = dict(both[side].fields)
    names = list(both[side].names)
    if what.pop("gone", False):
        del fields[path]
        names.remove(path)
        names += [str(what.pop("now"))] if "now" in what else []
    else:
        fields[path] = dataclasses.replace(fields[path], **what)  # type: ignore[arg-type]  # named by each test
    one = dataclasses.replace(both[side], fields=fields, names=tuple(names))
    return PerSide(one, both.airtable) if side is Side.CIVICRM else PerSide(both.civicrm, one)


@pytest.fixture
def find(tmp_path: Path) -> Callable[..., list[Finding]]:
    def findings(both: PerSide[Sight], *changes: tuple[str, str]) -> list[Finding]:
        text = SOUND.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "a.yaml").write_text(text)
        mapping: Mapping = load(tmp_path)[0]
        return hold_against(mapping, both)

    return findings


Find = Callable[..., list[Finding]]


def words(*names: str) -> tuple[Option, ...]:
    return tuple(Option(f"id-{name}", name) for name in names)


def test_nothing_is_found_where_both_systems_have_everything(find: Find) -> None:
    assert find(sights()) == []


@pytest.mark.parametrize(
    ("both", "place", "message", "hint"),
    [
        (
            changed(Side.AIRTABLE, "Phone", gone=True, now="Phone number"),
            "18:51",
            "expected a field of Airtable's table `Groups`, found `Phone`.",
            "Did you mean `Phone number`?",
        ),
        (
            changed(Side.CIVICRM, "Benefits.Since", gone=True),
            "22:20",
            "expected a field of CiviCRM's `Organization` that this account may see, found `Benefits.Since`.",
            "Did you mean `Benefits.Plans`?",
        ),
        (
            changed(Side.CIVICRM, "external_identifier", gone=True, now="external_identifiers"),
            "12:5",
            "expected a field of CiviCRM's `Organization` that this account may see, found `external_identifier`.",
            "Did you mean `external_identifiers`?",
        ),
        (
            changed(Side.AIRTABLE, "Since", kind="dateTime"),
            "22:46",
            "`since` is of type `date`, and `Since` is dateTime in Airtable.",
            "Add `from: datetime`, or make it a date in Airtable.",
        ),
        (
            changed(Side.AIRTABLE, "Status", kind="multipleSelects"),
            "19:55",
            "`status` is of type `choice`, and `Status` is multipleSelects in Airtable.",
            "Types for it: choices.",
        ),
        (
            changed(Side.AIRTABLE, "Heads", kind="checkbox"),
            "25:21",
            "`heads` is of type `integer`, and `Heads` is checkbox in Airtable.",
            "Types for it: boolean.",
        ),
        (
            changed(Side.CIVICRM, "Benefits.Plans", kind="String"),
            "21:20",
            "`plans` is of type `choices`, and `Benefits.Plans` is String in CiviCRM.",
            "Use `choices` for several values, and only for them.",
        ),
        (
            changed(Side.CIVICRM, "Benefits.Premium", kind="String"),
            "27:22",
            "`premium` is of type `money`, and `Benefits.Premium` is String in CiviCRM.",
            "Types for it: text, long_text, organization, person, email, phone, url, postal_code, state, country, identifier.",
        ),
        (
            changed(Side.CIVICRM, "Benefits.Since", kind="Timestamp"),
            "22:20",
            "`since` is of type `date`, and `Benefits.Since` is Timestamp in CiviCRM.",
            "Add `from: datetime`.",
        ),
        (
            changed(Side.AIRTABLE, "Group name", kind="formula", writable=False),
            "16:48",
            "`Group name` cannot be written in Airtable (it is formula, or the account may not).",
            "Use `authority: airtable` or `report`, or give the account the right.",
        ),
        (
            changed(Side.CIVICRM, "Benefits.Status:name", options=words("on")),
            "19:126",
            "expected an option that `Benefits.Status:name` has in CiviCRM, found `off`.",
            "Options: `on`.",
        ),
        (
            changed(Side.AIRTABLE, "Status", options=words("Enroled", "Ended")),
            "19:111",
            "expected an option that `Status` has in Airtable, found `Enrolled`.",
            "Did you mean `Enroled`?",
        ),
    ],
)
def test_an_error_is_told_at_its_line_with_its_cure(
    find: Find, both: PerSide[Sight], place: str, message: str, hint: str
) -> None:
    errors = [each for each in find(both) if each.severity is Level.ERROR]
    assert [(each.where.partition("a.yaml:")[2], each.message, each.hint) for each in errors] == [(place, message, hint)]


def test_an_option_that_no_values_name_is_a_warning(find: Find) -> None:
    [finding] = find(changed(Side.AIRTABLE, "Status", options=words("Enrolled", "Ended", "On hold")))
    assert (finding.severity, finding.message) == (
        Level.WARNING,
        "no `values` name Airtable's option `On hold` of `Status`: cells with it are frozen (206).",
    )


def test_without_values_the_written_side_must_know_the_other_s_words(find: Find) -> None:
    [finding] = find(changed(Side.AIRTABLE, "Plans", options=words("dental", "vision", "life")))
    assert (finding.severity, finding.message) == (
        Level.WARNING,
        "Airtable's option `life` of `plans` is none of CiviCRM's.",
    )


def test_text_that_may_be_longer_than_civicrm_keeps_is_a_warning(find: Find) -> None:
    """CiviCRM cuts without a word what is longer than its column."""
    [finding] = find(
        sights(),
        ("airtable: Group name, type: text, authority: civicrm", "airtable: Group name, type: text, authority: either"),
    )
    assert finding.message == "`organization_name` keeps 128 characters in CiviCRM; longer values are reported, not cut."


def test_a_date_kept_as_text_is_a_warning(find: Find) -> None:
    [finding] = find(changed(Side.AIRTABLE, "Since", kind="singleLineText"))
    assert finding.severity is Level.WARNING


@pytest.mark.parametrize("kind", ["formula", "rollup", "multipleLookupValues"])
def test_a_computed_column_may_be_read_as_anything(find: Find, kind: str) -> None:
    assert find(changed(Side.AIRTABLE, "Heads", kind=kind, writable=False)) == []


def test_a_renamed_column_is_told_as_a_rename(find: Find) -> None:
    both = changed(Side.AIRTABLE, "Phone", gone=True, now="Telephone")
    drift = Drift(path="Phone", fault=Fault.RENAMED, detail="Field Phone of table Groups is called Telephone now.")
    both = PerSide(both.civicrm, dataclasses.replace(both.airtable, drift=(drift,)))
    [finding] = find(both)
    assert finding.message == "Field Phone of table Groups is called Telephone now."
    assert finding.hint == "Name it back, or write the new name here and run `bridge check --live --repin`."


def test_a_retyped_column_is_told_as_that(find: Find) -> None:
    both = sights()
    drift = Drift(
        path="Phone", fault=Fault.RETYPED, detail="Field Phone of table Groups was of type email and is phoneNumber now."
    )
    both = PerSide(both.civicrm, dataclasses.replace(both.airtable, drift=(drift,)))
    [finding] = find(both)
    assert finding.hint == "Change it back, or change `type` here and run `bridge check --live --repin`."


def test_what_civicrm_gives_by_name_is_text(find: Find) -> None:
    member = "member: {civicrm: membership.status_id.is_current_member,"
    [finding] = find(sights(), (member, 'member: {civicrm: "membership.status_id:name",'))
    assert finding.hint == "With `:name` or `:label` it is text: use `choice` or `text`."


def test_a_state_s_number_is_no_state(find: Find) -> None:
    both = changed(Side.CIVICRM, "Benefits.Premium", kind="Integer")
    changes = ("airtable: Premium, type: money", "airtable: City, type: state")
    assert [each.hint for each in find(both, changes)] == ["Write `Benefits.Premium:abbr`."]


def test_a_condition_s_field_must_exist(find: Find) -> None:
    [finding] = find(sights(), ("[[Archived, =, false]]", "[[Archive, =, false]]"))
    assert finding.message == "expected a field of Airtable's table `Groups`, found `Archive`."
    assert finding.hint == "Did you mean `Archived`?"


def test_a_create_whose_key_cannot_be_written_is_an_error(find: Find) -> None:
    both = changed(Side.AIRTABLE, "Civi ID", kind="autoNumber", writable=False)
    assert find(both) == []
    [finding] = find(both, ("unmatched: {civicrm: report", "unmatched: {civicrm: create"))
    assert finding.message == "the match key `Civi ID` cannot be written in Airtable: a create would be lost."


def test_a_file_that_has_gone_meanwhile_loses_only_the_places(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(SOUND.read_text())
    [mapping] = load(file)
    file.unlink()
    [finding] = hold_against(mapping, changed(Side.AIRTABLE, "Heads", kind="checkbox"))
    assert finding.where == f"{file}:1:1"
