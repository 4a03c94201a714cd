"""The sandbox's Slack answers as Slack's reference and its integrators say Slack does."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bridge.sandbox.faults import Fault, FaultKind
from bridge.sandbox.http import Server
from bridge.sandbox.slack import APP_TOKEN, BOT_TOKEN, WEBHOOK_PATH, Slack
from bridge.sandbox.slack_api import SlackApi
from bridge.sandbox.slack_blocks import block_problems
from bridge.sandbox.slack_socket import SocketServer

HERE = "#membership"


@pytest.fixture
def slack() -> Slack:
    return Slack()


@pytest.fixture
def server(slack: Slack) -> Iterator[Server]:
    with Server(SlackApi(slack)) as running:
        yield running


@pytest.fixture
def client(server: Server) -> WebClient:
    return WebClient(BOT_TOKEN, base_url=f"{server.url}/api/", retry_handlers=[])


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def refusal(call: Any, **arguments: Any) -> tuple[str, list[str]]:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["error"], answer.get("response_metadata", {}).get("messages", [])


def test_a_message_gets_a_thread_and_is_edited_in_place(client: WebClient, slack: Slack) -> None:
    first = client.chat_postMessage(channel=HERE, text="2 new", blocks=[section("2 new")])
    client.chat_postMessage(channel=first["channel"], text="Arroyo Bakery", thread_ts=first["ts"])
    client.chat_update(channel=first["channel"], ts=first["ts"], text="1 new", blocks=[section("1 new")])
    [message] = slack.channels[HERE].messages
    assert (message.text, message.edited) == ("1 new", 1)
    assert [each.text for each in message.replies] == ["Arroyo Bakery"]
    assert "Arroyo Bakery" in slack.drawn()


def test_timestamps_only_go_up(client: WebClient) -> None:
    stamps = [client.chat_postMessage(channel=HERE, text="x")["ts"] for _ in range(3)]
    assert stamps == sorted(set(stamps))


def test_a_message_is_found_again_by_its_metadata(client: WebClient) -> None:
    metadata = {"event_type": "bridge_digest", "event_payload": {"run": "r1"}}
    posted = client.chat_postMessage(channel=HERE, text="x", metadata=metadata)
    client.chat_postMessage(channel=HERE, text="y")
    shown = client.conversations_history(channel=posted["channel"], include_all_metadata=True)["messages"]
    assert [each["text"] for each in shown] == ["y", "x"]
    assert shown[1]["metadata"] == metadata
    assert "metadata" not in client.conversations_history(channel=posted["channel"])["messages"][1]


def test_history_comes_in_pages_and_periods(client: WebClient) -> None:
    stamps = [client.chat_postMessage(channel=HERE, text=f"{each}")["ts"] for each in range(5)]
    channel = client.conversations_list()["channels"][0]["id"]
    pages = [page["messages"] for page in client.conversations_history(channel=channel, limit=2)]
    assert [each["text"] for page in pages for each in page] == ["4", "3", "2", "1", "0"]
    later = client.conversations_history(channel=channel, oldest=stamps[2])["messages"]
    assert [each["text"] for each in later] == ["4", "3"]
    assert len(client.conversations_history(channel=channel, oldest=stamps[2], inclusive=True)["messages"]) == 3


def test_replies_begin_with_their_parent(client: WebClient) -> None:
    first = client.chat_postMessage(channel=HERE, text="parent")
    client.chat_postMessage(channel=HERE, text="reply", thread_ts=first["ts"])
    shown = client.conversations_replies(channel=first["channel"], ts=first["ts"])["messages"]
    assert [(each["text"], each["thread_ts"]) for each in shown] == [("parent", first["ts"]), ("reply", first["ts"])]
    assert len(client.conversations_history(channel=first["channel"])["messages"]) == 1


def test_deleting_takes_the_thread_along(client: WebClient, slack: Slack) -> None:
    first = client.chat_postMessage(channel=HERE, text="parent")
    client.chat_postMessage(channel=HERE, text="reply", thread_ts=first["ts"])
    client.chat_delete(channel=first["channel"], ts=first["ts"])
    assert slack.messages == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "#nowhere", "text": "x"}, "channel_not_found"),
        ({"channel": HERE}, "no_text"),
        ({"channel": HERE, "text": "x", "thread_ts": "1.0"}, "cannot_reply_to_message"),
        ({"channel": HERE, "text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ({"channel": HERE, "text": "x", "metadata": {"event_payload": {}}}, "invalid_metadata_schema"),
        (
            {"channel": HERE, "text": "x", "metadata": {"event_type": "x", "event_payload": {"p": "x" * 17_000}}},
            "metadata_too_large",
        ),
        ({"channel": HERE, "markdown_text": "x", "blocks": [section("x")]}, "markdown_text_conflict"),
        ({"channel": HERE, "text": "x", "blocks": [section("x" * 2700)] * 5}, "msg_blocks_too_long"),
    ],
)
@pytest.mark.filterwarnings("ignore:The top-level `text`")
def test_a_message_slack_refuses(client: WebClient, slack: Slack, arguments: dict[str, Any], error: str) -> None:
    assert refusal(client.chat_postMessage, **arguments)[0] == error
    assert slack.messages == []


def test_blocks_are_refused_with_a_pointer(client: WebClient) -> None:
    error, messages = refusal(client.chat_postMessage, channel=HERE, text="x", blocks=[section("x" * 3001)])
    assert error == "invalid_blocks"
    assert messages == ["[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"]


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain("Ok"), **more}


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "header", "text": plain("x" * 151)}, "less than 151 characters"),
        ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "must be a plain_text object"),
        ({"type": "section"}, "missing required field"),
        (section(""), "more than 0 characters"),
        ({"type": "section", "fields": [plain("x")] * 11}, "no more than 10 items"),
        ({"type": "section", "fields": [plain("x" * 2001)]}, "less than 2001 characters"),
        ({"type": "context", "elements": [plain("x")] * 11}, "no more than 10 items"),
        ({"type": "context", "elements": [{"type": "image", "alt_text": "x" * 2001}]}, "less than 2001"),
        ({"type": "actions", "elements": [button()] * 26}, "no more than 25 items"),
        ({"type": "actions", "elements": [button(action_id="a")] * 2}, "unique within a block"),
        ({"type": "actions", "elements": [button(value="x" * 2001)]}, "less than 2001"),
        ({"type": "actions", "elements": [button(action_id="x" * 256)]}, "less than 256"),
        ({"type": "actions", "elements": [{"type": "button", "text": plain("x" * 76)}]}, "less than 76"),
        ({"type": "actions", "elements": [button(confirm={"title": plain("x" * 101)})]}, "less than 101"),
        ({"type": "actions", "elements": [{"type": "overflow", "options": [{}] * 6}]}, "no more than 5 items"),
        ({"type": "actions", "elements": ["x"]}, "must be an object"),
        ({"type": "section", "text": plain("x"), "accessory": button(url="x" * 3001)}, "less than 3001"),
        ({"type": "image", "alt_text": None}, "must be a string"),
        ({"type": "input", "label": plain("x"), "element": {"type": "static_select", "options": []}}, "at least 1"),
        ({"type": "markdown", "text": "x" * 12_001}, "less than 12001"),
        ({"type": "table", "rows": [[{}] * 21]}, "no more than 20 items"),
        ({"type": "divider", "block_id": "x" * 256}, "less than 256"),
        ({"type": "hologram"}, "unsupported type: hologram"),
        ("x", "unsupported type"),
    ],
)
def test_the_limits_of_a_block(block: Any, words: str) -> None:
    assert any(words in problem for problem in block_problems([block]))


def test_the_limits_of_a_message() -> None:
    assert block_problems([{"type": "divider"}] * 50) == []
    assert "no more than 50 items" in block_problems([{"type": "divider"}] * 51)[0]
    assert "unique" in block_problems([{"type": "divider", "block_id": "a"}] * 2)[0]
    assert "only one table" in block_problems([{"type": "table", "rows": [[{}]]}] * 2)[0]
    assert "12001" in block_problems([{"type": "markdown", "text": "x" * 7000}] * 2)[0]


def test_a_name_can_ping_a_channel_only_unescaped(client: WebClient, slack: Slack) -> None:
    client.chat_postMessage(channel=HERE, text="x", blocks=[section("<!channel> Bakers")])
    client.chat_postMessage(channel=HERE, text="x", blocks=[section("&lt;!channel&gt; Bakers")])
    client.chat_postMessage(channel=HERE, text="x", blocks=[{"type": "header", "text": plain("<!channel> Bakers")}])
    assert [each.pings for each in slack.messages] == [["!channel"], [], []]


def test_only_own_messages_can_be_changed(client: WebClient, slack: Slack) -> None:
    said = slack.say(HERE, "hello")
    assert refusal(client.chat_update, channel=HERE, ts=said.ts, text="x")[0] == "cant_update_message"
    assert refusal(client.chat_delete, channel=HERE, ts=said.ts)[0] == "cant_delete_message"
    assert refusal(client.chat_update, channel=HERE, ts="1.0", text="x")[0] == "message_not_found"


def test_a_channel_may_be_closed_to_the_bot(client: WebClient, slack: Slack) -> None:
    slack.add_channel("#board", member=False)
    slack.channels["#benefits"].archived = True
    assert refusal(client.chat_postMessage, channel="#board", text="x")[0] == "not_in_channel"
    assert refusal(client.chat_postMessage, channel="#benefits", text="x")[0] == "is_archived"


def test_tokens_scopes_and_methods_are_checked(client: WebClient, server: Server, slack: Slack) -> None:
    assert client.auth_test()["bot_id"] == "B0BRIDGE"
    url = f"{server.url}/api/"
    assert refusal(WebClient("xoxb-wrong", base_url=url).auth_test)[0] == "invalid_auth"
    assert httpx.post(f"{url}auth.test").json() == {"ok": False, "error": "not_authed"}
    assert refusal(client.api_call, api_method="chat.sing")[0] == "unknown_method"
    slack.scopes -= {"chat:write"}
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=HERE, text="x")
    assert (caught.value.response["error"], caught.value.response["needed"]) == ("missing_scope", "chat:write")
    slack.revoke()
    assert refusal(client.auth_test)[0] == "token_revoked"


def test_a_file_arrives_in_three_calls(client: WebClient, slack: Slack, server: Server) -> None:
    first = client.chat_postMessage(channel=HERE, text="x")
    client.files_upload_v2(
        content="id,field\n1,Phone\n", filename="report.csv", channel=first["channel"], thread_ts=first["ts"]
    )
    [reply] = slack.channels[HERE].messages[0].replies
    assert (reply.files[0]["name"], reply.files[0]["content"]) == ("report.csv", "id,field\n1,Phone\n")
    assert [call.route for call in server.requests[1:]] == [
        "files.getUploadURLExternal",
        "upload",
        "files.completeUploadExternal",
    ]


def test_a_file_that_never_arrived_cannot_be_shared(client: WebClient) -> None:
    given = client.files_getUploadURLExternal(filename="x.csv", length=3)
    files = [{"id": given["file_id"], "title": "x"}]
    assert refusal(client.files_completeUploadExternal, files=files)[0] == "file_not_found"


def test_people_are_found(client: WebClient) -> None:
    assert client.users_lookupByEmail(email="lupe@federation.example")["user"]["id"] == "U0LUPE"
    assert client.users_info(user="U0LUPE")["user"]["locale"] == "es-ES"
    assert client.usergroups_users_list(usergroup="S0MEMBERSHIP")["users"] == ["U0LUPE", "U0GRACE"]
    assert refusal(client.users_info, user="U0NOBODY")[0] == "user_not_found"


def test_the_webhook_answers_in_bare_words(server: Server, slack: Slack) -> None:
    url = server.url + WEBHOOK_PATH
    answer = httpx.post(url, json={"text": "hello"})
    assert (answer.status_code, answer.text) == (200, "ok")
    assert [each.text for each in slack.channels[HERE].messages] == ["hello"]
    assert (httpx.post(url, json={}).status_code, httpx.post(url, json={}).text) == (400, "no_text")
    assert httpx.post(url, json={"text": "x", "blocks": [section("")]}).text == "invalid_blocks"
    assert httpx.post(url, content=b"{nope", headers={"content-type": "application/json"}).text == "invalid_payload"
    assert httpx.post(url + "x", json={"text": "x"}).text == "no_service"
    slack.channels[HERE].archived = True
    assert httpx.post(url, json={"text": "x"}).status_code == 410
    slack.revoke()
    assert httpx.post(url, json={"text": "x"}).status_code == 404


def test_more_than_a_message_a_second_is_refused_when_asked_for(server: Server, slack: Slack) -> None:
    slack.rate_limit = 1
    arguments = {"channel": HERE, "text": "x"}
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    answers = [httpx.post(f"{server.url}/api/chat.postMessage", json=arguments, headers=headers) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 429]
    assert (answers[1].headers["retry-after"], answers[1].json()["error"]) == ("1", "ratelimited")
    webhook = httpx.post(server.url + WEBHOOK_PATH, json={"text": "x"})
    assert (webhook.status_code, webhook.text) == (429, "rate_limited")


def test_faults_are_told_in_slacks_words(client: WebClient, server: Server, slack: Slack) -> None:
    server.faults.add(Fault(FaultKind.STATUS_500_ENVELOPE, match="chat.postMessage"))
    assert refusal(client.chat_postMessage, channel=HERE, text="x")[0] == "internal_error"
    server.faults.add(Fault(FaultKind.STATUS_429))
    assert refusal(client.chat_postMessage, channel=HERE, text="x")[0] == "ratelimited"
    assert slack.messages == []
    client.chat_postMessage(channel=HERE, text="x")
    assert len(slack.messages) == 1


def test_a_modal_opens_within_its_limits(client: WebClient, slack: Slack) -> None:
    view = {"type": "modal", "title": plain("Snooze"), "callback_id": "snooze", "blocks": [section("Until when?")]}
    trigger = slack.new_trigger()
    assert client.views_open(trigger_id=trigger, view=view)["view"]["id"] == slack.views[0]["id"]
    error, messages = refusal(client.views_open, trigger_id=trigger, view={**view, "title": plain("x" * 25)})
    assert (error, messages) == (
        "invalid_arguments",
        ["[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"],
    )


def test_a_trigger_is_known_and_young(client: WebClient, slack: Slack) -> None:
    view = {"type": "modal", "title": plain("Snooze"), "blocks": [section("Until when?")]}
    assert refusal(client.views_open, trigger_id="made up", view=view)[0] == "invalid_trigger_id"
    trigger = slack.new_trigger()
    slack.triggers[trigger] -= 3.1
    assert refusal(client.views_open, trigger_id=trigger, view=view)[0] == "expired_trigger_id"


def test_what_was_said_privately_is_kept_apart(client: WebClient, slack: Slack) -> None:
    client.chat_postEphemeral(channel=HERE, user="U0LUPE", text="Somebody was faster.")
    assert slack.ephemerals[0]["text"] == "Somebody was faster."
    assert slack.messages == []
    assert client.chat_postMessage(channel=HERE, text="x")["ts"]
    link = client.chat_getPermalink(channel=HERE, message_ts=slack.messages[0].ts)["permalink"]
    assert slack.channels[HERE].id in link


def test_a_workspace_survives_saving_and_loading(client: WebClient, slack: Slack, tmp_path: Path) -> None:
    first = client.chat_postMessage(channel=HERE, text="parent", blocks=[section("parent")])
    client.chat_postMessage(channel=HERE, text="reply", thread_ts=first["ts"])
    slack.save_state(tmp_path / "slack.json")
    other = Slack()
    other.load_state(tmp_path / "slack.json")
    assert other.channels == slack.channels
    assert other.users == slack.users


class App:
    """An app on Socket Mode that opens a modal for a click and refuses what is sent off."""

    def __init__(self, server: Server, client: WebClient) -> None:
        self.client = client
        self.heard: list[dict[str, Any]] = []
        self.socket = SocketModeClient(
            APP_TOKEN, web_client=WebClient(base_url=f"{server.url}/api/", retry_handlers=[]), ping_interval=0.2
        )
        self.socket.socket_mode_request_listeners.append(self.hear)

    def hear(self, socket: BaseSocketModeClient, request: SocketModeRequest) -> None:
        self.heard.append(request.payload)
        if request.payload["type"] == "view_submission":
            errors = {"response_action": "errors", "errors": {"until": "Choose a day to come."}}
            socket.send_socket_mode_response(SocketModeResponse(request.envelope_id, errors))
            return
        socket.send_socket_mode_response(SocketModeResponse(request.envelope_id))
        view = {"type": "modal", "title": plain("Snooze"), "blocks": [section("Until when?")]}
        self.client.views_open(trigger_id=request.payload["trigger_id"], view=view)


@pytest.fixture
def connected(slack: Slack) -> Iterator[App]:
    with SocketServer(slack.connections) as socket, Server(SlackApi(slack, lambda: socket.url)) as server:
        slack.response_url = f"{server.url}/response/1"
        app = App(server, WebClient(BOT_TOKEN, base_url=f"{server.url}/api/", retry_handlers=[]))
        app.socket.connect()
        assert slack.connections.wait_for(opened=1)
        yield app
        app.socket.auto_reconnect_enabled = False
    app.socket.close()  # after the server: the client would wait three seconds for its last frame


def test_a_click_reaches_the_app_and_is_acknowledged(connected: App, slack: Slack) -> None:
    buttons = [button(action_id="snooze", value=f"d{each}") for each in (1, 2)]
    blocks = [{"type": "section", "text": plain("Arroyo"), "accessory": each} for each in buttons]
    connected.client.chat_postMessage(channel=HERE, text="Arroyo", blocks=blocks)
    envelope = slack.press("snooze", "d1", "U0LUPE")
    assert envelope.acked
    [heard] = connected.heard
    assert (heard["user"]["id"], heard["actions"][0]["value"]) == ("U0LUPE", "d1")
    assert heard["message"]["ts"] == slack.messages[0].ts
    httpx.post(heard["response_url"], json={"text": "Snoozed."})
    assert slack.responses == [{"text": "Snoozed."}]


def test_a_modal_sent_off_can_be_refused(connected: App, slack: Slack) -> None:
    menu = {"type": "overflow", "action_id": "more", "options": [{"text": plain("Snooze"), "value": "snooze"}]}
    blocks = [{"type": "actions", "elements": [menu]}]
    connected.client.chat_postMessage(channel=HERE, text="Arroyo", blocks=blocks)
    assert slack.press("more", "snooze").acked
    deadline = time.monotonic() + 60
    while not slack.views and time.monotonic() < deadline:
        time.sleep(0.01)
    sent = slack.submit(slack.views[0]["id"], {"until": {"day": {"selected_date": "2020-01-01"}}})
    assert sent.answer == {"response_action": "errors", "errors": {"until": "Choose a day to come."}}


def test_the_app_connects_anew_when_asked_to(connected: App, slack: Slack) -> None:
    connected.client.chat_postMessage(
        channel=HERE, text="x", blocks=[{"type": "actions", "elements": [button(action_id="ok")]}]
    )
    slack.connections.disconnect()
    assert slack.connections.wait_for(opened=2)
    assert slack.press("ok").acked


def test_a_click_nobody_listens_to_is_not_acknowledged(slack: Slack, client: WebClient) -> None:
    blocks = [{"type": "actions", "elements": [button(action_id="ok", value="x" * 2000)]}]
    client.chat_postMessage(channel=HERE, text="x", blocks=blocks)
    assert not slack.press("ok").acked
    with pytest.raises(KeyError, match="no message shows"):
        slack.press("ok", "another value")
    app_client = WebClient(APP_TOKEN, base_url=client.base_url, retry_handlers=[])
    assert refusal(app_client.apps_connections_open, app_token=APP_TOKEN)[0] == "socket_mode_not_enabled"
    assert refusal(client.apps_connections_open, app_token=BOT_TOKEN)[0] == "not_allowed_token_type"
