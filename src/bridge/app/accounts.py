"""Composes the house whose accounts people may sign in with."""

from bridge.config.settings import WebSettings
from bridge.web.oidc import House, Person
from bridge.web.signin import CAME_BACK


def house_of(web: WebSettings) -> House | None:
    """The house that the settings name, or None; they name all of it or nothing."""
    if web.oidc_issuer is None or web.oidc_client_id is None or web.oidc_client_secret is None:
        return None
    return House(
        issuer=str(web.oidc_issuer),
        client_id=web.oidc_client_id,
        client_secret=web.oidc_client_secret.get_secret_value(),
        redirect=f"{str(web.public_url).rstrip('/')}{CAME_BACK}",
        people=[Person(each.role, each.address, each.sensitive) for each in web.oidc_people],
    )
