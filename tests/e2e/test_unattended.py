"""What a service meets that nobody looks after: each remote away, slow or flapping, its credential gone, its quota used up.

Every case goes through the real schedule, worker, runs and messages, under a clock that the tests move. Whatever it is: nothing
is lost, nothing storms when it is over, and people hear once that it broke and once that it is back.
"""

import datetime as dt
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from bridge import retry
from bridge.ports import RunState
from bridge.sandbox.airtable import TOKEN
from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.federation_airtable import BASE
from bridge.store import backup, check
from unattended import Unattended

AWAY, BACK = "cannot be read since", "can be read again"


@pytest.fixture(autouse=True)
def no_waits() -> Iterator[None]:
    with retry.no_waits():
        yield


@pytest.fixture(scope="module")
def monday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """How everything stands on Monday at half past nine, after a sweep, a sync and the digest."""
    folder = tmp_path_factory.mktemp("monday")
    with retry.no_waits(), Unattended(tmp_path_factory.mktemp("first")) as made:
        made.until("2026-11-30T09:30").save(folder)
    return folder


@pytest.fixture
def serving(tmp_path: Path, monday: Path) -> Iterator[Unattended]:
    """A process that goes on from there by its schedule."""
    with Unattended(tmp_path, after=monday) as made:
        yield made


def edited(serving: Unattended, number: int = 0) -> Callable[[], tuple[str, str]]:
    """Staff correct an e-mail in Airtable and a telephone number in CiviCRM; what the other side has of it."""
    contact, record = serving.pair(number)
    other, group = serving.pair(number + 1)
    serving.box.airtable.edit(BASE, "Groups", record, {"Contact email": f"new{number}@mail.example"})
    serving.box.civicrm.staff_update("Contact", other, {"phone_primary.phone": f"(413) 555-01{60 + number}"})

    def arrived() -> tuple[str, str]:
        emails = serving.box.civicrm.site.rows["Email"].rows.values()
        [email] = [each["email"] for each in emails if each["contact_id"] == contact and each.get("is_primary")]
        return str(email), "".join(filter(str.isdigit, str(serving.groups[group].get("Phone"))))[-10:]

    return arrived


def meant(number: int = 0) -> tuple[str, str]:
    """What both sides are to have of what `edited` typed."""
    return f"new{number}@mail.example", f"41355501{60 + number}"


# ── mapping files that are changed ──


def test_mapping_files_that_went_wrong_are_told_once_and_those_from_before_stay_until_they_are_mended(
    serving: Unattended,
) -> None:
    [file] = serving.app.settings.mappings.glob("*.yaml")
    sound, arrived = file.read_text(), edited(serving)
    file.write_text(sound.replace("entity: Organization", "entity: Organization\n  entiti: Household"))
    serving.until("2026-11-30T12:00")
    assert arrived() == meant(), "the runs go on with the old ones"
    [told] = serving.posted("Mapping files were changed and are wrong")
    assert told.endswith("What to mend: groups.yaml line 7.")
    assert not any(each.ok for each in serving.serving._checks() if each.what == "mappings")
    file.write_text(sound.replace("email", "e-mail", 1))
    serving.until("2026-11-30T14:00")
    assert len(serving.posted("Mapping files")) == 1, "wrong in another way is not told again"
    file.write_text(sound)
    serving.until("2026-11-30T16:00")
    assert [len(serving.posted("Mapping files")), len(serving.posted("mapping files are right again"))] == [1, 1]
    assert serving.settled()


# ── a remote that is away ──


@pytest.mark.parametrize("side", ["civicrm", "airtable"])
@pytest.mark.parametrize(
    ("kind", "till", "fails"),
    [
        (FaultKind.DROP_BEFORE, "2026-11-30T09:50", 0),
        (FaultKind.DROP_BEFORE, "2026-11-30T13:00", 2),
        (FaultKind.STATUS_500_HTML, "2026-12-01T11:00", 8),
    ],
    ids=["minutes", "hours", "a-day"],
)
def test_a_remote_that_was_away_is_caught_up_and_told_once(
    serving: Unattended, side: str, kind: FaultKind, till: str, fails: int
) -> None:
    before = len(serving.runs())
    serving.break_(side, Fault(kind, times=None))
    arrived = edited(serving)
    serving.until(till)
    assert len(serving.runs(RunState.FAILED)) == fails
    assert len(serving.runs()) - before == fails, "as often as ever: no storm"
    assert [len(serving.posted(AWAY)), len(serving.posted(BACK))] == [int(fails > 0), 0]
    serving.mend()
    ran = len(serving.runs())
    serving.until(serving.clock() + dt.timedelta(hours=2))
    assert len(serving.runs()) == ran + 1, "once it is back the next run catches up, alone"
    assert arrived() == meant()
    assert [len(serving.posted(AWAY)), len(serving.posted(BACK))] == [int(fails > 0)] * 2
    assert serving.settled()


def test_an_outage_names_its_side_and_since_when(serving: Unattended) -> None:
    serving.break_("airtable", Fault(FaultKind.STATUS_500_HTML, times=None))
    serving.until("2026-11-30T12:00")
    [entry] = serving.entries(504)
    assert entry.discrepancy.field == "airtable"
    [told] = serving.box.slack.channels["#membership"].messages[-1:]
    assert "Nov 30, 2026 10:00 UTC" in told.text
    assert "Airtable could not be read" in told.text, "a screen reader has nothing else"


def test_slack_that_was_away_gets_every_message_once(serving: Unattended) -> None:
    serving.break_("slack", Fault(FaultKind.DROP_BEFORE, times=None))
    serving.break_("civicrm", Fault(FaultKind.DROP_BEFORE, times=None))
    before = len(serving.posted())
    serving.until("2026-11-30T13:00")
    serving.box.servers.civicrm.faults.clear()
    serving.until("2026-12-01T08:30")
    assert len(serving.posted()) == before
    assert not serving.runs(RunState.FAILED)[3:], "that Slack is away fails no run"
    serving.mend()
    serving.until("2026-12-01T11:00")
    assert [len(serving.posted(AWAY)), len(serving.posted(BACK))] == [1, 1]
    assert len(serving.posted("Groups: ")) == 2, "a digest a day"


def test_a_remote_that_comes_and_goes_is_told_as_one_outage(serving: Unattended) -> None:
    arrived = edited(serving)
    for hour in range(10, 18, 2):
        serving.break_("civicrm", Fault(FaultKind.STATUS_500_HTML, times=None))
        serving.until(f"2026-11-30T{hour}:30")
        serving.mend()
        serving.app.run(["groups"], serving.delta, by="olga")
        serving.serving._tell()
    assert len(serving.runs(RunState.FAILED)) == 4
    assert [len(serving.posted(AWAY)), len(serving.posted(BACK))] == [1, 1]
    assert "They were away 4 times" in str(serving.box.slack.channels["#membership"].messages[-1])
    assert arrived() == meant()


def test_a_remote_that_is_slow_is_waited_for(serving: Unattended) -> None:
    arrived = edited(serving)
    for side in ("civicrm", "airtable"):
        serving.break_(side, Fault(FaultKind.SLOW, times=None, seconds=0.05))
    serving.until("2026-11-30T10:30")
    assert serving.runs(RunState.FAILED) == []
    assert arrived() == meant()


# ── what does not come back by itself ──


@pytest.mark.parametrize("side", ["civicrm", "airtable"])
def test_a_credential_that_is_revoked_is_told_once_and_its_renewal_caught_up(serving: Unattended, side: str) -> None:
    scopes = serving.box.airtable.tokens.get(TOKEN)
    assert scopes is not None
    if side == "airtable":
        del serving.box.airtable.tokens[TOKEN]
    else:
        serving.break_("civicrm", Fault(FaultKind.HTML_403, times=None))
    arrived = edited(serving)
    calls = len(getattr(serving.box.servers, side).requests)
    serving.until("2026-12-01T07:00")
    assert len(serving.runs(RunState.FAILED)) == 6
    assert len(getattr(serving.box.servers, side).requests) - calls <= 12, "one that is refused is not asked again and again"
    assert [len(serving.posted(AWAY)), len(serving.posted(BACK))] == [1, 0]
    serving.box.airtable.tokens[TOKEN] = scopes
    serving.mend()
    serving.until("2026-12-01T09:00")
    assert arrived() == meant()
    assert [len(serving.posted(AWAY)), len(serving.posted(BACK))] == [1, 1]


def test_a_quota_that_is_gone_is_not_asked_for_before_the_first_of_the_month(serving: Unattended) -> None:
    serving.break_("airtable", Fault(FaultKind.BILLING_429, times=None))
    arrived = edited(serving)
    serving.until("2026-11-30T13:00")
    calls = len(serving.box.servers.airtable.requests)
    serving.until("2026-11-30T23:00")
    assert len(serving.box.servers.airtable.requests) == calls
    assert [each.discrepancy.code for each in serving.entries(504, 505)] == [505]
    assert [len(serving.posted(AWAY)), len(serving.posted(BACK))] == [1, 0]
    serving.mend()
    serving.until("2026-12-01T09:00")
    assert arrived() == meant()
    assert [len(serving.posted(AWAY)), len(serving.posted(BACK))] == [1, 1]
    assert serving.settled()


# ── this machine ──


@pytest.mark.parametrize(
    "jump", [dt.timedelta(hours=3), dt.timedelta(hours=-3), dt.timedelta(days=365), dt.timedelta(days=-365)], ids=str
)
def test_a_clock_that_jumps_stops_nothing_and_repeats_nothing(serving: Unattended, jump: dt.timedelta) -> None:
    serving.until("2026-11-30T12:30")
    serving.clock.sleep(jump.total_seconds())
    if abs(jump) > dt.timedelta(days=1):  # it was wrong, did its work, and is put right
        serving.until(serving.clock() + dt.timedelta(days=1))
        serving.clock.now = dt.datetime(2026, 11, 30, 12, 40, tzinfo=dt.UTC)
    arrived, ran = edited(serving), len(serving.runs())
    end = serving.clock() + dt.timedelta(hours=4)
    serving.until(end)
    assert 1 <= len(serving.runs()) - ran <= 3
    assert arrived() == meant()
    assert serving.settled()


def full(_cursor: object, statement: str, *_: object) -> None:
    """Refuse what would grow the file, in SQLite's own words. A real limit on pages leaves room in those that are not full."""
    if statement.startswith(("INSERT", "UPDATE")):
        refused = sqlite3.OperationalError("database or disk is full")
        refused.sqlite_errorcode, refused.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
        raise refused


def test_a_disk_that_is_full_is_said_where_it_can_be_and_caught_up(serving: Unattended) -> None:
    engine, arrived = serving.app.store.database.engine, edited(serving)
    for how in ("do_execute", "do_executemany"):
        event.listen(engine, how, full)
    serving.until("2026-11-30T13:00")
    checks = {each.what: each for each in serving.serving._checks()}
    for how in ("do_execute", "do_executemany"):
        event.remove(engine, how, full)
    serving.until("2026-11-30T14:30")
    assert arrived() == meant()
    assert not checks["runs"].ok, "said in /readyz, since nothing can be written down"
    assert "disk" in checks["runs"].problem


def test_restarts_in_a_loop_repeat_no_run_and_no_message(serving: Unattended) -> None:
    ran, posted = len(serving.runs()), len(serving.posted())
    for _ in range(5):
        serving.end()
        serving.begin()
    assert (len(serving.runs()), len(serving.posted())) == (ran, posted)
    serving.until("2026-11-30T10:30")
    assert len(serving.runs()) == ran + 1


def test_what_was_due_while_it_was_down_for_a_week_is_done_once(serving: Unattended) -> None:
    arrived, ran = edited(serving), len(serving.runs())
    serving.end()
    serving.clock.now += dt.timedelta(days=7)
    serving.begin()
    assert serving.runs()[ran:] == ["sweep"], "one sweep, which is also the sync"
    assert arrived() == meant()
    assert len(serving.posted("Groups: ")) == 2


# ── a state that is lost ──


def test_a_state_that_is_lost_is_restored_from_its_backup_and_loses_no_edit(serving: Unattended, tmp_path: Path) -> None:
    """The operators' drill: back up, lose the disk, put the file back, look at the plan, go on."""
    backup(f"sqlite:///{serving.state}", tmp_path / "kept.db")
    before = edited(serving)
    serving.until("2026-11-30T12:30")
    assert before() == meant()
    serving.end()
    for file in serving.state.parent.glob("bridge.db*"):
        file.unlink()
    shutil.copy(tmp_path / "kept.db", serving.state)
    assert check(f"sqlite:///{serving.state}") == []
    after = edited(serving, 2)
    serving.begin()
    serving.until("2026-11-30T14:30")
    assert (before(), after()) == (meant(), meant(2)), "neither what was typed before the loss nor what was typed after"
    assert serving.settled()


def test_a_state_that_is_lost_without_a_backup_is_made_anew_and_overwrites_nothing(serving: Unattended) -> None:
    before = {record: dict(row) for record, row in serving.groups.items()}
    serving.end()
    for file in serving.state.parent.glob("bridge.db*"):
        file.unlink()
    serving.begin()
    assert serving.runs() == ["sweep"]
    assert serving.groups == before
    assert serving.settled()
