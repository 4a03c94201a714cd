"""Whatever comes from outside, only our own errors come out of what reads it: mapping files, settings, and all three APIs.

The HTTP API is fuzzed by its own description in `tests/web/test_api_fuzz.py`.
"""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.airtable import answers
from bridge.civicrm import wire
from bridge.config.mappings import load
from bridge.config.settings import Settings, variables
from bridge.core.record import Json
from bridge.errors import BridgeError, ConfigError
from bridge.slack import heard
from bridge.slack.buttons import Deed
from bridge.slack.commands import parse

SOUND = (Path(__file__).parent / "config" / "sound.yaml").read_text()
SECRET = "tok-7f3a-secret"

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
)
a_few = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def shaped(*names: str) -> st.SearchStrategy[Json]:
    """JSON that has the keys a parser looks for, with anything in them, one level or two deep."""
    keys = st.sampled_from(names) | st.text(max_size=6)
    return st.dictionaries(keys, anything | st.dictionaries(keys, anything, max_size=5), max_size=6) | anything


@contextlib.contextmanager
def only_our_errors() -> Iterator[None]:
    with contextlib.suppress(BridgeError):
        yield


def responses(*names: str) -> st.SearchStrategy[httpx.Response]:
    """Any answer of a server: JSON with likely keys, half of one, a page, noise; under any status and likely headers."""
    bodies = st.one_of(
        shaped(*names).map(lambda body: json.dumps(body).encode()),
        shaped(*names).map(lambda body: json.dumps(body).encode()[:-3]),
        st.binary(max_size=200),
        st.text(max_size=100).map(lambda text: f"<!doctype html><title>{text}</title>".encode()),
        st.integers(1, 3000).map(lambda depth: b"[" * depth),
        st.just(b'{"values": 1e999, "n": ' + b"9" * 5000 + b"}"),
    )
    headers = st.dictionaries(
        st.sampled_from(["content-type", "retry-after", "location", "date", "server"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
        | st.sampled_from(["application/json", "text/html", "30", "-1"]),
        max_size=4,
    )
    return st.builds(
        lambda status, body, head: httpx.Response(
            status,
            content=body,
            headers=head,
            request=httpx.Request("POST", "https://crm.example.org/x", headers={"X": SECRET}),
        ),
        st.sampled_from([200, 201, 204, 301, 302, 400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504, 520]),
        bodies,
        headers,
    )


@a_few
@given(
    response=responses("values", "count", "countMatched", "error_message", "error_code", "status", "is_error"),
    writes=st.booleans(),
)
def test_civicrm_may_answer_anything(response: httpx.Response, writes: bool) -> None:
    with only_our_errors():
        body = wire.judge(response, "Contact.get", writes=writes)
        with only_our_errors():
            wire.answer(body, "Contact.get")
        wire.identity(body)


@a_few
@given(response=responses("records", "id", "fields", "error", "type", "message", "errors", "offset"), writes=st.booleans())
def test_airtable_may_answer_anything(response: httpx.Response, writes: bool) -> None:
    with only_our_errors():
        answers.read(response, where="the table Groups", writes=writes)


@a_few
@given(
    kind=st.sampled_from(["interactive", "slash_commands", "events_api", ""]) | st.text(max_size=10),
    payload=st.dictionaries(
        st.sampled_from(
            [
                "type",
                "user",
                "actions",
                "view",
                "message",
                "channel",
                "container",
                "text",
                "command",
                "response_url",
                "trigger_id",
            ]
        ),
        shaped(
            "id",
            "value",
            "action_id",
            "state",
            "values",
            "ts",
            "private_metadata",
            "selected_option",
            "selected_user",
            "blocks",
        ),
        max_size=8,
    ),
)
def test_slack_may_send_anything(kind: str, payload: dict[str, Json]) -> None:
    found = heard.read(kind, payload)
    assert found is None or found.user is not None


@a_few
@given(text=st.text(max_size=80) | anything.map(json.dumps))
def test_a_buttons_value_and_a_commands_words_may_be_anything(text: str) -> None:
    Deed.of(text)
    parse(text.split())


@a_few
@given(data=st.data())
def test_a_mapping_file_may_hold_anything(data: st.DataObject) -> None:
    """A sound file with a piece cut out, doubled or replaced, or noise altogether."""
    at, length = data.draw(st.integers(0, len(SOUND))), data.draw(st.integers(0, 60))
    middle = data.draw(
        st.sampled_from(
            [
                "",
                SOUND[at : at + length] * 2,
                "\t",
                "- ",
                ": ",
                "&a *a",
                "!!python/object:x {}",
                "{[",
                "\x00",
                "\u202e",
                "2026-02-30",
            ]
        )
        | st.text(max_size=20)
        | anything.map(json.dumps)
    )
    text = data.draw(st.just(SOUND[:at] + middle + SOUND[at + length :]) | st.text(max_size=200))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "groups.yaml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        with contextlib.suppress(ConfigError):
            load(file)


@a_few
@given(
    given_=st.dictionaries(
        st.sampled_from(sorted(each.name.partition("<")[0] for each in variables())).map(
            lambda name: name.removesuffix("__") + ("__X" if name.endswith("__") else "")
        ),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40),
        max_size=6,
    )
)
def test_a_setting_may_hold_anything(given_: dict[str, str]) -> None:
    with contextlib.suppress(ConfigError):
        Settings.load(given_, secrets_dir=Path("/nonexistent"))


@pytest.mark.parametrize("parser", [wire.judge, answers.read], ids=["CiviCRM", "Airtable"])
def test_what_was_asked_is_in_no_error(parser: object) -> None:
    response = httpx.Response(500, text=SECRET, request=httpx.Request("POST", f"https://x.example/{SECRET}", content=SECRET))
    with pytest.raises(BridgeError) as refused:
        wire.judge(response, "Contact.get", writes=False) if parser is wire.judge else answers.read(
            response, where="Groups", writes=False
        )
    assert SECRET not in str(refused.value) + repr(refused.value)
