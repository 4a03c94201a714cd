"""What CiviCRM does by itself to memberships: dates from the type, status from the dates, copies for related contacts.

Observed on 5.78 and 6.17: a write that sends none of `status_id`, `is_override: true` and `skipStatusCal` has the
status computed anew, whatever it was.
"""

import calendar
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from bridge.sandbox.civicrm_rows import Row
from bridge.sandbox.civicrm_site import Site

DATES = ("join_date", "start_date", "end_date")
JOB_LEAVES_ALONE = ("Expired", "Pending", "Cancelled", "Deceased")
COPIED = ("membership_type_id", *DATES, "status_id", "is_override", "source")


def completed(site: Site, row: Row | None, values: Row, sent: Mapping[str, Any]) -> Row:
    """The values to write: those given, the dates they imply, and the status CiviCRM computes."""
    for name in DATES:
        if values.get(name, "") is None:
            del values[name]
    if values.get("status_id", 0) is None:
        del values["status_id"]
    after = (row or {}) | values
    _fill_dates(site, after)
    keeps_status = "status_id" in values or values.get("is_override") is True or sent.get("skipStatusCal")
    if not keeps_status or "status_id" not in after:
        after["status_id"] = status_on(site, after, site.clock.now().date())
    return {name: value for name, value in after.items() if (row or {}).get(name) != value or name in values}


def _fill_dates(site: Site, row: Row) -> None:
    today = site.clock.now().date().isoformat()
    given_start = "start_date" in row
    if "join_date" not in row:
        row["join_date"] = today
    if not given_start:
        row["start_date"] = row["join_date"]
    kind = site.rows.get("MembershipType", row.get("membership_type_id"))
    if "end_date" not in row and kind and kind.get("duration_unit", "year") != "lifetime":
        start = dt.date.fromisoformat(row["start_date"])
        end = moved(start, kind.get("duration_unit", "year"), kind.get("duration_interval", 1))
        row["end_date"] = (end - dt.timedelta(days=1)).isoformat()


def moved(day: dt.date, unit: str, interval: int) -> dt.date:
    """A day moved by units; a day past the end of its month runs over into the next, as PHP's mktime has it."""
    if unit == "day":
        return day + dt.timedelta(days=interval)
    months = day.year * 12 + day.month - 1 + interval * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    surplus = max(day.day - calendar.monthrange(year, month + 1)[1], 0)
    return dt.date(year, month + 1, day.day - surplus) + dt.timedelta(days=surplus)


def status_on(site: Site, row: Row, today: dt.date) -> int:
    """The id of the first status, by weight, whose window holds the day; the last computed one otherwise."""
    rules = sorted(site.rows["MembershipStatus"].rows.values(), key=lambda status: status.get("weight", 0))
    computed = [rule for rule in rules if rule.get("start_event") and rule.get("is_active", True)]
    for rule in computed:
        begins, ends = (_event(row, rule, side) for side in ("start_event", "end_event"))
        if begins is None or today < begins:
            continue
        if not rule.get("end_event") or ends is None or today <= ends:
            return int(rule["id"])
    return int(computed[0]["id"])


def _event(row: Row, rule: Row, side: str) -> dt.date | None:
    day = row.get(rule.get(side, ""))
    if day is None:
        return None
    unit, interval = rule.get(f"{side}_adjust_unit"), rule.get(f"{side}_adjust_interval")
    return moved(dt.date.fromisoformat(day), unit, interval) if unit and interval else dt.date.fromisoformat(day)


def run_job(site: Site) -> int:
    """Recompute the status of every membership the nightly job looks at; returns how many changed."""
    left_alone = {row["id"] for row in site.rows["MembershipStatus"].rows.values() if row["name"] in JOB_LEAVES_ALONE}
    today, changed = site.clock.now().date(), 0
    for row in list(site.rows["Membership"].rows.values()):
        skipped = row.get("is_override") or row.get("is_test") or "owner_membership_id" in row
        if skipped or row.get("status_id") in left_alone or row["status_id"] == (status := status_on(site, row, today)):
            continue
        site.rows["Membership"].patch(row["id"], {"status_id": status})
        propagate(site, row)
        changed += 1
    return changed


def propagate(site: Site, owner: Row) -> None:
    """Give each related contact its copy of an owner's membership, and bring the copies there are up to date."""
    if "owner_membership_id" in owner:
        return
    table = site.rows["Membership"]
    copied = {name: owner.get(name) for name in COPIED}
    holders = set()
    for copy in table.rows_where("owner_membership_id", owner["id"]):
        holders.add(copy["contact_id"])
        table.patch(copy["id"], copied)
    for contact_id in sorted(set(_related(site, owner)) - holders):
        new = {"id": table.last_id + 1, "contact_id": contact_id, "owner_membership_id": owner["id"], **copied}
        table.put({name: value for name, value in new.items() if value is not None})


def _related(site: Site, owner: Row) -> Iterable[int]:
    kind = site.rows.get("MembershipType", owner["membership_type_id"]) or {}
    pairs = zip(kind.get("relationship_type_id", ()), kind.get("relationship_direction", ()), strict=False)
    for type_id, direction in pairs:
        mine, theirs = direction.split("_")
        for row in site.rows["Relationship"].rows_where(f"contact_id_{mine}", owner["contact_id"]):
            if row["relationship_type_id"] == type_id and row.get("is_active", True):
                yield row[f"contact_id_{theirs}"]
