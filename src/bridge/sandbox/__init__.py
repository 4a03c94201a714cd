"""A CiviCRM, an Airtable and a Slack on this machine that answer as the real ones do, filled with one federation.

    with Sandbox(coops=30, workers=200, rate_limit=None) as sandbox:
        os.environ.update(sandbox.environment())                            # points a real bridge at it
        sandbox.airtable.edit(BASE, "Groups", record, {"Phone": "413-555-0188"})     # what staff do meanwhile
        sandbox.civicrm.trash(contact)
        sandbox.servers.airtable.faults.add(Fault(FaultKind.DROP_AFTER, match="Groups/update"))
        sandbox.slack.channels["#membership"].messages[0].text
        sandbox.slack.press("snooze", user="U0LUPE")                        # a click, over Socket Mode
        sandbox.federation.truth["groups.email_differs"]                    # where what was planted

No two parts share a state, so that each can be wrong on its own, as the real ones are.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bridge.sandbox.airtable import TOKEN, Airtable
from bridge.sandbox.airtable_api import AirtableApi
from bridge.sandbox.civicrm import API_KEYS, CiviCRM
from bridge.sandbox.federation import BASE, found_federation
from bridge.sandbox.http import App, Server
from bridge.sandbox.ready import seeded
from bridge.sandbox.slack import APP_TOKEN, BOT_TOKEN, WEBHOOK_PATH, Slack
from bridge.sandbox.slack_api import SlackApi
from bridge.sandbox.slack_socket import SocketServer

__all__ = ["BASE", "Sandbox", "Servers"]

Clock = Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class Servers:
    """The running servers: each has a `url`, `faults` to come, and the `requests` it answered."""

    civicrm: Server
    airtable: Server
    slack: Server

    def __iter__(self) -> Iterator[Server]:
        yield from (self.civicrm, self.airtable, self.slack)


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Sandbox:
    """The three systems, filled; a context manager that starts and stops their servers on 127.0.0.1.

    Args:
        coops: how many co-ops the federation has; 30 are enough for every kind of difference.
        workers: how many workers over all co-ops.
        seed: the same seed and day make the same federation.
        rate_limit: Airtable's requests a second per base; None admits all.
        penalty_seconds: how long Airtable refuses everything after one request too many.
        clock: the time in all three systems, aware. It does not pace the rate limit, which is in real seconds.
        ports: of CiviCRM, Airtable and Slack; 0 takes a free one.
        ready: holds the data of this ready mapping, one of `bridge.sandbox.ready.SEEDS`, and not the federation's benefits.
        members: how many members, of a ready mapping that grows (`GROWING`); 0 for its few.
    """

    def __init__(
        self,
        coops: int = 375,
        workers: int = 10_000,
        seed: int = 1,
        *,
        rate_limit: int | None = 5,
        penalty_seconds: float = 30,
        clock: Clock = _utc_now,
        today: dt.date | None = None,
        ports: tuple[int, int, int] = (0, 0, 0),
        ready: str | None = None,
        members: int = 0,
    ) -> None:
        today = today or clock().date()
        self._made_of = {
            "coops": coops,
            "workers": workers,
            "seed": seed,
            "today": today.isoformat(),
            "ready": ready,
            "members": members,
        }
        self.ready = ready
        self._ports = ports
        self._seconds = lambda: clock().timestamp()
        self._servers: Servers | None = None
        self._socket: SocketServer | None = None
        self.federation = seeded(ready, today, members, seed) if ready else found_federation(coops, workers, seed, today)
        self.civicrm = CiviCRM(clock=clock)
        self.airtable = Airtable(clock=clock, rate_limit=rate_limit, penalty_seconds=penalty_seconds, seed=seed)
        self.slack = Slack(clock=clock)
        self.federation.fill_civicrm(self.civicrm)
        self.federation.fill_airtable(self.airtable)
        for channel in self.federation.ground.channels:
            self.slack.add_channel(channel)

    def start(self) -> Self:
        """Begins to answer; returns the sandbox."""
        self._socket = socket = SocketServer(self.slack.connections).start()
        apps: tuple[App, ...] = (self.civicrm, AirtableApi(self.airtable), SlackApi(self.slack, lambda: socket.url))
        servers = (Server(app, port=port, clock=self._seconds) for app, port in zip(apps, self._ports, strict=True))
        self._servers = Servers(*(server.start() for server in servers))
        self.slack.response_url = f"{self._servers.slack.url}/response/1"
        return self

    def stop(self) -> None:
        """Stops answering. The state stays, and `start` may be called again."""
        for server in self._servers or ():
            server.stop()
        if self._socket:
            self._socket.stop()
        self._servers = self._socket = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def servers(self) -> Servers:
        """The running servers. RuntimeError while there are none."""
        if self._servers is None:
            raise RuntimeError("The sandbox is not running. Next: use it in a `with`, or call start().")
        return self._servers

    @property
    def urls(self) -> dict[str, str]:
        """The addresses by `civicrm`, `airtable`, `slack` (with its `/api/`) and `webhook`."""
        servers = self.servers
        slack = servers.slack.url
        webhook = slack + WEBHOOK_PATH
        return {"civicrm": servers.civicrm.url, "airtable": servers.airtable.url, "slack": f"{slack}/api/", "webhook": webhook}

    def environment(self, user: str = "syncbot") -> dict[str, str]:
        """The settings that point a real bridge here. `user` is one of CiviCRM's users in `API_KEYS`."""
        urls, ground = self.urls, self.federation.ground
        return {
            "BRIDGE_CIVICRM__URL": urls["civicrm"],
            "BRIDGE_CIVICRM__API_KEY": API_KEYS[user],
            "BRIDGE_AIRTABLE__URL": urls["airtable"],
            "BRIDGE_AIRTABLE__TOKEN": TOKEN,
            f"BRIDGE_AIRTABLE__BASES__{ground.alias.upper()}": ground.base,
            "BRIDGE_AIRTABLE__PLAN": "team",
            "BRIDGE_SLACK__URL": urls["slack"],
            "BRIDGE_SLACK__BOT_TOKEN": BOT_TOKEN,
            "BRIDGE_SLACK__APP_TOKEN": APP_TOKEN,
            "BRIDGE_SLACK__CHANNEL": "#membership",
            "BRIDGE_SLACK__OPERATORS": "U0LUPE,S0MEMBERSHIP",
        }

    def save(self, folder: Path) -> None:
        """Writes the state of all three systems into a folder, one JSON file each."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sandbox.json").write_text(json.dumps(self._made_of))
        self.civicrm.save_state(folder / "civicrm.json")
        self.airtable.save_state(folder / "airtable.json")
        self.slack.save_state(folder / "slack.json")

    @classmethod
    def load(cls, folder: Path, **options: Any) -> Self:
        """The sandbox that was saved there, not yet started. `options` as of the class, but for what it was made of."""
        made_of = json.loads((folder / "sandbox.json").read_text())
        made_of["today"] = dt.date.fromisoformat(made_of["today"])
        sandbox = cls(**made_of, **options)
        sandbox.civicrm.load_state(folder / "civicrm.json")
        sandbox.airtable.load_state(folder / "airtable.json")
        sandbox.slack.load_state(folder / "slack.json")
        return sandbox
