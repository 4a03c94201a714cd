"""Which fields of an entity a draft of a mapping considers, out of all that `getFields` names, and how each is written.

A choice is written by its stable name, a contact's email, phone and address through the primary one. Left out is what CiviCRM
keeps for itself: greetings, hashes, sort names, what is billed to.
"""

from collections.abc import Iterator, Mapping

from bridge.civicrm.schema import CONTACTS, Schema
from bridge.civicrm.wire import FieldSpec
from bridge.core.mapping import Pick, Related

SUB_TYPE = "contact_sub_type"
"""Read of every contact that is sampled, for the scope; no candidate for a field."""

MEMBERSHIP = Related(
    alias="membership",
    entity="Membership",
    by="contact_id",
    pick=Pick(prefer={"status_id.is_current_member": (True, False)}, latest="end_date"),
)
"""The membership that counts: a current one before any other, then the one that ends last."""

_OF_MEMBERSHIP = ("status_id:name", "membership_type_id:name", "join_date", "start_date", "end_date")
_PRIMARY = (
    "email_primary.email",
    "phone_primary.phone",
    "address_primary.street_address",
    "address_primary.city",
    "address_primary.state_province_id:abbr",
    "address_primary.postal_code",
    "address_primary.country_id:abbr",
)
_ITS_OWN = frozenset(
    {
        *(SUB_TYPE, "contact_type", "sort_name", "hash", "image_URL", "user_unique_id", "api_key"),
        *("is_deleted", "is_test", "is_template", "created_date", "modified_date", "preferred_mail_format"),
        *("communication_style_id", "email_greeting_id", "postal_greeting_id", "addressee_id"),
        *("email_greeting_custom", "postal_greeting_custom", "addressee_custom"),
        *("email_greeting_display", "postal_greeting_display", "addressee_display"),
        *("do_not_email", "do_not_phone", "do_not_mail", "do_not_sms", "do_not_trade", "is_opt_out"),
    }
)
_COPIES: Mapping[str, frozenset[str]] = {
    "Organization": frozenset({"display_name"}),
    "Household": frozenset({"display_name"}),
    "Individual": frozenset({"organization_name"}),
}
"""Fields that only repeat another one there."""


def paths(schema: Schema, entity: str, *, memberships: bool) -> dict[str, str]:
    """The paths worth considering, each with the entity that it links to or an empty text; `memberships` as `membership.…`."""
    found = dict(_own(schema, entity))
    if entity in CONTACTS:
        found |= dict.fromkeys(_PRIMARY, "")
        if memberships:
            found |= dict.fromkeys((f"{MEMBERSHIP.alias}.{name}" for name in _OF_MEMBERSHIP), "")
    return found


def _own(schema: Schema, entity: str) -> Iterator[tuple[str, str]]:
    for spec in schema.fields(entity).values():
        if spec.type in ("Field", "Custom") and spec.name not in _ITS_OWN | _COPIES.get(entity, frozenset()):
            yield _written(spec), "" if spec.options else spec.fk_entity or ""


def _written(spec: FieldSpec) -> str:
    return f"{spec.name}:name" if spec.options and "name" in (spec.suffixes or ()) else spec.name
