"""A custom field of CiviCRM that was renamed is known by its number, with its suffix and under its alias."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from bridge.civicrm.schema import Schema, drift
from bridge.core.mapping import CivicrmSource, FieldType, Pick, Related
from bridge.core.sight import Drift, Fault, FieldSight
from builders import a_field, a_mapping

FIELDS = {
    "Organization": [{"name": "Benefits.State", "custom_field_id": 7, "suffixes": ["name"]}, {"name": "nick_name"}],
    "Membership": [{"name": "Dues.Ends", "custom_field_id": 9}],
}


class Site:
    """Answers `getFields`, each time it is asked."""

    def remember(self, key: object, ask: Callable[[], Any]) -> Any:
        return ask()

    def read(self, entity: str, action: str, params: object) -> SimpleNamespace:
        return SimpleNamespace(values=FIELDS[entity])


def pinned(path: str, stable_id: str) -> FieldSight:
    return FieldSight(path=path, id=stable_id, name=path, kind="String", writable=True)


def test_a_renamed_custom_field_is_told_with_the_path_that_leads_to_it_now() -> None:
    membership = Related(alias="membership", entity="Membership", by="contact_id", pick=Pick(latest="end_date"))
    mapping = a_mapping(
        a_field("status", civicrm="Benefits.Status:name", type=FieldType.CHOICE),
        a_field("ends", civicrm="membership.Dues.Until"),
        a_field("gone", civicrm="Benefits.Gone"),
        a_field("code"),
        civicrm=CivicrmSource(entity="Organization", related={"membership": membership}),
    )
    pins = {
        each.path: each
        for each in (
            pinned("Benefits.Status:name", "custom_7"),
            pinned("membership.Dues.Until", "custom_9"),
            pinned("Benefits.Gone", "custom_8"),
            pinned("code", "code"),
        )
    }
    found = drift(Schema(Site()), mapping, {"code": pins["code"]}, pins)  # type: ignore[arg-type]  # stands in for the client
    assert [(each.path, each.fault, each.now) for each in found] == [
        ("Benefits.Gone", Fault.GONE, ""),
        ("Benefits.Status:name", Fault.RENAMED, "Benefits.State:name"),
        ("membership.Dues.Until", Fault.RENAMED, "membership.Dues.Ends"),
    ]
    assert all(isinstance(each, Drift) and each.freezes for each in found)
