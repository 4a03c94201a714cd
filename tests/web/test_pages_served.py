"""The report in a browser: signing in, what a session may do, and how it ends."""

import re

import pytest
from httpx import Response

from web.web_office import HOLDERS, House, TestClient, token


def mark(client: TestClient) -> str:
    """What the form of the sign-in page carries."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get("/sign-in").text)
    assert found is not None
    return found[1]


def sign_in(client: TestClient, key: str, **fields: str) -> Response:
    return client.post("/sign-in", data={"token": key, "csrf": mark(client), **fields})


def signed_in(house: House, name: str = "olga") -> TestClient:
    client = house.client()
    answer = sign_in(client, token(name))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    return client


def test_a_stranger_is_led_to_the_sign_in_and_from_there_to_the_report(house: House) -> None:
    stranger = house.client()
    assert (stranger.get("/").status_code, stranger.get("/").headers["Location"]) == (303, "/sign-in")
    assert 'name="token"' in stranger.get("/sign-in").text
    client = signed_in(house)
    assert "the report" in client.get("/").text
    assert "lang='es'" in client.get("/?language=es").text
    assert client.get("/api/v1/runs").status_code == 200


def test_the_cookie_is_for_this_server_alone(house: House) -> None:
    house.secure = True
    client = house.client(base_url="https://testserver")
    cookie = sign_in(client, token("vera")).headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/", "Max-Age=43200"))
    assert token("vera") not in cookie
    assert HOLDERS[0].sha256[:16] not in cookie


def test_a_wrong_key_is_told_and_makes_no_session(house: House) -> None:
    client = house.client()
    answer = sign_in(client, "<script>", language="es")
    assert answer.status_code == 401
    assert "Esa clave no se conoce" in answer.text
    assert "<script>" not in answer.text
    assert "bridge_session" not in client.cookies


def test_guessing_keys_is_slow(house: House) -> None:
    client = house.client()
    statuses = [sign_in(client, f"guess {number}").status_code for number in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    assert sign_in(client, token("vera")).status_code == 429, "also the right one waits its turn"


def test_no_other_site_can_sign_anybody_in(house: House) -> None:
    """Another site can send neither our cookie nor the mark that goes with it; its own pair of them is no pair."""
    client, other = house.client(), house.client()
    theirs = mark(other)
    mark(client)
    for stranger in (house.client(), client):
        for csrf in ("", theirs, "0" * 64, "ñ"):
            answer = stranger.post("/sign-in", data={"token": token("vera"), "csrf": csrf})
            assert answer.status_code in (403, 429)
            assert "bridge_session" not in stranger.cookies


def test_a_session_writes_only_with_its_own_form_token(house: House) -> None:
    number = house.entry(1).id
    client = signed_in(house)
    mine = mark(client)
    path = f"/api/v1/discrepancies/{number}/assign"
    assert client.post(path, json={"assignee": "Lupe"}).status_code == 403
    assert client.post(path, json={"assignee": "Lupe"}, headers={"X-CSRF-Token": "0" * 64}).status_code == 403
    assert client.post(path, json={"assignee": "Lupe"}, headers={"X-CSRF-Token": mine}).json()["assignee"] == "Lupe"
    other = signed_in(house, "ana")
    assert other.post(path, json={"assignee": "Ben"}, headers={"X-CSRF-Token": mine}).status_code == 403


def test_signing_out_ends_it_in_this_browser_and_no_other_site_can_do_it(house: House) -> None:
    client = signed_in(house)
    assert client.post("/sign-out", data={}).status_code == 403
    assert client.post("/sign-out", data={"csrf": mark(client)}).headers["Location"] == "/sign-in"
    assert client.get("/").status_code == 303


def test_a_session_outlives_a_restart_and_ends_by_itself(house: House) -> None:
    session = signed_in(house).cookies["bridge_session"]
    again = house.client(cookies={"bridge_session": session})
    assert again.get("/api/v1/runs").status_code == 200
    house.clock.forward(hours=12)
    assert again.get("/api/v1/runs").status_code == 401


def test_a_session_ends_with_the_token_it_was_made_from(house: House) -> None:
    session = signed_in(house).cookies["bridge_session"]
    house.holders = HOLDERS[:1]
    assert house.client(cookies={"bridge_session": session}).get("/api/v1/runs").status_code == 401


@pytest.mark.parametrize("forged", ["", ".", "x", "a.b.c", "{}.99999999999.{}", "Ñ.9.Ñ", "a" * 4000])
def test_a_forged_session_is_nobodys(house: House, forged: str) -> None:
    real = signed_in(house).cookies["bridge_session"]
    reference, ends, signature = real.split(".")
    for session in (forged.replace("{}", reference), f"{reference}.{int(ends) + 1}.{signature}", real[:-1]):
        answer = house.client().get("/api/v1/runs", headers={"Cookie": f"bridge_session={session}".encode()})
        assert answer.status_code == 401


def test_a_page_says_so_where_nobody_can_sign_in_yet(house: House) -> None:
    house.holders = ()
    assert "BRIDGE_WEB__TOKENS" in house.client().get("/sign-in").text
