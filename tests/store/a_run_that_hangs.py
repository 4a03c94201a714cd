"""A process for the tests of crashes: takes the lease, intends, settles some, says where it stands and then waits to be killed.

Usage: a_run_that_hangs.py URL STEP, where STEP is `leased`, `intended`, `settled` or `in_turn`.
"""

import datetime as dt
import sys
import time

from bridge.core.plan import Written
from bridge.ports import Settlement
from bridge.store import open_store
from store.store_builders import ANA, BEN, a_change, the_mapping


def main(url: str, step: str) -> None:
    store = open_store(url, [], lambda: dt.datetime.now(dt.UTC))
    if step == "in_turn":
        with store.slots.turn("appX") as turn:
            turn.sent = [1.0]
            wait(step)
    with store.runs.lease("groups", "the one that hangs") as lease:
        run = store.runs.start("groups", mode="correct", kind="sweep", by="")
        if step == "leased":
            wait(step)
        first, _ = store.journal.intend(run, [a_change(), a_change(link=BEN)], lease)
        if step == "settled":
            done = Settlement(entry=first, written=Written.DONE, link=ANA, bases={"email": "new@coop.org"})
            store.journal.settle(the_mapping(), [done], lease)
        wait(step)


def wait(step: str) -> None:
    sys.stdout.write(f"{step}\n")
    sys.stdout.flush()
    time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
