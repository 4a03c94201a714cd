"""A state that remembers a held plan, a write, a base and a discrepancy, each about a sensitive field too."""

from bridge.core.document import document
from bridge.core.plan import Action, Breach, CellChange, Change, Plan
from bridge.core.record import Link, Side
from bridge.ports import PlanState, RunState
from builders import a_field, a_mapping
from web.web_office import House

HELD = Breach(rule="updates", message="1 of 1 record to update in Airtable: at most 0.", setting="guard.updates.count")


def a_cell(field: str, value: str, *, sensitive: bool) -> CellChange:
    return CellChange(
        field=field,
        path=field,
        before=f"{value} before",
        after=f"{value} after",
        before_raw=f"{value} before",
        after_raw=f"{value} after",
        why="changed",
        sensitive=sensitive,
        sealed=("aa", "bb") if sensitive else None,
    )


def remember(house: House, secret: str) -> None:
    """A held plan, a write, a base and a discrepancy, each about a sensitive field."""
    mapping = a_mapping(a_field("email"), a_field("premium", sensitive=True))
    link = Link("12", "rec00000000000012")
    change = Change(
        mapping="groups",
        side=Side.AIRTABLE,
        action=Action.UPDATE,
        id=link.airtable,
        partner=link.civicrm,
        name="Arroyo Bakery",
        cells=(a_cell("email", "plain", sensitive=False), a_cell("premium", secret, sensitive=True)),
    )
    plan = Plan(
        mapping="groups",
        mapping_digest="m",
        changes=(change,),
        discrepancies=(),
        links=(link,),
        agreed={link: {"premium": secret}},
        breaches=(HELD,),
    )
    store = house.store
    with store.runs.lease("groups", "here") as lease:
        run = store.runs.start("groups", mode="correct", kind="sweep", by="schedule")
        store.knowledge.store(mapping, plan, lease)
        store.plans.save(run, plan, document(plan), PlanState.HELD)
        store.journal.intend(run, [change], lease, by="schedule")
        store.runs.finish(run, RunState.HELD, digest=str(document(plan)["digest"]), counts={"changes": 1})
    house.mapping = mapping
    house.entry(12, field="premium")
