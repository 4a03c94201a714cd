"""The ports: what the service needs from the remotes, the state and the people it tells.

Owned by the caller. `civicrm`, `airtable`, `store` and `slack` fulfil them without importing one another; tests fulfil them
with small fakes.
"""

from bridge.ports.boards import Board, Lack, Notice, Notices, Posted
from bridge.ports.remotes import Clock, Outcome, Progress, Pulled, Remote, silent
from bridge.ports.state import (
    Calls,
    Journal,
    JournalCell,
    JournalEntry,
    Knowledge,
    Lease,
    Memory,
    Plans,
    PlanSheet,
    PlanState,
    RunRecord,
    Runs,
    RunState,
    RunTotal,
    Settlement,
    Slots,
    StoredPlan,
    SyncRecord,
    Syncs,
    Turn,
    WaitingPlan,
)
from bridge.ports.store import Store
from bridge.ports.telling import Ledger, Outbox, OutboxMessage, OutboxState, Step

__all__ = [
    "Board",
    "Calls",
    "Clock",
    "Journal",
    "JournalCell",
    "JournalEntry",
    "Knowledge",
    "Lack",
    "Lease",
    "Ledger",
    "Memory",
    "Notice",
    "Notices",
    "Outbox",
    "OutboxMessage",
    "OutboxState",
    "Outcome",
    "PlanSheet",
    "PlanState",
    "Plans",
    "Posted",
    "Progress",
    "Pulled",
    "Remote",
    "RunRecord",
    "RunState",
    "RunTotal",
    "Runs",
    "Settlement",
    "Slots",
    "Step",
    "Store",
    "StoredPlan",
    "SyncRecord",
    "Syncs",
    "Turn",
    "WaitingPlan",
    "silent",
]
