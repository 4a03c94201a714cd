"""What bridge says: complete in both languages, plain, and never out of words."""

import ast
import dataclasses
import datetime as dt
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

import bridge
from bridge.core.canonical import Reason as Remark
from bridge.core.ledger import Entry, Event, Happened, Reason, State
from bridge.core.mapping import (
    AirtableSource,
    Authority,
    CivicrmSource,
    Field,
    FieldType,
    Mapping,
    Mode,
    Operator,
    Rule,
    Severity,
    Today,
)
from bridge.core.mapping import Test as Condition
from bridge.core.plan import Discrepancy
from bridge.core.record import PerSide, Side
from bridge.core.report import PlanState, Standing
from bridge.language import LANGUAGES, MISSING, Language, plain
from bridge.locales import sentences, wording

SOURCE = Path(bridge.__file__).parent
EN, ES = Language("en"), Language("es")
CODES = (
    *range(101, 108),
    *range(201, 209),
    *range(401, 406),
    *range(501, 506),
)

LAPSED = Rule(
    name="enrolled-without-membership",
    severity=Severity.HIGH,
    when=Condition("benefits_status", Operator.BLANK, operand=False, side=Side.AIRTABLE),
    say={"en": "{name} is enrolled; its membership ended on {membership_ends}.", "es": "{name} terminó el {membership_ends}."},
    do={"en": "Call the co-op."},
)
GROUPS = Mapping(
    name="groups",
    title={"en": "Benefits groups", "es": "Grupos de beneficios"},
    mode=Mode.OBSERVE,
    civicrm=CivicrmSource(entity="Organization"),
    airtable=AirtableSource(base="benefits", table="Groups"),
    match=(),
    fields={
        "benefits_status": Field(
            name="benefits_status", at=PerSide("Benefits.Status", "Status"), type=FieldType.TEXT, authority=Authority.AIRTABLE
        )
    },
    rules=(LAPSED,),
)


def a_discrepancy(code: int, **more: object) -> Discrepancy:
    given: dict[str, object] = {
        "mapping": "groups",
        "code": code,
        "severity": Severity.MEDIUM,
        "ids": PerSide("12", None),
        "name": "Arroyo Bakery",
        "field": "benefits_status",
    }
    return Discrepancy(**{**given, **more})  # type: ignore[arg-type]


def messages() -> set[tuple[str, ...]]:
    """Every message in the source and the templates; a plural one as both of its forms."""
    methods = [("**.py", "python"), ("**.html", "jinja2")]
    keywords = {"say": None, "N_": None, "plural": (1, 2), "NN_": (1, 2)}
    found = extract_from_dir(SOURCE, methods, {"**.html": {"silent": "false"}}, keywords)
    return {message if isinstance(message, tuple) else (message,) for _, _, message, _, _ in found}


def catalogue(code: str) -> Catalog:
    with (SOURCE / "locales" / code / "LC_MESSAGES" / "bridge.po").open("rb") as file:
        return read_po(file, locale=code)


def forms(text: object) -> tuple[str, ...]:
    return tuple(map(str, text)) if isinstance(text, (tuple, list)) else (str(text),)


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_catalogue_carries_every_message_and_no_other(code: str) -> None:
    assert {forms(message.id) for message in catalogue(code) if message.id} == messages()


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_message_is_translated_with_the_same_placeholders(code: str) -> None:
    for message in catalogue(code):
        if not message.id:
            continue
        assert not message.fuzzy
        asked = {name for text in forms(message.id) for _, name, _, _ in string.Formatter().parse(text) if name}
        for text in forms(message.string):
            assert text
            assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= asked
        told = {name for text in forms(message.string) for _, name, _, _ in string.Formatter().parse(text) if name}
        assert told == asked


def test_english_wording_is_its_own_message_id() -> None:
    assert all(forms(message.id) == forms(message.string) for message in catalogue("en") if message.id)


def test_no_spanish_message_was_left_in_english() -> None:
    same = {forms(m.id)[0] for m in catalogue("es") if m.id and m.id == m.string and " " in forms(m.id)[0]}
    assert same == set()


def test_every_code_has_its_own_words() -> None:
    assert tuple(wording.CODES) == CODES
    assert len({words.what for words in wording.CODES.values()}) == len(CODES)


def test_every_kind_has_a_word_in_both_languages() -> None:
    for language in (EN, ES):
        assert all(language.severity(each) for each in Severity)
        assert all(language.state(each) for each in State)
        assert all(language.standing(each) for each in Standing)
        assert all(language.plan_state(each) for each in PlanState)
        assert all(language.reason(each.value) != each.value for each in Reason)
    assert ES.severity(Severity.HIGH) == "alta"


@pytest.mark.parametrize("language", [EN, ES], ids=["en", "es"])
@pytest.mark.parametrize("code", CODES)
def test_a_code_is_one_sentence_and_what_to_do(code: int, language: Language) -> None:
    details = {"side": "Airtable", "whereabouts": "trashed", "candidate": "Arroyo Panadería"}
    sentence = language.discrepancy(a_discrepancy(code, details=details), GROUPS)
    for text in (sentence.what, sentence.do):
        assert text.endswith(".")
        assert MISSING not in text
        assert "{" not in text


def test_a_sentence_names_the_record_the_field_and_who_owns_it() -> None:
    assert EN.discrepancy(a_discrepancy(203), GROUPS).what == (
        "Arroyo Bakery: “benefits status” was edited in CiviCRM, but Airtable owns it."
    )
    assert EN.discrepancy(a_discrepancy(203)).what == (
        "Arroyo Bakery: “benefits status” was edited in the system that does not own it."
    )
    assert ES.discrepancy(a_discrepancy(201), GROUPS).what == (
        "Arroyo Bakery: «benefits status» está vacío en Airtable, al que le corresponde, y lleno en CiviCRM."
    )


def test_the_words_of_the_engine_are_said_in_the_readers_language() -> None:
    absent = a_discrepancy(106, details={"side": "CiviCRM", "whereabouts": "trashed"})
    assert ES.discrepancy(absent).what == (
        "Arroyo Bakery ya no se encuentra en CiviCRM: está en la papelera. No se cambió nada en Airtable."
    )


def test_a_remark_of_the_engine_is_said_in_the_readers_language() -> None:
    assert {each.value for each in Remark} == wording.REMARKS
    for each in Remark:
        remark = f"CiviCRM: {each}; Airtable: {Remark.NOT_PHONE}"
        found = a_discrepancy(206, details={"reason": remark})
        assert EN.discrepancy(found).reason == remark
        spanish = ES.discrepancy(found).reason
        assert str(each) not in spanish
        assert spanish.endswith("Airtable: Esto no es un número de teléfono completo.")
    refused = a_discrepancy(401, details={"reason": "12: Something; of theirs"})
    assert ES.discrepancy(refused).reason == "12: Something; of theirs"


def written(node: ast.AST) -> str | None:
    """A text as the source has it, with `{}` for whatever fills it; None for what is no text."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{\w*\}", "{}", node.value).strip()
    return None


def of_the_engine() -> Iterator[ast.AST]:
    """Every node of the engine's own source: of all that knows no language."""
    for folder in ("core", "service", "civicrm", "airtable", "store", "app"):
        for file in (SOURCE / folder).rglob("*.py"):
            yield from ast.walk(ast.parse(file.read_text(encoding="utf-8")))


def test_every_sentence_of_the_engine_is_still_worded_so() -> None:
    """A sentence whose wording changed would be told to Spanish readers in English."""
    told = {text for node in of_the_engine() if (text := written(node))}
    # A refusal of CiviCRM's is put together from parts, and a discrepancy's number is a name.
    put_together = {"CiviCRM refused {}.", "CiviCRM refused {}: {}.", "{} records to update", "Discrepancy {}"}
    known = {re.sub(r"\{\w*\}", "{}", each) for each in sentences.SENTENCES}
    assert known - told - put_together == set()


def test_every_reason_that_the_engine_gives_of_a_write_is_a_known_sentence() -> None:
    known = {re.sub(r"\{\w*\}", "{}", each) for each in sentences.SENTENCES}
    given = set()
    for node in of_the_engine():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            reasons = [each.value for each in node.keywords if each.arg == "reason"]
            reasons += node.args[:1] if node.func.id == "_refuse" else []
            given |= {text for each in reasons if (text := written(each))}
    assert len(given) > 10
    assert given - known == set()


@pytest.mark.parametrize("sentence", sorted(sentences.SENTENCES))
def test_a_sentence_of_the_engine_is_said_in_spanish_with_whatever_filled_it(sentence: str) -> None:
    names = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
    filled = {name: f"Zz{number}" for number, name in enumerate(sorted(names))}
    told = sentence.format(**filled)
    spanish = ES.sentence(told)
    assert EN.sentence(told) == told
    assert spanish == ES.say(sentence, **filled)
    assert all(each in spanish for each in filled.values())


def test_numbers_within_a_sentence_are_written_as_people_write_them_and_names_are_not() -> None:
    assert ES.sentence("1200 records to update in CiviCRM, at most 50 without a person.") == (
        "1,200 registros por actualizar en CiviCRM; sin una persona, 50 como máximo."
    )
    assert ES.sentence("undo of run 1200") == "se deshizo la ejecución 1200"


def test_sentences_that_follow_each_other_are_said_one_by_one_and_what_is_not_ours_stands() -> None:
    refused = "CiviCRM refused Contact.update: there is no such record. Other cells of the change were written."
    assert (
        ES.sentence(refused)
        == "CiviCRM rechazó Contact.update: no existe ese registro. Las demás celdas del cambio se escribieron."
    )
    assert ES.sentence("they differ and never agreed; `first_contact: report`: told, not written") == (
        "difieren y nunca coincidieron; `first_contact: report`: se avisa, no se escribe"
    )
    assert ES.sentence("DB Error: no such field. The record is gone or in the trash.") == (
        "DB Error: no such field. El registro ya no está o está en la papelera."
    )


def test_a_failure_is_said_by_its_kind_where_its_words_are_the_operators() -> None:
    assert (
        ES.failure("Unavailable", "Contact.get: CiviCRM cannot be reached (ConnectTimeout).") == "No llegó ninguna respuesta."
    )
    assert (
        ES.failure("RequestRejected", "Discrepancy 1204 is resolved. Next: Nothing.") == "La discrepancia 1204 está resuelta."
    )
    assert ES.failure("", "") == "Algo salió mal; quien administra bridge encuentra la causa en su registro."


def test_what_a_rule_asks_is_said_in_words() -> None:
    ends = Condition("benefits_status", Operator.BEFORE, operand=Today(30), side=Side.AIRTABLE)
    assert EN.question(ends, GROUPS) == "“benefits status” (Airtable) is before today plus 30 days"
    assert ES.question(ends, GROUPS) == "«benefits status» (Airtable) es anterior a hoy más 30 días"
    for operator in Operator:
        asked = Condition("benefits_status", operator, operand=dt.timedelta(days=7), side=Side.CIVICRM)
        assert EN.question(asked, GROUPS) != ES.question(asked, GROUPS)
    assert [ES.answer(each) for each in (True, False, None)] == ["sí", "no", "no se sabe: la celda no se puede leer"]


def test_a_title_in_the_mapping_goes_before_a_name() -> None:
    rule = dataclasses.replace(LAPSED, title={"en": "Enrolled, not a member", "es": "Inscrita sin membresía"})
    field = dataclasses.replace(GROUPS.fields["benefits_status"], title={"en": "status", "es": "estado"})
    titled = dataclasses.replace(GROUPS, rules=(rule,), fields={"benefits_status": field})
    assert (EN.title(300, LAPSED.name, titled), ES.title(300, LAPSED.name, titled)) == (
        "Enrolled, not a member",
        "Inscrita sin membresía",
    )
    assert ES.title(300, LAPSED.name) == "Enrolled without membership"
    assert (ES.field("benefits_status", titled), ES.field("benefits_status")) == ("estado", "benefits status")
    assert ES.called(a_discrepancy(504, name="Benefits groups"), GROUPS) == "Grupos de beneficios"


def test_a_rule_speaks_its_authors_words_with_dates_as_people_write_them() -> None:
    found = a_discrepancy(300, rule=LAPSED.name, details={"membership_ends": "2026-11-16"})
    assert EN.discrepancy(found, GROUPS).what == "Arroyo Bakery is enrolled; its membership ended on Nov 16, 2026."
    spanish = ES.discrepancy(found, GROUPS)
    assert spanish.what == "Arroyo Bakery terminó el 16 nov 2026."
    assert spanish.do == "Call the co-op.", "words the author gave in English only are better than none"


def test_a_rule_without_its_mapping_still_says_something() -> None:
    found = a_discrepancy(300, rule=LAPSED.name)
    assert EN.discrepancy(found).what == "Arroyo Bakery meets the rule “Enrolled without membership”."


def test_what_nothing_fills_is_an_ellipsis() -> None:
    found = a_discrepancy(300, rule=LAPSED.name)
    assert EN.discrepancy(found, GROUPS).what == f"Arroyo Bakery is enrolled; its membership ended on {MISSING}."


def test_an_entry_speaks_as_its_discrepancy() -> None:
    now = dt.datetime(2026, 11, 16, tzinfo=dt.UTC)
    found = a_discrepancy(204)
    entry = Entry(discrepancy=found, state=State.OPEN, opened_at=now, seen_at=now)
    assert EN.discrepancy(entry) == EN.discrepancy(found)


@given(
    code=st.integers(0, 999),
    name=st.text(),
    field=st.none() | st.text(),
    rule=st.none() | st.text(min_size=1),
    details=st.dictionaries(st.sampled_from(["side", "name", "reason", "membership_ends"]), st.text()),
)
def test_no_discrepancy_leaves_us_speechless(
    code: int, name: str, field: str | None, rule: str | None, details: dict[str, str]
) -> None:
    for language in (EN, ES):
        sentence = language.discrepancy(a_discrepancy(code, name=name, field=field, rule=rule, details=details), GROUPS)
        assert sentence.what
        assert "\n" not in sentence.what


def test_what_a_record_says_is_never_taken_for_a_placeholder() -> None:
    tricky = a_discrepancy(101, name="{side} {name.__class__} %s")
    assert EN.discrepancy(tricky).what == "{side} {name.__class__} %s is in CiviCRM and not in Airtable."


def test_a_name_cannot_turn_the_line_around_or_break_it() -> None:
    assert plain("Arroyo\u202eyrekaB\u2066 \x00Co\nop\ud800") == "ArroyoyrekaB Co op"
    assert plain("\u0646\u200c\u0648") == "\u0646\u200c\u0648", "a joiner that a language needs stays"


def test_plurals_dates_and_numbers_follow_the_language() -> None:
    assert [EN.age(0), EN.age(1), EN.age(1200)] == ["today", "1 day", "1,200 days"]
    assert [ES.age(0), ES.age(1), ES.age(3)] == ["hoy", "1 día", "3 días"]
    day = dt.date(2026, 11, 16)
    assert (EN.day(day), ES.day(day)) == ("Nov 16, 2026", "16 nov 2026")
    at = dt.datetime(2026, 11, 16, 3, 5, tzinfo=dt.UTC)
    assert Language("en", "America/New_York").moment(at) == "Nov 15, 2026 22:05 EST"


def test_an_unknown_language_speaks_english_and_a_region_is_ignored() -> None:
    assert (Language("fr").code, Language("es-MX").code, Language("ES_us").code) == ("en", "es", "es")


def test_an_authors_text_falls_back_to_english_and_then_to_anything() -> None:
    assert ES.text({"en": "Groups"}) == "Groups"
    assert ES.text({"fr": "Groupes"}) == "Groupes"
    assert ES.text({}) == ""


def test_the_words_are_for_staff() -> None:
    """No engineer's word in any sentence staff read."""
    jargon = re.compile(r"\b(null|sync|api|fingerprint|payload|boolean|timeout|token|exception)\b", re.IGNORECASE)
    said = [text for words in wording.CODES.values() for text in (words.title, words.what, words.do)]
    assert [text for text in said if jargon.search(text)] == []


@pytest.mark.parametrize(
    ("happened", "note", "told"),
    [
        (Happened.ACCEPTED, "timing · until the invoice comes", "se resuelve por sí sola · until the invoice comes"),
        (Happened.ACCEPTED, "timing", "se resuelve por sí sola"),
        (Happened.SNOOZED, "2026-12-24 · on leave", "24 dic 2026 · on leave"),
        (Happened.ASSIGNED, "maria · on Monday", "maria · on Monday"),
        (Happened.COMMENTED, "as agreed", "as agreed"),
        (
            Happened.ANSWERED,
            "Airtable's value was written to CiviCRM by run 5",
            "el valor de Airtable se escribió en CiviCRM en la ejecución 5",
        ),
    ],
)
def test_the_history_says_what_was_decided_and_what_somebody_said_of_it(happened: Happened, note: str, told: str) -> None:
    event = Event(fingerprint="f", happened=happened, at=dt.datetime(2026, 11, 16, tzinfo=dt.UTC), by="ana", note=note)
    assert ES.remark(event) == told
