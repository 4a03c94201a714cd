"""What Prometheus reads, computed from the state whenever it asks: a restart loses nothing, and the numbers are the ledger's.

Labels are names of mappings, kinds, states, codes, rules and accounts. None is ever taken from a record.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from bridge import __version__
from bridge.ports import RunState, RunTotal
from bridge.web import health
from bridge.web.office import Office

_AGES = ((7, "under 7 days"), (30, "7 to 29 days"))
_OLDEST = "30 days and more"
_COMPLETE = frozenset({RunState.DONE, RunState.HELD})
_SEEN = 200
"""How many of a mapping's last runs are searched for one that counted all records."""


def exposition(office: Office) -> bytes:
    """All metrics in Prometheus's text format, from a registry of their own."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_State(office))
    ProcessCollector(registry=registry)  # memory, and when the process began: a restart loop shows there
    return generate_latest(registry)


class _State(Collector):
    """Collects from the state."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def collect(self) -> Iterable[Metric]:
        """Every metric family."""
        office = self._office
        totals = office.store.runs.totals()
        yield _gauge("bridge_info", "The version that serves.", ["version"], [((__version__,), 1)])
        yield from _runs(totals)
        yield _records(office)
        yield _discrepancies(office)
        yield from _calls(office)
        in_doubt = [((each.name,), len(office.store.journal.open(each.name))) for each in office.mappings()]
        yield _gauge("bridge_writes_in_doubt", "Writes of which nobody knows yet whether they landed.", ["mapping"], in_doubt)
        messages = [((state.value,), number) for state, number in office.store.outbox.counts().items()]
        yield _gauge("bridge_outbox_messages", "Messages to Slack by state.", ["state"], messages)
        held = Counter(plan.mapping for plan in office.store.plans.held())
        yield _gauge(
            "bridge_plans_held",
            "Plans that wait for a person.",
            ["mapping"],
            [((each.name,), held[each.name]) for each in office.mappings()],
        )
        yield _since_last_sweep(office, totals)
        late = [((mapping,), by.total_seconds()) for mapping, by in office.overdue().items()]
        yield _gauge("bridge_sweep_overdue_seconds", "How late a scheduled sweep is; 0 while it is not.", ["mapping"], late)
        yield _gauge(
            "bridge_ready",
            "1 if the dependency was well when it was last used.",
            ["dependency"],
            [((each.what,), int(each.ok)) for each in health.checks(office)],
        )


def _gauge(name: str, about: str, labels: Sequence[str], samples: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


def _runs(totals: Sequence[RunTotal]) -> Iterator[Metric]:
    runs = CounterMetricFamily("bridge_runs", "Runs that ended, or were cut short.", labels=["mapping", "kind", "state"])
    seconds = SummaryMetricFamily("bridge_run_seconds", "How long runs took.", labels=["mapping", "kind", "state"])
    changes = CounterMetricFamily("bridge_changes", "Records planned to be written.", labels=["mapping", "kind"])
    writes = CounterMetricFamily("bridge_writes", "Records written, by how it ended.", labels=["mapping", "outcome"])
    doubts = CounterMetricFamily("bridge_doubts_settled", "Writes in doubt, settled by reading.", labels=["mapping"])
    planned: Counter[tuple[str, str]] = Counter()
    settled: Counter[str] = Counter()
    written: Counter[tuple[str, str]] = Counter()
    for each in totals:
        labels = [each.mapping, each.kind, each.state.value]
        runs.add_metric(labels, each.runs)
        seconds.add_metric(labels, count_value=each.runs, sum_value=each.seconds)
        planned[each.mapping, each.kind] += each.counts["changes"]
        settled[each.mapping] += each.counts["doubts_settled"]
        for outcome in ("written", "refused", "stale", "in_doubt", "not_sent"):
            written[each.mapping, outcome] += each.counts[outcome]
    for keys, number in planned.items():
        changes.add_metric(keys, number)
    for keys, number in written.items():
        writes.add_metric(keys, number)
    for mapping, number in settled.items():
        doubts.add_metric([mapping], number)
    yield from (runs, seconds, changes, writes, doubts)


def _records(office: Office) -> Metric:
    """How many records each side had when it was last counted whole."""
    samples = []
    for mapping in office.mappings():
        runs = office.store.runs.list(mapping=mapping.name, limit=_SEEN)
        last = next((each for each in runs if each.kind == "sweep" and each.state in _COMPLETE), None)
        if last is not None:
            samples += [((mapping.name, side), last.counts.get(f"{side}_records", 0)) for side in ("civicrm", "airtable")]
    return _gauge("bridge_records", "Records in scope at the last complete sweep.", ["mapping", "side"], samples)


def _discrepancies(office: Office) -> Metric:
    now = office.clock()
    found: Counter[tuple[str, ...]] = Counter()
    for entry in office.store.ledger.list(state="open"):
        each, days = entry.discrepancy, (now - entry.opened_at).days
        age = next((name for below, name in _AGES if days < below), _OLDEST)
        found[each.mapping, str(each.code), each.rule or "", each.severity.value, age] += 1
    labels = ["mapping", "code", "rule", "severity", "age"]
    return _gauge("bridge_discrepancies_open", "Open discrepancies by code and age.", labels, found.items())


def _calls(office: Office) -> Iterator[Metric]:
    accounts = office.accounts()
    used = [((each.name,), each.used) for each in accounts]
    left = [((each.name,), max(0, each.quota - each.used)) for each in accounts if each.quota is not None]
    yield _gauge("bridge_api_calls_month", "API calls used this calendar month (UTC).", ["account"], used)
    yield _gauge("bridge_api_calls_left", "API calls left of this month's quota.", ["account"], left)


def _since_last_sweep(office: Office, totals: Sequence[RunTotal]) -> Metric:
    now = office.clock()
    samples = []
    for mapping in office.mappings():
        mine = [each for each in totals if each.mapping == mapping.name and each.kind == "sweep" and each.state in _COMPLETE]
        last = max((each.last_finished for each in mine if each.last_finished), default=None)
        samples += [((mapping.name,), (now - last).total_seconds())] if last else []
    return _gauge("bridge_last_sweep_age_seconds", "Seconds since the last complete sweep.", ["mapping"], samples)
