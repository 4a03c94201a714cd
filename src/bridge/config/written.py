"""A proposal written down as a mapping file, its evidence as comments: counts, fields and options, never what a cell holds.

What is written passes `bridge check` as it is, observes, and gives no field an owner.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bridge.config.evidence import agreement, owners, would_link
from bridge.core.linking import may_be_key
from bridge.core.mapping import FieldType, Key, Related
from bridge.core.pairing import Paired
from bridge.core.proposal import Proposal, is_private, sensitive
from bridge.core.record import PerSide, Side
from bridge.core.survey import Candidate

_PLAIN = re.compile(r"[^\W\d][\w .\-/()]*(?<! )")
_CONSTANTS = {"true", "false", "null"}
_RESERVED = frozenset({"discrepancies"})
_LEAST_SIMILAR = 0.88
_MOST_LISTED = 30

_LEGEND = """\
  # Above each field: how many of the cells that both sides fill are equal, however they are written; then who could own it.
  # `authority: report` compares and tells, and never writes. Choose instead
  #   civicrm   where CiviCRM is kept up and Airtable only shows it: an edit in Airtable is put back, and told
  #   airtable  where Airtable is kept up and CiviCRM only shows it: an edit in CiviCRM is put back, and told
  #   either    where both are kept up: an edit travels; if both were edited, a person decides"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a draft is called and about. `parents` are the mappings there are already, by the Airtable table they map."""

    name: str
    day: str
    entity: str
    base: str
    table: str
    timezone: str
    related: tuple[Related, ...]
    parents: Mapping[str, str]
    unread: tuple[tuple[str, str], ...]


def written(proposal: Proposal, heading: Heading) -> str:
    """The text of the mapping file."""
    names = field_names(proposal)
    parts = [
        _opening(proposal, heading),
        _sources(proposal, heading),
        _match(proposal),
        _fields(proposal, heading, names),
        _closing(proposal, heading, names),
    ]
    return "\n\n".join(parts) + "\n"


def word(text: str) -> str:
    """`text` as a YAML scalar that reads back as it is, in quotes only where it needs them."""
    plain = _PLAIN.fullmatch(text) and text.casefold() not in _CONSTANTS
    return text if plain else json.dumps(text, ensure_ascii=False)


def field_names(proposal: Proposal) -> dict[PerSide[str], str]:
    """A name for each pair: `name` for what people call the record, else that of the column."""
    called = ("organization_name", "display_name", "household_name", "last_name")
    paths = {each.at.civicrm.path for each in proposal.pairings.pairs}
    naming = next((path for path in called if path in paths), None)
    taken = set(_RESERVED)
    found = {}
    for each in proposal.pairings.pairs:
        at = each.at.map(lambda one: one.path)
        wanted = "name" if at.civicrm == naming else slug(at.airtable)
        found[at] = _free(wanted, taken | ({"name"} if naming and wanted != "name" else set()))
        taken.add(found[at])
    return found


def slug(text: str, joint: str = "_") -> str:
    """`text` as a name of small letters, digits and `joint`."""
    made = re.sub(r"[^a-z0-9]+", joint, re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).casefold()).strip(joint)
    return made if made[:1].isalpha() else f"field{joint}{made}".rstrip(joint)


def _free(wanted: str, taken: Iterable[str]) -> str:
    known = set(taken)
    numbers = (f"{wanted}_{number}" for number in range(2, len(known) + 3))
    return wanted if wanted not in known else next(each for each in numbers if each not in known)


def _opening(proposal: Proposal, heading: Heading) -> str:
    rows = proposal.rows
    return f"""\
# yaml-language-server: $schema=bridge-mapping.schema.json
#
# Drafted by `bridge init` on {heading.day}, from {rows.airtable} rows of Airtable's table {heading.table}
# and {rows.civicrm} records of CiviCRM's {heading.entity}; {proposal.linked} belong together: the linked records below.
#
# It observes: nothing is written to either system before you choose an owner for each field, say `mode: correct`, and
# BRIDGE_MODE says it too. Read it from top to bottom, remove what you do not need, and replace these comments by your reasons.

mapping: {heading.name}
title: {{en: {word(heading.table)}}}
mode: observe"""


# ── where the records are ──


def _sources(proposal: Proposal, heading: Heading) -> str:
    lines = ["civicrm:", f"  entity: {heading.entity}"]
    if proposal.sub_type:
        lines += ["  where:", "    # Nearly every linked record is one. Others are neither read nor touched."]
        lines.append(f"    - [contact_sub_type, CONTAINS, {word(proposal.sub_type)}]")
    used = {each.at.civicrm.path.partition(".")[0] for each in proposal.pairings.pairs}
    if wanted := [each for each in heading.related if each.alias in used]:
        lines.append("  related:")
        lines += [line for each in wanted for line in _related(each)]
    lines += ["", "airtable:", f"  base: {word(heading.base)}", f"  table: {word(heading.table)}"]
    if proposal.set_aside:
        conditions = ", ".join(f'[{word(path)}, "=", false]' for path in proposal.set_aside)
        lines.append(f"  where: [{conditions}]    # rows that are ticked are left alone")
    return "\n".join(lines)


def _related(each: Related) -> Iterator[str]:
    yield "    # A record may have several. The one that counts: a current one before any other, then the one that ends last."
    yield f"    {each.alias}:"
    yield f"      entity: {each.entity}"
    yield f"      by: {each.by}"
    if each.pick is not None:
        prefer = ", ".join(f"{path}: {json.dumps([*best])}" for path, best in each.pick.prefer.items())
        yield "      pick:"
        yield f"        prefer: {{{prefer}}}"
        yield f"        latest: {each.pick.latest}"


# ── who is who ──


def _match(proposal: Proposal) -> str:
    lines = ["# Who is who. Records that were linked once stay linked; for the others these are tried in order.", "match:"]
    for each in proposal.exact:
        lines += [f"  # {would_link(each)}", *_exact(each.keys)]
    if not proposal.exact:
        lines.append("  # NO KEY WAS FOUND that links enough rows. This one is a guess from names alone: look at it first.")
        lines += _exact([_guess(proposal)])
    if proposal.similar:
        name, *within = proposal.similar
        lines.append("  # Nearly the same name: a person is asked, nothing is linked.")
        lines.append(f"  - similar: {{{_pair(name)}, least: {_LEAST_SIMILAR}}}")
        if within:
            lines.append(f"    within: {_pairs(within)}")
    if proposal.others:
        lines.append("  # Weighed and not taken, because people share them, change them, or have the same:")
        lines += [f"  #   {_pair(each.keys[0])}: {would_link(each)}" for each in proposal.others]
    return "\n".join(lines)


def _exact(keys: Iterable[Key]) -> list[str]:
    known = [*keys]
    if len(known) == 1:
        return [f"  - exact: {{{_pair(known[0])}}}"]
    return ["  - exact:", *(f"      - {{{_pair(key)}}}" for key in known)]


def _pairs(keys: Iterable[Key]) -> str:
    made = [f"{{{_pair(key)}}}" for key in keys]
    return made[0] if len(made) == 1 else f"[{', '.join(made)}]"


def _pair(key: Key) -> str:
    kind = "" if key.type is FieldType.IDENTIFIER else f", as: {key.type}"
    return f"civicrm: {word(key.at.civicrm)}, airtable: {word(key.at.airtable)}{kind}"


def _guess(proposal: Proposal) -> Key:
    """Something to begin with where nothing links: the pair that is named most alike, else the ids of both."""
    found = proposal.pairings
    named = next((each for each in (*found.pairs, *found.perhaps) if may_be_key(each.type)), None)
    left = found.left.map(lambda side: [each.path for each in side])
    fallback = PerSide(
        "external_identifier" if "external_identifier" in left.civicrm else "id", next(iter(left.airtable), "ID")
    )
    at = named.at.map(lambda one: one.path) if named else fallback
    return Key(at=at, type=FieldType.IDENTIFIER)


# ── what belongs together ──


def _fields(proposal: Proposal, heading: Heading, names: Mapping[PerSide[str], str]) -> str:
    lines = ["fields:", _LEGEND]
    for each in proposal.pairings.pairs:
        lines += ["", *_field(each, names[each.at.map(lambda one: one.path)], heading)]
    if not _mapped(proposal, heading):
        first = next(iter((*proposal.pairings.left.airtable, *proposal.pairings.left.civicrm)), None)
        lines += ["", "  # No pair was found. This one is there to begin with.", f"  {_alone(first)}" if first else "  {}"]
    if proposal.pairings.perhaps:
        lines += ["", "  # ── perhaps: named alike, and too few records hold a value on both sides to judge by ──"]
        lines += [f"  # {_line(each, slug(each.at.airtable.path))}" for each in proposal.pairings.perhaps]
    lines += _left_over(proposal, heading)
    return "\n".join(lines)


def _mapped(proposal: Proposal, heading: Heading) -> list[Paired]:
    return [each for each in proposal.pairings.pairs if each.type is not FieldType.REFERENCE or _parent(each, heading)]


def _parent(each: Paired, heading: Heading) -> str:
    return heading.parents.get(each.at.airtable.links_to, "")


def _field(each: Paired, name: str, heading: Heading) -> Iterator[str]:
    yield f"  # {agreement(each)}"
    yield from (f"  # {line}" for line in owners(each))
    if sensitive(each):
        yield "  # Sensitive, by its name: its value is not shown in Slack, logs or error texts."
    if each.type is FieldType.REFERENCE and not _parent(each, heading):
        yield f"  # Write a mapping for the table {each.at.airtable.links_to} first, and name it in `to`:"
        yield f"  # {_line(each, name)}"
    elif each.values:
        yield from _choice(each, name)
    else:
        yield f"  {_line(each, name, _parent(each, heading))}"


def _line(each: Paired, name: str, to: str = "") -> str:
    parts = [f"civicrm: {word(each.at.civicrm.path)}", f"airtable: {word(each.at.airtable.path)}", f"type: {each.type}"]
    if each.type is FieldType.REFERENCE:
        parts.append(f"to: {to or 'its-mapping'}")
    if {one.type for _, one in each.at} == {FieldType.DATE, FieldType.DATETIME}:
        parts.append("from: datetime")
    parts += ["authority: report", *(["sensitive: true"] if sensitive(each) else [])]
    return f"{name}: {{{', '.join(parts)}}}"


def _choice(each: Paired, name: str) -> Iterator[str]:
    yield f"  {name}:"
    yield f"    civicrm: {word(each.at.civicrm.path)}"
    yield f"    airtable: {word(each.at.airtable.path)}"
    yield f"    type: {each.type}"
    yield "    authority: report"
    if sensitive(each):
        yield "    sensitive: true"
    yield "    values:    # CiviCRM's name: Airtable's option, and how many linked records say so"
    for option, meant in each.values.items():
        seen = each.seen.get(option, 0)
        yield f"      {word(option)}: {word(meant)}    # {seen or 'none, but worded alike'}"
    for option in each.at.civicrm.options:
        if option not in each.values:
            yield f"      # {word(option)}: …    # too few linked records hold it; name it if it is used"
    if unnamed := [option for option in each.at.airtable.options if option not in each.values.values()]:
        yield f"      # Airtable also has {', '.join(map(word, unnamed))}: cells with it are told (206) until it is named here."


# ── what stands on one side ──


def _left_over(proposal: Proposal, heading: Heading) -> list[str]:
    lines: list[str] = []
    maybe = {(side, at.path) for each in proposal.pairings.perhaps for side, at in each.at}
    for side, left in proposal.pairings.left:
        known = proposal.filled[side]
        listed = [each for each in left if known[each.path] and (side, each.path) not in maybe and _can_stand_alone(each)]
        listed.sort(key=lambda each: -known[each.path])
        if listed:
            lines += ["", f"  # ── only in {side.title}, read for rules: take the # off where a rule needs it ──"]
            lines += [f"  # {_alone(each)}    # filled in {known[each.path]}" for each in listed[:_MOST_LISTED]]
        rest = [each.path for each in left if each not in listed and (side, each.path) not in maybe]
        if side is Side.AIRTABLE:
            rest += [f"{name} ({kind})" for name, kind in heading.unread]
            if rest:
                lines.append(f"  # Also there, and blank, a link, or of a kind that is not drafted: {', '.join(rest)}.")
        elif hidden := len(rest) + len(listed[_MOST_LISTED:]):
            lines.append(f"  # {hidden} more fields hold nothing, or little, in the linked records.")
    return lines


def _can_stand_alone(each: Candidate) -> bool:
    return each.type is not FieldType.REFERENCE


def _alone(each: Candidate) -> str:
    private = ", sensitive: true" if is_private(each.path) else ""
    name = slug(re.sub(r"^\w+_primary\.|(_id)?:\w+$", "", each.path))
    return f"{name}: {{{each.side}: {word(each.path)}, type: {each.type}{private}}}"


# ── the rest ──


def _closing(proposal: Proposal, heading: Heading, names: Mapping[PerSide[str], str]) -> str:
    lines = [
        "# A record without partner. `report` tells it; `create` would make the other one, once you are sure of `match`.",
        "unmatched: {civicrm: ignore, airtable: report}",
        "",
        "# What you would check by hand: copy a rule from another mapping, and write an example with it.",
        "# rules:",
        "#   short-name-of-it:",
        "#     severity: medium",
        "#     when: [{airtable: a_field, is: a value}]",
        '#     say: {en: "{name} …", es: "{name} …"}',
        "",
        "# The zone of what `today` means. `sync`, `sweep` and `digest` say when it runs under `bridge serve`.",
        "schedule:",
        f"  timezone: {word(heading.timezone)}",
        '  # sweep: {at: "05:00", on: mon-fri}',
        '  # digest: {at: "09:00", on: mon-fri}',
    ]
    return "\n".join([*lines, *_example(proposal, names)])


def _example(proposal: Proposal, names: Mapping[PerSide[str], str]) -> Iterator[str]:
    """One example with invented words, to show the form."""
    texts = [each for each in proposal.pairings.pairs if each.type is FieldType.TEXT]
    for each in texts[:1]:
        yield ""
        yield "# Pairs of rows with what should come of them. `bridge check` runs them and says what none touches."
        yield "examples:"
        yield "  - name: spaces at the ends are no difference"
        yield f"    civicrm: {{{word(each.at.civicrm.path)}: Arroyo}}"
        yield f'    airtable: {{{word(each.at.airtable.path)}: " Arroyo "}}'
        yield f"    expect: {{{names[each.at.map(lambda one: one.path)]}: agreed}}"
