"""A pair that is recognised by its marks comes out as if it were compared: the same plans, ledger, writes and state."""

import dataclasses
import datetime as dt
import random
import shutil
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from bench import Bench
from bridge.core import ledger
from bridge.core.document import document
from bridge.core.knowledge import Known
from bridge.core.mapping import Authority, FieldType, Mapping, Mode, OnEdit, Operator, Rule, Severity, Today, Unmatched
from bridge.core.mapping import Test as Question
from bridge.core.record import Json, Link, PerSide, Side
from bridge.core.sight import Drift, Fault
from bridge.service.order import Kind, Order
from bridge.service.undo import prepare, undo
from bridge.store import SqlStore, open_store
from bridge.store.schema import marks
from builders import a_field, a_mapping
from fakes import FakeClock

C, A = Side.CIVICRM, Side.AIRTABLE
PAIRS = 3
STEPS = 30
FIELDS = (
    a_field("name", clear=True),
    a_field("email", type=FieldType.EMAIL, authority=Authority.EITHER, on_edit=OnEdit.REPORT, sensitive=True),
    a_field("ends", type=FieldType.DATE, authority=Authority.REPORT),
    a_field("group", type=FieldType.REFERENCE, to="parents", authority=Authority.CIVICRM),
    a_field("size", type=FieldType.INTEGER, airtable=None),
)
SOON = Rule(
    name="soon", severity=Severity.LOW, when=Question("ends", Operator.BEFORE, Today(days=3), C), say={"en": "{name} ends."}
)
WORDS: dict[str, tuple[Json, ...]] = {
    "name": ("Arroyo", "Cedar", None),
    "email": ("a@example.org", "b@example.org", "no address"),
    "ends": ("2026-12-24", "2026-11-18"),
    "group": ("7", "8"),
    "size": (3, "many"),
}


def the_mapping(*, version: int = 1, ruled: bool = True) -> Mapping:
    """What is mapped; another version says the same under another digest but that the names are CiviCRM's no more."""
    fields = FIELDS if version == 1 else (dataclasses.replace(FIELDS[0], authority=Authority.REPORT), *FIELDS[1:])
    return a_mapping(
        *fields,
        rules=(SOON,) if ruled else (),
        unmatched=PerSide(Unmatched.REPORT, Unmatched.REPORT),
        digest=f"mapping-{version}-{ruled}",
    )


def marked(store: SqlStore) -> int:
    """How many pairs the state has marks of."""
    with store.database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(marks)).scalar_one())


def wire(side: Side, path: str, value: Json) -> Json:
    return [f"recParent{value}"] if path == "group" and side is A else value


def a_bench(folder: Path, name: str) -> tuple[Bench, SqlStore]:
    clock = FakeClock()
    store = open_store(f"sqlite:///{folder}/{name}.db", [], clock)
    bench = Bench(store, clock, the_mapping())
    with store.runs.lease("parents", "test"):
        for number in WORDS["group"]:
            store.knowledge.confirm("parents", Link(str(number), f"recParent{number}"), "olga")
    for side in Side:
        rows = bench.civicrm.rows if side is C else bench.airtable.rows
        for number in range(1, PAIRS + 1):
            cells = {path: wire(side, path, words[0]) for path, words in WORDS.items()}
            row = {"code": f"K{number}", **cells}
            rows[str(number) if side is C else f"rec{number}"] = row if side is C else {k.title(): v for k, v in row.items()}
    return bench, store


def a_step(dice: random.Random) -> tuple[Any, ...]:
    """Something that happens between two runs, or a run."""
    side, number = dice.choice([*Side]), dice.randint(1, PAIRS)
    mode = dice.choice([Mode.CORRECT, Mode.CORRECT, Mode.OBSERVE])
    edit = ("edit", side, number, dice.choice(sorted(WORDS)), dice.randrange(3))
    sync = ("sync", mode, dice.choice([Kind.SWEEP, Kind.DELTA]))
    rare = [
        ("one", number),
        ("undo",),
        ("snooze", dice.randrange(3)),
        ("days", dice.randint(1, 20)),
        ("mapping", dice.randint(1, 2), dice.random() < 0.5),
        ("drift", dice.choice([None, None, "Name", "Email"])),
        ("lose", side, number),
        ("unlink", number),
        ("parent",),
        ("broken", side),
    ]
    return dice.choice([edit, edit, edit, sync, sync, sync, dice.choice(rare), dice.choice(rare)])


def take(bench: Bench, store: SqlStore, step: tuple[Any, ...]) -> object:  # noqa: C901, PLR0912  # one branch a step
    """Do the step; what came of it."""
    remotes = {C: bench.civicrm, A: bench.airtable}
    match step:
        case ("edit", side, number, path, which):
            native, title = (str(number), path) if side is C else (f"rec{number}", path.title())
            words = WORDS[path]
            remotes[side].rows[native][title] = wire(side, path, words[which % len(words)])
            remotes[side].edited.add(native)
        case ("sync", mode, kind):
            if kind is Kind.DELTA:
                bench.airtable.lost = frozenset()  # what Airtable keeps from a delta only a sweep finds
            return told(bench, bench.sync(mode, kind))
        case ("one", number):
            return told(bench, bench.sync(kind=Kind.RECORD, record=(C, str(number))))
        case ("undo",):
            written = [each for each in store.runs.list() if each.counts.get("written")]
            if written:
                order = Order(mode=Mode.CORRECT, by="olga", kind=Kind.UNDO)
                bench.clock.forward(minutes=1)
                undo(prepare(written[0].id, bench.mapping, bench.means), order, bench.means)
        case ("snooze", which):
            live = [each for each in store.ledger.list() if each.state is ledger.State.OPEN]
            if live:
                entry = live[which % len(live)]
                done, event = ledger.snooze(entry, None, by="olga", at=bench.clock())
                store.ledger.move(bench.mapping.name, lambda _: ([done], [event]))
        case ("days", count):
            bench.clock.forward(days=count)
        case ("mapping", version, ruled):
            bench.use(the_mapping(version=version, ruled=ruled))
        case ("drift", path):
            bench.airtable.drift = (Drift(path=path, fault=Fault.GONE, detail="gone"),) if path else ()
        case ("lose", side, number):
            remotes[side].lost ^= {str(number) if side is C else f"rec{number}"}
        case ("unlink", number):
            link = Link(str(number), f"rec{number}")
            if link in store.knowledge.load(bench.mapping).links:
                store.knowledge.unlink(bench.mapping.name, link, "olga")
                store.knowledge.confirm(bench.mapping.name, link, "olga")
        case ("parent",):
            link = Link("8", "recParent8")
            if ("parents", link) in store.knowledge.find_link(C, "8"):
                store.knowledge.unlink("parents", link, "olga")
            else:
                store.knowledge.confirm("parents", link, "olga")
        case ("broken", side):
            remotes[side].complete = not remotes[side].complete
    return None


def told(bench: Bench, result: Any) -> object:
    """What came of a run. Of what a delta tells the ledger says enough: it does not tell again what was told."""
    plan = result.plan
    if plan is not None and not plan.complete:
        return (result.state, plan.changes, plan.links, plan.agreed, bench.writes)
    return (result.state, result.counts, plan and document(plan), plan and plan.agreed, bench.writes)


def state(bench: Bench, store: SqlStore) -> object:
    """All that both states should have alike."""
    known: Known = store.knowledge.load(bench.mapping)
    return (
        dataclasses.replace(known, marks={}, salt="", bases={link: {**bases} for link, bases in known.bases.items()}),
        [dataclasses.replace(each, id=0, runs=0, seen_at=bench.clock()) for each in store.ledger.list()],
        bench.civicrm.rows,
        bench.airtable.rows,
    )


@pytest.mark.parametrize("seed", range(3))
def test_with_and_without_marks_every_run_tells_writes_and_stores_the_same(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  # nothing secret
    steps = [a_step(dice) for _ in range(STEPS)]
    skipped = 0
    with ExitStack() as stack:
        open_store(f"sqlite:///{tmp_path}/with.db", [], FakeClock()).close()
        shutil.copy(tmp_path / "with.db", tmp_path / "without.db")  # with the same pepper, so that evidence is alike
        benches = [a_bench(tmp_path, name) for name in ("with", "without")]
        for _, store in benches:
            stack.enter_context(closing(store))
        for place, step in enumerate([("sync", Mode.CORRECT, Kind.SWEEP), *steps, ("sync", Mode.CORRECT, Kind.SWEEP)]):
            with benches[1][1].database.writing() as connection:
                connection.execute(delete(marks))
            ends = [take(bench, store, step) for bench, store in benches]
            assert ends[0] == ends[1], steps[:place]
            assert repr(state(*benches[0])) == repr(state(*benches[1])), steps[:place]
            skipped += marked(benches[0][1])
    assert skipped > 0, "there were marks to be believed"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[Bench, SqlStore]]:
    bench, store = a_bench(tmp_path, "kept")
    with closing(store):
        yield bench, store


def quiet_now(bench: Bench) -> int:
    """Of how many pairs a run would not ask what they agreed on."""
    asked: list[int] = []
    knowledge = bench.store.knowledge
    bases = knowledge.bases
    object.__setattr__(knowledge, "bases", lambda mapping, wanted: asked.append(len(wanted)) or bases(mapping, wanted))
    bench.sync()
    object.__delattr__(knowledge, "bases")
    return PAIRS - asked[-1]


def test_a_pair_that_came_out_quiet_is_not_looked_up_again(kept: tuple[Bench, SqlStore]) -> None:
    bench, store = kept
    bench.use(the_mapping(ruled=False))
    assert quiet_now(bench) == PAIRS, "nothing is linked yet"
    assert marked(store) == PAIRS
    assert quiet_now(bench) == PAIRS
    bench.airtable.rows["rec1"]["Email"] = "b@example.org"
    assert quiet_now(bench) == PAIRS - 1
    assert marked(store) == PAIRS - 1, "the write that agreed took the marks away"
    assert quiet_now(bench) == PAIRS - 1
    assert quiet_now(bench) == PAIRS


def test_a_rule_that_asks_the_day_is_asked_every_day(kept: tuple[Bench, SqlStore]) -> None:
    bench, _ = kept
    for rows, path in ((bench.civicrm.rows, "ends"), (bench.airtable.rows, "Ends")):
        for row in rows.values():
            row[path] = "2026-12-24"
    bench.sync()
    assert quiet_now(bench) == PAIRS
    bench.clock.forward(days=1)
    assert quiet_now(bench) == 0
    bench.clock.now = dt.datetime(2026, 12, 22, 14, tzinfo=dt.UTC)
    bench.sync()
    assert bench.codes() == [300] * PAIRS


def test_another_state_key_believes_no_mark(tmp_path: Path) -> None:
    """A base that is locked with a key which is gone must be agreed on anew."""
    salts = []
    for keys in ([], [b64encode(b"k" * 32).decode()], [b64encode(b"l" * 32).decode(), b64encode(b"k" * 32).decode()]):
        with closing(open_store(f"sqlite:///{tmp_path}/bridge.db", keys, FakeClock())) as store:
            salts.append(store.knowledge.load(the_mapping()).salt)
    assert len(set(salts)) == 3


def test_rows_that_go_back_to_what_they_were_are_agreed_on_anew(kept: tuple[Bench, SqlStore]) -> None:
    """With marks of before the write, Airtable's next edit would look like CiviCRM's."""
    bench, store = kept
    bench.use(the_mapping(ruled=False)).sync()
    bench.civicrm.rows["1"]["name"] = "Cedar"
    bench.sync()
    assert bench.airtable.rows["rec1"]["Name"] == "Cedar"
    bench.civicrm.rows["1"]["name"] = bench.airtable.rows["rec1"]["Name"] = "Arroyo"
    bench.sync()
    assert store.knowledge.load(bench.mapping).bases[Link("1", "rec1")]["name"] == "Arroyo"


def partners_read(bench: Bench, kind: Kind = Kind.DELTA) -> list[str]:
    """The Airtable records that a run reads by id."""
    asked: list[str] = []
    read = bench.airtable.read
    bench.airtable.read = lambda ids: asked.extend(ids) or read(ids)  # type: ignore[method-assign]  # a test's own ear
    bench.sync(kind=kind)
    bench.airtable.read = read  # type: ignore[method-assign]
    return asked


def test_a_pair_that_was_told_of_is_not_read_again_by_a_delta_until_something_moves(kept: tuple[Bench, SqlStore]) -> None:
    bench, _ = kept
    bench.use(the_mapping(ruled=False))
    bench.airtable.rows["rec1"]["Ends"] = "2026-11-18"
    bench.sync()
    [told_of] = bench.store.ledger.list(state="open")
    bench.airtable.edited.clear()
    assert partners_read(bench) == []
    bench.civicrm.rows["1"]["ends"] = "2026-11-18"
    assert partners_read(bench) == ["rec1"]
    bench.civicrm.rows["1"]["ends"] = "2026-12-24"
    assert partners_read(bench) == ["rec1"]
    assert partners_read(bench) == []
    bench.sync()
    assert [each.fingerprint for each in bench.store.ledger.list(state="open")] == [told_of.fingerprint], (
        "a sweep tells it still"
    )


def test_what_a_system_would_not_take_is_tried_by_every_delta(kept: tuple[Bench, SqlStore]) -> None:
    """A person who adds the option that was missing edits no row."""
    bench, _ = kept
    bench.use(the_mapping(ruled=False)).sync()
    bench.civicrm.rows["1"]["group"] = "9"
    bench.sync()
    bench.airtable.edited.clear()
    assert bench.codes() == [401]
    assert partners_read(bench) == ["rec1"]
