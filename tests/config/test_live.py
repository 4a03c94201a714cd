"""A mapping held against both live schemas: what is missing, misfits or cannot be written is told at its line."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.config.drift import Pins
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
    def findings(both: PerSide[Sight], *changes: tuple[str, str], pins: PerSide[Pins] = PerSide({}, {})) -> list[Finding]:
        text = SOUND.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "a.yaml").write_text(text)
        mapping: Mapping = load(tmp_path)[0]
        return hold_against(mapping, both, pins)

    return findings


Find = Callable[..., list[Finding]]


def line(key: str) -> int:
    """The first line of the sound mapping that begins with this key."""
    starts = (f"{key}:", f"- {key}:")
    return next(number for number, text in enumerate(SOUND.read_text().splitlines(), 1) if text.strip().startswith(starts))


def place(key: str, what: str) -> str:
    """Where the sound mapping says `what` last in the line of `key`, as line and column."""
    return f"{line(key)}:{SOUND.read_text().splitlines()[line(key) - 1].rindex(what) + 1}"


def words(*names: str) -> tuple[Option, ...]:
    return tuple(Option(f"id-{name}", name) for name in names)


def test_nothing_is_found_where_both_systems_have_everything(find: Find) -> None:
    assert find(sights()) == []


@pytest.mark.parametrize(
    ("both", "place", "message", "hint"),
    [
        (
            changed(Side.AIRTABLE, "Phone", gone=True, now="Phone number"),
            place("phone", "Phone"),
            "expected a field of Airtable's table `Groups`, found `Phone`.",
            "Did you mean `Phone number`?",
        ),
        (
            changed(Side.CIVICRM, "Benefits.Since", gone=True),
            place("since", "Benefits.Since"),
            "expected a field of CiviCRM's `Organization` that this account may see, found `Benefits.Since`.",
            "Did you mean `Benefits.Plans`?",
        ),
        (
            changed(Side.CIVICRM, "external_identifier", gone=True, now="external_identifiers"),
            place("exact", "exact"),
            "expected a field of CiviCRM's `Organization` that this account may see, found `external_identifier`.",
            "Did you mean `external_identifiers`?",
        ),
        (
            changed(Side.AIRTABLE, "Since", kind="dateTime"),
            place("since", "Since"),
            "`since` is of type `date`, and `Since` is dateTime in Airtable.",
            "Add `from: datetime`, or make it a date in Airtable.",
        ),
        (
            changed(Side.AIRTABLE, "Status", kind="multipleSelects"),
            place("status", "Status"),
            "`status` is of type `choice`, and `Status` is multipleSelects in Airtable.",
            "Types for it: choices.",
        ),
        (
            changed(Side.AIRTABLE, "Heads", kind="checkbox"),
            place("heads", "Heads"),
            "`heads` is of type `integer`, and `Heads` is checkbox in Airtable.",
            "Types for it: boolean.",
        ),
        (
            changed(Side.CIVICRM, "Benefits.Plans", kind="String"),
            place("plans", "Benefits.Plans"),
            "`plans` is of type `choices`, and `Benefits.Plans` is String in CiviCRM.",
            "Use `choices` for several values, and only for them.",
        ),
        (
            changed(Side.CIVICRM, "Benefits.Premium", kind="String"),
            place("premium", "Benefits.Premium"),
            "`premium` is of type `money`, and `Benefits.Premium` is String in CiviCRM.",
            "Types for it: text, long_text, organization, person, email, phone, url, postal_code, state, country, identifier.",
        ),
        (
            changed(Side.CIVICRM, "Benefits.Since", kind="Timestamp"),
            place("since", "Benefits.Since"),
            "`since` is of type `date`, and `Benefits.Since` is Timestamp in CiviCRM.",
            "Add `from: datetime`.",
        ),
        (
            changed(Side.AIRTABLE, "Group name", kind="formula", writable=False),
            place("name", "Group name"),
            "`Group name` cannot be written in Airtable (it is formula, or the account may not).",
            "Use `authority: airtable` or `report`, or give the account the right.",
        ),
        (
            changed(Side.CIVICRM, "Benefits.Status:name", options=words("on")),
            place("status", "Ended"),
            "expected an option that `Benefits.Status:name` has in CiviCRM, found `off`.",
            "Options: `on`.",
        ),
        (
            changed(Side.AIRTABLE, "Status", options=words("Enroled", "Ended")),
            place("status", "Enrolled"),
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
    drift = Drift(path="Phone", fault=Fault.RENAMED, detail="Phone is Telephone now.", now="Telephone")
    both = PerSide(both.civicrm, dataclasses.replace(both.airtable, drift=(drift,)))
    [finding] = find(both)
    assert (finding.severity, finding.where.partition("a.yaml:")[2]) == (Level.ERROR, place("phone", "Phone"))
    assert finding.message == "Airtable's field `Phone` is called `Telephone` now: its cells are frozen (503)."
    lines = f"lines {line('phone')} and {line('airtable: {Phone')}"
    assert finding.hint == f"Write `Telephone` in {lines} (`bridge check --live --fix` does), or name it back."
    assert finding.rename is not None


def test_a_renamed_table_is_a_warning_for_it_is_read_by_its_id(find: Find) -> None:
    both = sights()
    table = FieldSight(path="", id="tbl0", name="Member groups", kind="table", writable=False)
    fields = {**both.airtable.fields, "": table}
    [finding] = find(PerSide(both.civicrm, dataclasses.replace(both.airtable, fields=fields)))
    assert (finding.severity, finding.where.partition("a.yaml:")[2]) == (Level.WARNING, place("airtable", "Groups"))
    assert finding.message == "Airtable's table `Groups` is called `Member groups` now: it is still read, by its id."


def test_a_renamed_option_is_told_once_and_not_as_gone_and_new(find: Find) -> None:
    both = sights()
    airtable = dataclasses.replace(both.airtable, reworded={"Status": {"Enrolled": "Enrolled 2027"}})
    [finding] = find(PerSide(both.civicrm, airtable))
    assert finding.message == (
        "Airtable's option `Enrolled` of `Status` is called `Enrolled 2027` now: it is still read, by its id."
    )
    pinned = PerSide({"Benefits.Status:name": seen("Benefits.Status:name", "String")}, {})
    now = changed(Side.CIVICRM, "Benefits.Status:name", options=(Option("id-on", "active"), Option("id-off", "off")))
    [finding] = find(now, pins=pinned)
    assert finding.message.startswith("CiviCRM's option `on` of `Benefits.Status:name` is called `active` now")


def test_an_option_that_was_there_is_told_as_deleted_and_a_new_one_as_new(find: Find) -> None:
    pinned = PerSide({}, {"Status": seen("Status", "singleSelect")})
    new, gone = find(changed(Side.AIRTABLE, "Status", options=words("Enrolled", "Paused")), pins=pinned)
    assert gone.hint.startswith("It was there when the schema was pinned: it was deleted since.")
    assert new.message.startswith("no `values` name Airtable's new option `Paused` of `Status`")


def test_a_field_that_was_there_is_told_as_deleted_or_as_a_right_that_was_lost(find: Find) -> None:
    pinned = PerSide({path: seen(path, kind) for path, (kind, _) in CIVICRM.items()}, {"Seen": seen("Seen", "dateTime")})
    [deleted] = find(changed(Side.AIRTABLE, "Seen", gone=True), pins=pinned)
    assert deleted.hint.startswith("It was there when the schema was pinned: it was deleted since.")
    [one] = find(changed(Side.CIVICRM, "Benefits.Since", gone=True), pins=pinned)
    assert one.hint.startswith(
        "It was there when the schema was pinned: it was removed, or this account lost the right to see it."
    )
    both = sights()
    fields = {path: sight for path, sight in both.civicrm.fields.items() if not path.startswith("Benefits.")}
    every = find(PerSide(dataclasses.replace(both.civicrm, fields=fields), both.airtable), pins=pinned)
    assert len(every) == 4
    assert {each.hint.partition(":")[0] for each in every} == {"All of `Benefits` is gone at once"}


def test_a_right_to_write_that_was_lost_is_told_as_that(find: Find) -> None:
    pinned = PerSide({}, {"Group name": seen("Group name", "singleLineText")})
    [finding] = find(changed(Side.AIRTABLE, "Group name", writable=False), pins=pinned)
    assert finding.message == "`Group name` could be written in Airtable when it was pinned, and cannot be now."


def test_a_retyped_column_is_told_as_that(find: Find) -> None:
    both = sights()
    drift = Drift(
        path="Phone", fault=Fault.RETYPED, detail="Field Phone of table Groups was of type email and is phoneNumber now."
    )
    both = PerSide(both.civicrm, dataclasses.replace(both.airtable, drift=(drift,)))
    [finding] = find(both)
    assert finding.hint == "Change it back; or if it is meant, see that `type` fits and run `bridge check --live --repin`."


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
