"""A pen for the data of ready mappings: rows of both systems in few words, and where something is to be told."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bridge.sandbox.airtable_cells import Ids
from bridge.sandbox.federation import Federation
from bridge.sandbox.federation_civicrm import CONTACT, LAST_CONTACT_OF_A_NEW_SITE, STATE_IDS, STATUS_IDS, UNITED_STATES, Row
from bridge.sandbox.federation_plants import Planted
from bridge.sandbox.ground import Ground

_HOME, _MAIN = 1, 3
_OF_A_NEW_SITE = 10  # rows of other entities that every site has end below it


class Filler:
    """Writes down what both systems hold on the morning of `today`."""

    def __init__(self, ground: Ground, today: dt.date) -> None:
        self.today = today
        self._ground = ground
        self._ids = Ids(ground.base)
        self._last: defaultdict[str, int] = defaultdict(lambda: _OF_A_NEW_SITE, {"Contact": LAST_CONTACT_OF_A_NEW_SITE})
        self._civicrm: defaultdict[str, list[Row]] = defaultdict(list)
        self._airtable: dict[str, dict[str, Row]] = {table: {} for table in ground.tables}
        self._truth: defaultdict[str, list[Planted]] = defaultdict(list)

    def day(self, ahead: int) -> str:
        """The day so many days from today, or ago where negative."""
        return (self.today + dt.timedelta(days=ahead)).isoformat()

    def add(self, entity: str, **values: Any) -> int:
        """The id of a new CiviCRM row with these raw values."""
        self._last[entity] += 1
        self._civicrm[entity].append({"id": self._last[entity], **values})
        return self._last[entity]

    def contact(
        self,
        contact_type: str,
        *,
        email: str = "",
        phone: str = "",
        state: str = "",
        custom: Mapping[str, Any] = MappingProxyType({}),
        **values: Any,
    ) -> int:
        """The id of a new contact, with its custom fields, e-mail, phone and address where they are given."""
        contact = self.add("Contact", contact_type=contact_type, **CONTACT, **values, **custom)
        location = _MAIN if contact_type == "Organization" else _HOME
        common = {"contact_id": contact, "location_type_id": location, "is_primary": True, "is_billing": False}
        if email:
            self.add("Email", **common, email=email, on_hold=0, is_bulkmail=False)
        if phone:
            digits = "".join(filter(str.isdigit, phone))
            self.add("Phone", **common, phone=phone, phone_numeric=digits, phone_type_id=1)
        if state:
            self.add("Address", **common, state_province_id=STATE_IDS[state], country_id=UNITED_STATES)
        return contact

    def membership(self, contact: int, status: str, ends: int, *, kind: int = 1) -> None:
        """A yearly membership that ends so many days from today."""
        start = self.day(ends - 364)
        dates = {"join_date": start, "start_date": start, "end_date": self.day(ends)}
        self.add(
            "Membership",
            contact_id=contact,
            membership_type_id=kind,
            status_id=STATUS_IDS[status],
            is_override=False,
            is_test=False,
            is_pay_later=False,
            **dates,
        )

    def row(self, table: str, cells: Mapping[str, Any]) -> str:
        """The id of a new row in Airtable; cells by column."""
        record = self._ids.new("rec")
        self._airtable[table][record] = dict(cells)
        return record

    def told(self, mapping: str, what: str | int, civicrm: int | None = None, airtable: str = "") -> None:
        """Notes that the rule or code `what` of a mapping is to be told of this record."""
        self._truth[f"{mapping}.{what}"].append(Planted(str(civicrm or ""), airtable))

    def done(self) -> Federation:
        """Everything that was written down."""
        return Federation(dict(self._civicrm), self._airtable, dict(self._truth), self._ground)
