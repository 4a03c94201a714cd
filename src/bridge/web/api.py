"""The HTTP API under /api/v1: what the command line shows, and a person's word on it, in the same stable forms."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from bridge.core import ledger, report
from bridge.core.ledger import Entry, Event, Selection, State
from bridge.core.mapping import Severity
from bridge.core.record import Side
from bridge.language import Language
from bridge.web.access import Refusal, admin, note, office_of, operator, problems, viewer
from bridge.web.office import Office
from bridge.web.shapes import (
    Accept,
    AskedSync,
    Assign,
    Discrepancy,
    Happening,
    HeldPlan,
    MappingName,
    Match,
    Reopen,
    Run,
    Snooze,
    Status,
    Sync,
    Use,
    WholeDiscrepancy,
    WholeRun,
    Write,
)
from bridge.web.visitors import Visitor

router = APIRouter(prefix="/api/v1", responses=problems())

TheOffice = Annotated[Office, Depends(office_of)]
Viewer = Annotated[Visitor, Depends(viewer)]
Operator = Annotated[Visitor, Depends(operator)]
Admin = Annotated[Visitor, Depends(admin)]
RunNumber = Annotated[int, Path(ge=1, lt=2**63, description="The run's number.")]
Key = Annotated[
    str,
    Path(
        pattern=r"^([0-9]{1,18}|[0-9a-f]{6,16})$",
        description="The discrepancy's number, or (the beginning of) its fingerprint.",
    ),
]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="The plan's whole digest.")]
SyncId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="The sync's id.")]
OnlyMapping = Annotated[MappingName | None, Query(description="Only this mapping.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="How many at the most.")]
InLanguage = Annotated[
    Literal["en", "es"] | None, Query(description="The language of sentences; that of the settings unless told.")
]


# ── looking ──


@router.get("/status", tags=["looking"], summary="How everything stands")
def status(office: TheOffice, _: Viewer) -> Status:
    """Each mapping's last runs, what is open, held or in doubt, the API calls of this month, and what is due next."""
    return Status.model_validate(office.standing())


@router.get("/runs", tags=["looking"], summary="The runs, newest first")
def runs(office: TheOffice, _: Viewer, mapping: OnlyMapping = None, limit: Limit = 50) -> list[Run]:
    """As `bridge runs --json`."""
    return [Run.of(each) for each in office.store.runs.list(mapping=mapping, limit=limit)]


@router.get("/runs/{run}", tags=["looking"], summary="One run, with its plan and its writes", responses=problems(404))
def run(office: TheOffice, _: Viewer, run: RunNumber) -> WholeRun:
    """As `bridge show --json`."""
    record = office.store.runs.get(run)
    if record is None:
        raise Refusal(404, f"There is no run {run}.", next_step="GET /api/v1/runs lists them.")
    stored = office.store.plans.get(record.digest) if record.digest else None
    writes = [Write.of(each) for each in office.store.journal.of_run(run)]
    return WholeRun.made_of(record, dict(stored.document) if stored else None, writes)


@router.get("/discrepancies", tags=["looking"], summary="Discrepancies, the open ones first")
def discrepancies(  # one parameter for each filter
    office: TheOffice,
    response: Response,
    _: Viewer,
    mapping: OnlyMapping = None,
    state: Annotated[State | None, Query(description="Only in this state.")] = None,
    code: Annotated[int | None, Query(ge=100, le=599, description="Only this code, such as 204.")] = None,
    severity: Annotated[Severity | None, Query(description="Only this severity.")] = None,
    assignee: Annotated[str | None, Query(max_length=80, description="Only in these hands; empty for nobody's.")] = None,
    limit: Limit = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000, description="How many to leave out.")] = 0,
    language: InLanguage = None,
) -> list[Discrepancy]:
    """As `bridge discrepancies list --json`. The header `X-Total-Count` says how many there are beyond the limit."""
    wanted = Selection(
        mappings=None if mapping is None else frozenset({mapping}), state=state, code=code, severity=severity, assignee=assignee
    )
    found, number = office.store.ledger.search(wanted, limit=limit, offset=offset)
    response.headers["X-Total-Count"] = str(number)
    return [Discrepancy.model_validate(_row(office, each, language)) for each in found]


@router.get("/discrepancies/{key}", tags=["looking"], summary="One discrepancy whole", responses=problems(404))
def discrepancy(office: TheOffice, _: Viewer, key: Key, language: InLanguage = None) -> WholeDiscrepancy:
    """What, since when, what to do, and what happened to it."""
    return _whole(office, _entry(office, key), language)


@router.get("/plans", tags=["looking"], summary="Plans that wait for a person")
def plans(office: TheOffice, _: Viewer) -> list[HeldPlan]:
    """The newest first, each with every reason why it is held."""
    return [
        HeldPlan(
            digest=each.digest,
            mapping=each.mapping,
            run=each.run,
            created_at=each.created_at,
            changes=len(each.plan.changes),
            reasons=[breach.message for breach in each.plan.breaches],
        )
        for each in office.store.plans.held()
    ]


# ── a person's word ──


@router.post("/discrepancies/{key}/assign", tags=["a person's word"], responses=problems(403, 404, 409))
def assign(request: Request, office: TheOffice, visitor: Operator, key: Key, body: Assign) -> WholeDiscrepancy:
    """Put it in somebody's hands, or nobody's."""
    return _say(request, office, visitor, key, lambda entry, how: ledger.assign(entry, body.assignee, note=body.note, **how))


@router.post("/discrepancies/{key}/snooze", tags=["a person's word"], responses=problems(403, 404, 409))
def snooze(request: Request, office: TheOffice, visitor: Operator, key: Key, body: Snooze) -> WholeDiscrepancy:
    """Hear nothing of it until a day, or until its facts change."""
    return _say(request, office, visitor, key, lambda entry, how: ledger.snooze(entry, body.until, note=body.note, **how))


@router.post("/discrepancies/{key}/accept", tags=["a person's word"], responses=problems(403, 404, 409))
def accept(request: Request, office: TheOffice, visitor: Operator, key: Key, body: Accept) -> WholeDiscrepancy:
    """Let it stand as it is, for a reason, until its facts change."""
    return _say(request, office, visitor, key, lambda entry, how: ledger.accept(entry, body.reason, note=body.note, **how))


@router.post("/discrepancies/{key}/reopen", tags=["a person's word"], responses=problems(403, 404, 409))
def reopen(request: Request, office: TheOffice, visitor: Operator, key: Key, body: Reopen) -> WholeDiscrepancy:
    """Open a snoozed or accepted one again."""
    return _say(request, office, visitor, key, lambda entry, how: ledger.reopen(entry, note=body.note, **how))


@router.post("/discrepancies/{key}/match", tags=["a person's word"], responses=problems(403, 404, 409))
def match(request: Request, office: TheOffice, visitor: Operator, key: Key, body: Match) -> WholeDiscrepancy:
    """Say of a suggested pair (104) whether the two records are the same; the next sync goes by it."""
    entry = _entry(office, key)
    office.syncs.match(entry.fingerprint, same=body.same, stamp=body.stamp, by=visitor.name)
    note(request, discrepancy=entry.id)
    return _whole(office, _entry(office, entry.fingerprint), None)


# ── syncs ──

_ACCEPTED: dict[str, Any] = {
    "status_code": 202,
    "response_description": "It waits in line. `Location` says where to follow it.",
}
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="A name of your own for this request: sent again, also after a restart, it is not done again.",
    ),
]


@router.post("/syncs", tags=["syncs"], summary="Run a sync now", responses=problems(403, 404, 409), **_ACCEPTED)
def ask_sync(
    request: Request,
    response: Response,
    office: TheOffice,
    visitor: Operator,
    body: AskedSync,
    idempotency_key: IdempotencyKey = None,
) -> Sync:
    """Put a sync in line for the one worker; follow it by polling `GET /api/v1/syncs/{id}`, or by its events.

    It sweeps, as `bridge sync` does; with `record` only that record and its partner are looked at. It writes only where the
    settings and the mapping say `correct`. An equal one that still waits is the answer to both.
    """
    if body.mapping is not None and office.mapping(body.mapping) is None:
        raise Refusal(404, f"There is no mapping {body.mapping}.", next_step="GET /api/v1/status lists them.")

    asked = office.syncs.ask(
        mapping=body.mapping,
        record=side_and_id(body.record) if body.record else None,
        dry_run=body.dry_run,
        by=visitor.name,
        mode=body.mode,
        delta=body.delta,
        key=idempotency_key or "",
    )
    number = str(asked["id"])
    note(request, sync=number)
    return followed(office, number, response)


@router.get("/syncs/{id}", tags=["syncs"], summary="How a sync stands", responses=problems(404))
def sync(
    office: TheOffice,
    response: Response,
    _: Viewer,
    id: SyncId,  # noqa: A002  # its name in the path
) -> Sync:
    """Where it stands and, once it has ended, its runs."""
    return followed(office, id, response)


@router.post(
    "/plans/{digest}/approve", tags=["syncs"], summary="Approve a held plan", responses=problems(403, 404, 409), **_ACCEPTED
)
def approve(
    request: Request,
    response: Response,
    office: TheOffice,
    visitor: Admin,
    digest: Digest,
) -> Sync:
    """Apply exactly this plan, with every precondition checked again. A plan is used once."""
    _held(office, digest)
    number = str(office.syncs.approve(digest, by=visitor.name)["id"])
    note(request, sync=number, digest=digest[:12])
    return followed(office, number, response)


@router.post(
    "/plans/{digest}/reject",
    tags=["syncs"],
    summary="Reject a held plan",
    status_code=204,
    responses=problems(403, 404, 409),
)
def reject(request: Request, office: TheOffice, visitor: Admin, digest: Digest) -> None:
    """It is not asked for again until it differs."""
    _held(office, digest)
    office.syncs.reject(digest, by=visitor.name)
    note(request, digest=digest[:12])


@router.post(
    "/discrepancies/{key}/use",
    tags=["syncs"],
    summary="Say which system's value is right",
    responses=problems(403, 404, 409),
    **_ACCEPTED,
)
def use(request: Request, response: Response, office: TheOffice, visitor: Operator, key: Key, body: Use) -> Sync:
    """Write one system's value to the other one: one record and one field, through the same guard and journal as a sync.

    It is refused if either value has been edited since the discrepancy was found.
    """
    entry = _entry(office, key)
    number = str(office.syncs.choose(entry.fingerprint, body.side, stamp=body.stamp, by=visitor.name)["id"])
    note(request, sync=number, discrepancy=entry.id)
    return followed(office, number, response)


def _held(office: Office, digest: str) -> None:
    if all(each.digest != digest for each in office.store.plans.held()):
        raise Refusal(404, f"No plan {digest[:12]} waits for approval.", next_step="GET /api/v1/plans lists those that do.")


def followed(office: Office, number: str, response: Response) -> Sync:
    """How a sync stands, and where to follow it. Raises Refusal if it is not known."""
    found = as_it_stands(office, number)
    if found is None:
        raise Refusal(404, f"There is no sync {number}.", next_step="ask again: asking twice writes nothing twice.")
    response.headers["Location"] = f"/api/v1/syncs/{number}"
    return found


def as_it_stands(office: Office, number: str) -> Sync | None:
    """How a sync stands, None if it is not known."""
    found = office.syncs.get(number)
    return None if found is None else Sync.model_validate({**found, "runs": [Run.of(each) for each in found["runs"]]})


def side_and_id(record: str) -> tuple[Side, str]:
    """The record that `SIDE:ID` names."""
    side, _, native = record.partition(":")
    return Side(side), native


# ── discrepancies ──


def _entry(office: Office, key: str) -> Entry:
    entry = office.store.ledger.get(key)
    if entry is None:
        raise Refusal(404, f"There is no discrepancy {key}.", next_step="GET /api/v1/discrepancies lists them.")
    return entry


def _row(office: Office, entry: Entry, language: str | None) -> dict[str, Any]:
    sentence = Language(language or office.language, office.timezone).discrepancy(
        entry, office.mapping(entry.discrepancy.mapping)
    )
    return dict(report.row(entry, text=sentence.what, now=office.clock()))


def _whole(office: Office, entry: Entry, language: str | None) -> WholeDiscrepancy:
    speak = Language(language or office.language, office.timezone)
    sentence = speak.discrepancy(entry, office.mapping(entry.discrepancy.mapping))
    history = [Happening.of(each) for each in office.store.ledger.events(fingerprint=entry.fingerprint)]
    return WholeDiscrepancy.model_validate(
        {**_row(office, entry, language), "stamp": entry.stamp, "do": sentence.do, "note": entry.note, "history": history}
    )


def _say(
    request: Request,
    office: Office,
    visitor: Visitor,
    key: str,
    word: Callable[[Entry, dict[str, Any]], tuple[Entry, Event]],
) -> WholeDiscrepancy:
    """Keep a person's word on a discrepancy, under the name of their token."""
    before = _entry(office, key)
    entry, event = word(before, {"by": visitor.name, "at": office.now()})
    office.store.ledger.keep(before, entry, event)
    note(request, discrepancy=entry.id)
    return _whole(office, entry, None)
