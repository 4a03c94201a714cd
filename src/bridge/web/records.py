"""One record and why it is as it is: what the state knows at once, and both systems read now for whoever asks for it.

Sensitive values are shown only to those who may see them, on a form of their own: a look is a deed, and stands in the audit
log under their name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response

from bridge.core.ledger import Selection
from bridge.core.record import PerSide, Side
from bridge.core.why import HIDDEN
from bridge.errors import BridgeError, ConfigError
from bridge.locales.wording import N_
from bridge.web.access import Refusal, note
from bridge.web.api import side_and_id
from bridge.web.office import Seen
from bridge.web.pages import Told, titles
from bridge.web.reader import SignedIn, acting, signed_in
from bridge.web.visitors import Pace

router = APIRouter(include_in_schema=False)

Viewer = Annotated[SignedIn, Depends(signed_in)]
Looking = Annotated[SignedIn, Depends(acting("viewer"))]
Record = Annotated[str, Path(pattern=r"^(civicrm:[0-9]{1,18}|airtable:rec[0-9A-Za-z]{14,20})$")]

MOST = 50


@dataclass(frozen=True, slots=True)
class Look:
    """What was read of a record just now; or why it could not be: a `problem`, or that it is `nowhere` in scope.

    `bare` says that sensitive values are among it.
    """

    seen: Sequence[Seen] = ()
    problem: str = ""
    nowhere: str = ""
    bare: bool = False
    done: bool = True


@router.get("/records/{record}")
def record(reader: Viewer, record: Record, now: bool = False) -> Response:
    """What is known of a record; with `now`, as both systems have it at this moment."""
    look = _look(reader, record, bare=False) if now else Look(done=False)
    return _page(reader, record, look)


@router.post("/records/{record}/sensitive")
def sensitive(reader: Looking, record: Record) -> Response:
    """The record as both systems have it at this moment, with its sensitive values, once."""
    if not reader.visitor.sensitive:
        raise Refusal(403, N_("You may not look at sensitive values."), next_step=N_("Ask who runs bridge."))
    note(reader.request, record=record, look="sensitive")
    return _page(reader, record, _look(reader, record, bare=True))


def _look(reader: SignedIn, record: str, *, bare: bool) -> Look:
    pace: Pace = reader.request.app.state.looks
    if wait := pace.wait(reader.visitor.name):
        raise Refusal(429, N_("Too many looks at once."), next_step=N_("Wait a few seconds."), retry_after=wait)
    try:
        return Look(reader.office.looks.look(side_and_id(record), sensitive=bare), bare=bare)
    except ConfigError as error:
        return Look(nowhere=error.message)
    except BridgeError as error:
        return Look(problem=error.message)


def _page(reader: SignedIn, record: str, look: Look) -> Response:
    office, (side, native) = reader.office, side_and_id(record)
    links = office.store.knowledge.find_link(side, native)
    names = titles(reader)
    entries, number = office.store.ledger.search(Selection(mappings=frozenset(names), record=(side, native)), limit=MOST)
    writes = sorted(
        {
            entry.id: entry
            for each in ((side, native), *((side.other, link[side.other]) for _, link in links))
            for entry in office.store.journal.of_record(*each)
        }.values(),
        key=lambda entry: -entry.id,
    )
    return reader.page(
        "record.html",
        record=record,
        side=side,
        native=native,
        name=next((each.discrepancy.name for each in entries), None) or next((each.change.name for each in writes), native),
        links=[(mapping, link, _addresses(reader, mapping, PerSide(link.civicrm, link.airtable))) for mapping, link in links],
        told=[Told(each, office, reader.language) for each in entries],
        more=number - len(entries),
        writes=writes[:MOST],
        look=look,
        hidden=HIDDEN,
        mapping_of=office.mapping,
        names=names,
        may_see=reader.visitor.sensitive,
    )


def _addresses(reader: SignedIn, mapping: str, ids: PerSide[str]) -> list[tuple[Side, str, str | None]]:
    return [(side, native, reader.office.address(mapping, side, native)) for side, native in ids]
