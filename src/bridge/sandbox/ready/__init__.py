"""The data of the ready mappings: for each a small office, with a known number of things to write and to tell.

`mappings/ready/<name>/` holds the mapping files, `docs/mappings/<name>.md` the page. `bridge sandbox --for <name>`
serves the data.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final

from bridge.sandbox.federation import Federation
from bridge.sandbox.ready import care_matching, dues_audit, elected_officials, new_coops, open_enrollment, union_caucuses

SEEDS: Final[Mapping[str, Callable[[dt.date], Federation]]] = {
    "care-matching": care_matching.seed,
    "dues-audit": dues_audit.seed,
    "elected-officials": elected_officials.seed,
    "new-coops": new_coops.seed,
    "open-enrollment": open_enrollment.seed,
    "union-caucuses": union_caucuses.seed,
}


GROWING: Final[Mapping[str, Callable[[dt.date, int, int], Federation]]] = {"union-caucuses": union_caucuses.seed}
"""Those that can be had with many members, by how many and by the seed that draws them."""


def seeded(name: str, today: dt.date, members: int = 0, seed: int = 1) -> Federation:
    """What both systems hold for the ready mapping of that name, with `members` where told. KeyError where there is none."""
    return GROWING[name](today, members, seed) if members else SEEDS[name](today)
