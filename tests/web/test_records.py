"""One record: what is known of it, what is read of it now, and who sees what is sensitive."""

import base64
import datetime as dt
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.core.mapping import Operator
from bridge.core.mapping import Test as Asks
from bridge.core.record import PerSide, Side
from bridge.core.why import ExplainedRule
from bridge.errors import Unavailable
from bridge.store import open_store
from builders import a_field, a_mapping
from fakes import FakeClock
from web.browsing import mark, send, signed_in
from web.remembered import remember
from web.web_office import SECRET, FakeSyncs, House

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
RECORD = "/records/civicrm:12"


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[House]:
    """A house whose state can open what it keeps of sensitive cells."""
    clock = FakeClock()
    with closing(open_store(f"sqlite:///{tmp_path}/keyed.db", [KEY], clock)) as store:
        yield House(store, clock, FakeSyncs(clock))


def test_a_record_is_shown_from_the_state_and_read_only_when_asked_for(house: House) -> None:
    house.entry(12)
    client = signed_in(house, "vera")
    page = client.get(RECORD).text
    assert "Arroyo Bakery" in page
    assert house.looks.bare == []
    page = client.get(f"{RECORD}?now=true").text
    assert house.looks.bare == [False]
    assert "a@b.coop" in page
    assert "one was edited since they last agreed" in page
    assert SECRET not in page


def test_a_system_that_cannot_be_read_leaves_what_is_known(house: House) -> None:
    house.entry(12)
    house.looks.fails = Unavailable("CiviCRM did not answer within 30 seconds.")
    answer = signed_in(house, "vera").get(f"{RECORD}?now=true")
    assert answer.status_code == 200
    assert "CiviCRM did not answer within 30 seconds." in answer.text
    assert "Arroyo Bakery" in answer.text


def test_looks_are_paced_because_they_spend_calls(house: House) -> None:
    client = signed_in(house, "vera")
    statuses = [client.get(f"{RECORD}?now=true").status_code for _ in range(22)]
    assert statuses == [200] * 20 + [429] * 2


def test_whoever_may_sees_sensitive_values_once_and_the_look_is_recorded(house: House) -> None:
    client = signed_in(house, "sam")
    assert SECRET not in client.get(RECORD).text
    with capture_logs() as lines:
        answer = send(client, RECORD, f"{RECORD}/sensitive")
    assert SECRET in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    (line,) = [each for each in lines if each.get("look") == "sensitive"]
    assert (line["by"], line["record"], line["status"]) == ("sam", "civicrm:12", 200)
    assert SECRET not in str(lines)
    assert SECRET not in client.get(f"{RECORD}?now=true").text, "a look is no permission for the next one"


def test_what_a_rule_asks_of_a_sensitive_field_is_answered_only_to_those_who_may_see_it(house: House) -> None:
    house.mapping = a_mapping(a_field("email"), a_field("premium", sensitive=True))
    asks = [Asks(each, Operator.BLANK, operand=False, side=Side.CIVICRM) for each in ("email", "premium")]
    house.looks.rules = [ExplainedRule(rule="unpaid", told=True, tests=tuple((each, True) for each in asks))]
    page = signed_in(house, "vera").get(f"{RECORD}?now=true").text
    asked = re.findall(r"<li>(“.*?)</li>", page)
    assert [re.sub(r"<.*?>", "", each) for each in asked] == [
        "“email” (CiviCRM) is filled in? yes",
        "“premium” (CiviCRM) is filled in? sensitive, not shown",
    ]
    bare = send(signed_in(house, "sam"), RECORD, f"{RECORD}/sensitive").text
    assert "“premium” (CiviCRM) is filled in? <b>yes</b>" in bare


@pytest.mark.parametrize("name", ["vera", "olga", "ana"])
def test_nobody_else_sees_them_whatever_their_role(house: House, name: str) -> None:
    client = signed_in(house, name)
    assert f"{RECORD}/sensitive" not in client.get(RECORD).text
    answer = client.post(f"{RECORD}/sensitive", data={"csrf": mark(client)})
    assert answer.status_code == 403
    assert house.looks.bare == []


def test_nobody_is_made_to_look_by_another_site(house: House) -> None:
    for csrf in ("", "0" * 64):
        assert signed_in(house, "sam").post(f"{RECORD}/sensitive", data={"csrf": csrf}).status_code == 403
    assert house.looks.bare == []


PAGES = ("/", "/discrepancies?state=any", "/discrepancies/1", "/runs", "/runs/1", "/matches", RECORD, f"{RECORD}?now=true")


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=st.text("0123456789", min_size=6, max_size=20).map("Ñ{}".format))
def test_no_page_shows_a_sensitive_value_to_those_who_may_not_see_it(tmp_path: Path, secret: str) -> None:
    clock, file = FakeClock(), tmp_path / f"{dt.datetime.now(dt.UTC).timestamp()}.db"
    with closing(open_store(f"sqlite:///{file}", [KEY], clock)) as store:
        house = House(store, clock, FakeSyncs(clock))
        remember(house, secret)
        assert store.journal.of_run(1)[0].cells[1].after_raw == f"{secret} after", "the state itself can open it"
        for name in ("vera", "sam"):
            client = signed_in(house, name)
            for page in PAGES:
                answer = client.get(page)
                assert answer.status_code == 200, page
                assert secret not in answer.text, page
                assert secret not in str(answer.headers)
                assert answer.headers["Cache-Control"] == "no-store"


def test_what_is_not_sensitive_is_shown_where_it_belongs(keyed: House) -> None:
    remember(keyed, "hidden")
    client = signed_in(keyed, "vera")
    for page in ("/runs/1", RECORD):
        assert re.search(r"plain before.*plain after", client.get(page).text, re.DOTALL), page
    assert "sensitive, not shown" in client.get("/discrepancies/1").text
    keyed.entry(12, field="email", shown=PerSide("here", "there"))
    page = client.get("/discrepancies/2").text
    assert "here" in page
    assert "there" in page
