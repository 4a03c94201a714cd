"""Every command as an operator meets it: output, exit codes, and what it says to bad input."""

import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.federation_airtable import BASE
from desk import Desk

DISCREPANCY_KEYS = [
    "id", "fingerprint", "mapping", "code", "rule", "severity", "state", "name", "civicrm_id", "airtable_id", "field",
    "opened_at", "runs", "days", "assignee", "snoozed_until", "text",
]  # fmt: skip
RUN_KEYS = {"id", "mapping", "mode", "state", "started_at", "finished_at", "changes", "discrepancies", "digest"}


def writes_taken(desk: Desk) -> int:
    """How many requests that write Airtable has had."""
    return sum(each.method in ("PATCH", "PUT", "DELETE") for each in desk.box.servers.airtable.requests)


def test_a_sync_corrects_and_the_next_one_writes_nothing(desk: Desk) -> None:
    first = desk.bridge("sync", "--json")
    assert first.code in (0, 3), first.err
    for run in first.json:
        assert set(run) >= RUN_KEYS
        if run["state"] == "held":
            approved = desk.bridge("sync", "--approve", run["digest"][:12])
            assert approved.code == 0, approved.err
    for _ in range(2):  # the first of them has what was put right to strike off the board that staff read
        before = writes_taken(desk)
        again = desk.bridge("sync", "--json")
        assert again.code == 0, again.err
        assert [run["changes"] for run in again.json] == [0, 0]
    assert writes_taken(desk) == before


def test_a_plan_writes_nothing_and_ends_with_its_digest(desk: Desk) -> None:
    ended = desk.bridge("plan", "benefits-groups")
    assert ended.code == 0, ended.err
    last = ended.out.strip().splitlines()[-1]
    assert last.startswith("digest: ")
    assert len(last.removeprefix("digest: ")) == 64
    assert writes_taken(desk) == 0


def test_a_first_plan_of_mappings_that_refer_to_each_other_is_what_the_sync_will_do(desk: Desk) -> None:
    planned = desk.bridge("plan")
    assert planned.code == 0, planned.err
    digests = [line.removeprefix("digest: ") for line in planned.out.splitlines() if line.startswith("digest: ")]
    synced = desk.bridge("sync", "--json", BRIDGE_MODE="observe")
    assert synced.code == 0, synced.err
    assert [run["mapping"] for run in synced.json] == ["benefits-groups", "benefits-enrollees"]
    assert [run["digest"] for run in synced.json] == digests


def test_a_plan_file_is_applied_once_and_only_where_writing_is_switched_on(desk: Desk) -> None:
    assert desk.bridge("plan", "benefits-groups", "--out", "plan.json").code == 0
    digest = json.loads((desk.folder / "plan.json").read_text())["digest"]
    observed = desk.bridge("apply", "plan.json", BRIDGE_MODE="observe")
    assert observed.code == 2
    assert "BRIDGE_MODE" in observed.err
    applied = desk.bridge("apply", "plan.json", "--json")
    assert applied.code == 0, applied.err
    assert applied.json[0]["digest"] == digest
    again = desk.bridge("apply", "plan.json")
    assert again.code == 2
    assert "cannot be applied again" in again.err


def test_a_plan_file_that_was_edited_is_refused(desk: Desk) -> None:
    desk.bridge("plan", "benefits-groups", "--out", "plan.json")
    file = desk.folder / "plan.json"
    file.write_text(file.read_text().replace('"clears":false', '"clears":true'))
    ended = desk.bridge("apply", "plan.json")
    assert ended.code == 2
    assert "was edited" in ended.err


def test_what_runs_and_discrepancies_print_for_scripts_is_stable(desk: Desk) -> None:
    desk.bridge("sync", "benefits-groups", BRIDGE_MODE="observe")
    runs = desk.bridge("runs", "--json").json
    assert set(runs[0]) >= RUN_KEYS
    rows = desk.bridge("discrepancies", "list", "--json").json
    assert rows
    assert all(list(row) == DISCREPANCY_KEYS for row in rows)
    status = desk.bridge("status", "--json").json
    assert {each["mapping"] for each in status["mappings"]} == {"benefits-groups", "benefits-enrollees"}
    due = {(each["work"], each["mapping"]): dt.datetime.fromisoformat(each["next"]) for each in status["schedule"]}
    assert set(due) >= {("sweep", "benefits-groups"), ("sync", "benefits-groups"), ("digest", None)}
    assert min(due.values()) > dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    told = desk.bridge("status").out
    assert re.search(
        r"last run: done at \d{4}-.*\n.*last good run: \d{4}-.*\n +next by `bridge serve`: sweep \d{4}-.*, sync \d{4}-", told
    )
    shown = desk.bridge("show", str(runs[0]["id"]))
    assert shown.code == 0
    assert runs[0]["digest"] in shown.out


def test_a_person_can_snooze_accept_and_reopen(desk: Desk) -> None:
    desk.bridge("sync", "benefits-groups", BRIDGE_MODE="observe")
    number = str(desk.bridge("discrepancies", "list", "--json").json[0]["id"])
    assert desk.bridge("discrepancies", "snooze", number, "--days", "7", "--by", "maria").code == 0
    shown = desk.bridge("discrepancies", "show", number, "--json").json
    assert shown["state"] == "snoozed"
    assert shown["history"][-1]["by"] == "maria"
    assert desk.bridge("discrepancies", "reopen", number).code == 0
    wrong = desk.bridge("discrepancies", "accept", number, "--reason", "because")
    assert wrong.code == 2
    assert "--reason takes" in wrong.err


def test_one_record_is_explained_and_synced_alone(desk: Desk) -> None:
    desk.bridge("sync", "benefits-groups", BRIDGE_MODE="observe")
    with_both = next(
        row for row in desk.bridge("discrepancies", "list", "--json").json if row["civicrm_id"] and row["airtable_id"]
    )
    record = f"civicrm:{with_both['civicrm_id']}"
    explained = desk.bridge("explain", record, "--json")
    assert explained.code == 0, explained.err
    assert explained.json[0]["airtable_id"] == with_both["airtable_id"]
    synced = desk.bridge("sync", "benefits-groups", "--record", record, "--json")
    assert synced.code == 0, synced.err
    assert synced.json[0]["kind"] == "record"


@pytest.mark.parametrize(("to", "file"), [("html", "bridge-report.html"), ("csv", "bridge-report.csv")])
def test_a_report_is_written_where_one_looks_for_it(desk: Desk, to: str, file: str) -> None:
    desk.bridge("sync", "benefits-groups", BRIDGE_MODE="observe")
    ended = desk.bridge("report", "--to", to)
    assert ended.code == 0, ended.err
    assert (desk.folder / file).stat().st_size > 500
    assert (desk.folder / file).stat().st_mode & 0o077 == 0


def test_slack_is_told_once_and_its_preview_posts_nothing(desk: Desk) -> None:
    preview = desk.bridge("report", "--to", "slack", "--preview")
    assert preview.code == 0, preview.err
    assert preview.out == "Nothing is new, worse or resolved: nothing would be posted.\n"
    assert not any(channel.messages for channel in desk.box.slack.channels.values())
    desk.bridge("sync", "benefits-groups", BRIDGE_MODE="observe")
    desk.bridge("sync", "benefits-groups", BRIDGE_MODE="observe")
    posted = [message for channel in desk.box.slack.channels.values() for message in channel.messages]
    assert len(posted) == 1
    refused = desk.bridge("report", "--to", "slack", BRIDGE_SLACK__BOT_TOKEN="xoxb-wrong")
    assert refused.code == 1
    assert refused.err.count("refused the credential") == 1, "one cause is told once, however many messages it keeps"


def test_detailed_exit_code_tells_that_there_is_something_to_see(desk: Desk) -> None:
    assert desk.bridge("plan", "benefits-groups", "--detailed-exitcode").code == 4


def test_check_holds_the_examples_and_the_live_schemas(desk: Desk) -> None:
    offline = desk.bridge("check", BRIDGE_CIVICRM__API_KEY="", BRIDGE_AIRTABLE__TOKEN="")
    assert offline.code == 0, offline.err + offline.out
    assert "examples hold" in offline.out
    live = desk.bridge("check", "--live")
    assert live.code == 0, live.err + live.out


def test_doctor_finds_everything_well(desk: Desk) -> None:
    ended = desk.bridge("doctor")
    assert ended.code == 0, ended.out
    assert "MEND" not in ended.out


def test_missing_settings_are_all_told_at_once(desk: Desk) -> None:
    ended = desk.bridge("plan", BRIDGE_CIVICRM__API_KEY="", BRIDGE_AIRTABLE__TOKEN="")
    assert ended.code == 2
    assert "BRIDGE_CIVICRM__API_KEY" in ended.err
    assert "BRIDGE_AIRTABLE__TOKEN" in ended.err


def test_a_wrong_token_is_for_the_operator_to_mend_and_is_not_shown(desk: Desk) -> None:
    ended = desk.bridge("plan", BRIDGE_AIRTABLE__TOKEN="patWrongToken0001.secretsecret")
    assert ended.code == 2
    assert "secretsecret" not in ended.out + ended.err
    assert "Next:" in ended.err


def test_a_wrong_civicrm_key_is_for_the_operator_to_mend_and_is_not_shown(desk: Desk) -> None:
    ended = desk.bridge("plan", BRIDGE_CIVICRM__API_KEY="wrong-key-0001")
    assert ended.code == 2
    assert "wrong-key-0001" not in ended.out + ended.err


def test_a_host_that_does_not_answer_is_a_failure_that_a_rerun_may_mend(desk: Desk) -> None:
    ended = desk.bridge("sync", "benefits-groups", BRIDGE_CIVICRM__URL="http://127.0.0.1:9")
    assert ended.code == 1
    assert "Next:" in ended.err


def test_broken_yaml_is_told_with_its_place(desk: Desk) -> None:
    (desk.folder / "mappings" / "broken.yaml").write_text("mapping: broken\nfields: [\n")
    ended = desk.bridge("check")
    assert ended.code == 2
    assert "broken.yaml:" in ended.err


def test_a_folder_without_mappings_says_what_to_do(desk: Desk) -> None:
    empty = desk.folder / "empty"
    empty.mkdir()
    ended = desk.bridge("plan", BRIDGE_MAPPINGS=str(empty))
    assert ended.code == 2
    assert "copy one that comes with bridge" in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "no-such-mapping"), "No mapping is called no-such-mapping"),
        (("sync", "--record", "salesforce:1"), "Expected SIDE:ID"),
        (("sync", "--record", "civicrm:12; drop"), "Expected a number"),
        (("sync", "--record", "airtable:12"), "Expected rec"),
        (("sync", "--record", "civicrm:1", "--delta"), "exclude each other"),
        (("sync", "--approve", "0123456789ab"), "No plan with the digest"),
        (("apply", "nothing.json"), "cannot be read"),
        (("show", "999"), "There is no run 999"),
        (("undo", "999", "--yes"), "There is no run 999"),
        (("plan", "--format", "pdf"), "--format takes"),
        (("report", "--to", "fax"), "--to takes"),
        (("discrepancies", "show", "999"), "There is no discrepancy 999"),
        (("nonsense",), "No such command"),
    ],
)
def test_bad_words_end_with_two_and_say_what_was_expected(desk: Desk, words: tuple[str, ...], said: str) -> None:
    ended = desk.bridge(*words)
    assert ended.code == 2, ended.out + ended.err
    assert said in " ".join(ended.err.split())


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("sqlite:////proc/nowhere/bridge.db", (1, 2)),
        ("mysql://root@127.0.0.1/test", (2,)),
        ("postgresql://nobody:wrong@127.0.0.1:9/none", (1, 2)),
    ],
)
def test_a_state_that_cannot_be_opened_is_told_without_its_password(desk: Desk, url: str, code: tuple[int, ...]) -> None:
    ended = desk.bridge("runs", BRIDGE_STATE_URL=url)
    assert ended.code in code
    assert "wrong" not in ended.err
    assert ended.err.strip()


def test_ctrl_c_says_that_nothing_is_half_done(desk: Desk) -> None:
    desk.box.servers.airtable.faults.add(Fault(FaultKind.SLOW, seconds=4))
    started = subprocess.Popen(
        [sys.executable, "-m", "bridge", "plan", "benefits-groups"],
        env={"PATH": os.environ["PATH"], **desk.environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    while desk.box.servers.airtable.faults.waiting():
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "Nothing is half-done" in said
    assert "Traceback" not in said


def test_the_version_can_be_asked_for(desk: Desk) -> None:
    ended = desk.bridge("--version")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("bridge ")


def test_every_command_has_help_with_an_example(desk: Desk) -> None:
    commands = [
        "demo",
        "sandbox",
        "check",
        "doctor",
        "plan",
        "apply",
        "sync",
        "undo",
        "runs",
        "show",
        "status",
        "explain",
        "report",
        "forget",
    ]
    groups = [("discrepancies", "list"), ("matches", "confirm"), ("db", "backup")]
    for words in [*((each,) for each in commands), *groups]:
        ended = desk.bridge(*words, "--help")
        assert ended.code == 0, words
        assert "Example:" in ended.out, words


def test_forgetting_asks_first(desk: Desk) -> None:
    ended = desk.bridge("forget", "civicrm:5")
    assert ended.code == 2
    assert "--yes" in ended.err


def test_the_state_can_be_backed_up_and_checked(desk: Desk) -> None:
    desk.bridge("sync", "benefits-groups", BRIDGE_MODE="observe")
    assert desk.bridge("db", "backup", "copy.db").code == 0
    assert (desk.folder / "copy.db").stat().st_size > 0
    assert desk.bridge("db", "check", BRIDGE_STATE_URL=f"sqlite:///{desk.folder}/copy.db").code == 0


def test_no_file_is_left_behind_by_looking(desk: Desk, tmp_path: Path) -> None:
    desk.bridge("runs")
    assert {each.name for each in tmp_path.iterdir()} <= {"mappings", "bridge.db", "bridge.db-wal", "bridge.db-shm"}


def test_check_says_which_examples_hold_and_what_none_touches(desk: Desk) -> None:
    checked = desk.bridge("check")
    assert checked.code == 0, checked.err
    assert "  holds: enrolled and lapsed is told\n" in checked.out
    assert "  no example touches the fields: state, " in checked.out
    of_groups = desk.bridge("check", "--json").json["coverage"][0]
    assert of_groups["rules"] == []
    assert "Deceased" in of_groups["values"]["membership_status"]


def test_an_example_is_explained_cell_by_cell_without_the_two_systems(desk: Desk) -> None:
    alone = {"BRIDGE_CIVICRM__URL": "", "BRIDGE_AIRTABLE__TOKEN": ""}
    explained = desk.bridge("explain", "--example", "an e-mail corrected on both", **alone)
    assert explained.code == 0, explained.err
    assert "conflict: both sides moved, and not to the same; nobody owns it (`on_conflict: report`)" in explained.out
    several = desk.bridge("explain", "--example", "an e-mail", **alone)
    assert (several.code, "Several examples could be" in several.err) == (2, True)
    assert desk.bridge("explain", "--example", "an e-mail", "--mapping", "benefits-enrollees", **alone).code == 2
    assert desk.bridge("explain", **alone).code == 2


def test_a_sync_beats_the_heart_and_neither_a_plan_nor_a_failure_does(desk: Desk) -> None:
    watch = desk.box.servers.airtable
    settings = {"BRIDGE_HEARTBEAT_URL": f"{watch.url}/ping/a-secret-name"}

    def beats() -> int:
        return sum(each.path.startswith("/ping/") for each in watch.requests)

    desk.bridge("plan", "benefits-groups", **settings)
    assert beats() == 0
    synced = desk.bridge("sync", "benefits-groups", "--delta", **settings)
    assert (synced.code in (0, 3), beats()) == (True, 1)
    assert "the heartbeat address could not be told" in synced.err, "told, and no failure"
    assert "a-secret-name" not in synced.err + synced.out
    desk.box.servers.civicrm.faults.add(Fault(FaultKind.HTML_403, times=None))
    assert desk.bridge("sync", "benefits-groups", **settings).code == 2
    assert beats() == 1


def test_new_names_are_told_and_written_into_the_files_with_their_comments_kept(desk: Desk) -> None:
    from bridge.app import App
    from bridge.config.settings import Settings

    airtable, file = desk.box.airtable, desk.folder / "mappings" / "benefits-groups.yaml"
    with App(Settings.load(desk.environment)) as app:
        app.check_live()
        airtable.rename_field(BASE, "Groups", "Contact email", "E-mail: office")
        airtable.rename_option(BASE, "Groups", "Status", "Enrolled", "Enrolled now")
        airtable.rename_table(BASE, "Groups", "Member groups")
        first, *kept = app.check_live(repin=True)
        assert first["message"].startswith("Nothing was pinned anew")
        assert "--fix" in first["hint"]
        assert kept == app.check_live()
        told = "\n".join(each["message"] for each in kept if each["fix"])
    assert "Airtable's field `Contact email` is called `E-mail: office` now: its cells are frozen (503)" in told
    assert "Airtable's option `Enrolled` of `Status` is called `Enrolled now` now" in told
    assert "Airtable's table `Groups` is called `Member groups` now" in told
    before = file.read_text()
    mended = desk.bridge("check", "--live", "--fix", "--yes")
    assert mended.code == 0, mended.out + mended.err
    assert '+  email: {civicrm: email_primary.email, airtable: "E-mail: office", type: email, authority: either' in mended.out
    after = file.read_text()
    assert before.count("#") == after.count("#")
    assert "benefits_status, is: enrolled" in after
    assert "table: Member groups" in after
    with App(Settings.load(desk.environment)) as app:
        assert "Nothing was pinned anew" not in str(app.check_live(repin=True))


def test_a_person_chooses_a_value_sees_the_plan_and_it_is_in_the_other_system(desk: Desk) -> None:
    desk.bridge("sync", "benefits-groups")
    open_ = desk.bridge("discrepancies", "list", "--code", "202", "--json").json
    number = str(next(each["id"] for each in open_ if each["field"] == "phone"))
    asked = desk.bridge("discrepancies", "use", number, "--side", "airtable")
    assert asked.code == 2, "nobody can be asked here"
    assert "[a person chose what Airtable has]" in asked.out
    chosen = desk.bridge("discrepancies", "use", number, "--side", "airtable", "--yes", "--by", "maria")
    assert chosen.code == 0, chosen.err
    assert "1 written" in chosen.out


def test_a_held_plan_is_rejected_and_not_asked_for_again(desk: Desk) -> None:
    file = desk.folder / "mappings" / "benefits-groups.yaml"
    file.write_text(file.read_text().replace("count: 50", "count: 0"))
    [held] = desk.bridge("sync", "benefits-groups", "--json").json
    rejected = desk.bridge("sync", "--reject", held["digest"][:12])
    assert rejected.code == 0, rejected.err
    refused = desk.bridge("sync", "--approve", held["digest"][:12])
    assert refused.code == 2
    assert "is rejected by" in refused.err
    assert "It was held, and rejected by" in desk.bridge("show", str(held["id"])).out


def test_a_slip_in_an_id_is_said_explained_and_can_be_taken_apart(desk: Desk) -> None:
    desk.bridge("sync", "benefits-groups", BRIDGE_MODE="observe")
    [pair] = desk.bridge("matches", "list", "--json").json
    ours, slip = pair["civicrm_id"], "rec0000000000NONE"
    assert "was not suggested" in desk.bridge("matches", "confirm", "benefits-groups", ours, slip).out
    explained = desk.bridge("explain", f"civicrm:{ours}", "--json").json[0]
    assert (explained["airtable_id"], explained["how"]) == (slip, "linked, and not found in Airtable")
    other = desk.bridge("matches", "unlink", "benefits-groups", ours, pair["airtable_id"])
    assert (other.code, f"bridge explain civicrm:{ours}" in other.err) == (2, True)


def test_the_fault_that_the_sandboxes_help_shows_is_one_that_it_takes(desk: Desk) -> None:
    shown = re.search(r"-d '(\{.*?\})'", " ".join(desk.bridge("sandbox", "--help", COLUMNS="200").out.split()))
    assert shown is not None
    assert Fault.from_json(json.loads(shown[1])).meant_by("POST Organization/update")


@pytest.mark.parametrize("words", [["runs"], ["discrepancies", "list"]], ids=" ".join)
def test_looking_where_nothing_is_leaves_nothing_behind(
    desk: Desk, words: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    state, mappings = f"sqlite:///{elsewhere}/bridge.db", str(elsewhere / "mappings")
    looked = desk.bridge(*words, BRIDGE_STATE_URL=state, BRIDGE_MAPPINGS=mappings)
    assert (looked.code, "BRIDGE_STATE_URL" in looked.err) == (2, True), looked.err
    assert list(elsewhere.iterdir()) == []
