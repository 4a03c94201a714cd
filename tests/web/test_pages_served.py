"""Pages in a browser: signing in, what a session may do, and how it ends."""

import pytest

from web.browsing import mark, sign_in, signed_in
from web.web_office import HOLDERS, House, token


def test_a_stranger_is_led_to_the_sign_in_and_from_there_to_the_report(house: House) -> None:
    stranger = house.client()
    assert (stranger.get("/").status_code, stranger.get("/").headers["Location"]) == (303, "/sign-in")
    assert 'name="token"' in stranger.get("/sign-in").text
    client = signed_in(house)
    assert "not compared yet" in client.get("/").text
    assert 'lang="es"' in client.get("/?language=es").text
    assert 'lang="es"' in client.get("/").text, "what was chosen once stays chosen"
    assert client.get("/api/v1/runs").status_code == 200


def test_the_cookie_is_for_this_server_alone(house: House) -> None:
    house.secure = True
    client = house.client(base_url="https://testserver")
    cookie = sign_in(client, token("vera")).headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Secure", "Path=/", "Max-Age=43200"))
    assert token("vera") not in cookie
    assert HOLDERS[0].sha256[:16] not in cookie


def test_a_wrong_key_is_told_and_makes_no_session(house: House) -> None:
    client = house.client()
    client.get("/sign-in?language=es")
    answer = sign_in(client, "<script>")
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


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/discrepancies/1", "/discrepancies/1"),
        ("/discrepancies?kind=204&age=weeks", "/discrepancies?kind=204&age=weeks"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_whoever_signs_in_is_led_to_the_page_they_asked_for_and_to_no_other_site(house: House, asked: str, led: str) -> None:
    client = house.client()
    assert sign_in(client, token("olga"), next=asked).headers["Location"] == led
    if asked == led:
        stranger = house.client().get(asked)
        assert stranger.status_code == 303
        assert client.get(stranger.headers["Location"]).status_code == 200
