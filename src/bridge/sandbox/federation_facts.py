"""What is true in the seeded federation, before either system writes it down: co-ops, memberships, workers, coverage."""

import datetime as dt
import itertools
import random
from dataclasses import dataclass, field

from bridge.sandbox import federation_words as words

PREMIUMS = {"dental_basic": 31.5, "dental_plus": 48.75, "vision": 9.2}
_UNCOVERED = 3  # of every co-op: so that no head count passes the roster by accident
_STRIDE = 7919  # shares no factor with 49 years of days: 17,885 workers have birthdays of their own, so no two are one
_KIN = 15  # every so many-th worker has the surname and the e-mail of the one before
_DAY = dt.timedelta(days=1)
_YEAR = dt.timedelta(days=365)


@dataclass(slots=True)
class Membership:
    """One membership row of a co-op; `status` is CiviCRM's name."""

    status: str
    start: dt.date
    end: dt.date
    override: bool = False
    inherited: bool = False


@dataclass(slots=True)
class Coverage:
    """A worker's benefits. `status` and `plan` are CiviCRM's names."""

    status: str
    plan: str
    start: dt.date
    end: dt.date | None
    member_number: str


@dataclass(slots=True)
class Worker:
    """One worker-owner or employee."""

    key: str
    first: str
    last: str
    email: str
    phone: str
    birth: dt.date
    language: str
    employed: bool = True
    coverage: Coverage | None = None


@dataclass(slots=True)
class Coop:
    """One member co-op. `status` is its benefits status by CiviCRM's name; `dues_open` is owed since long.

    `coverage_left`: its benefits ended, and one worker's coverage was left active by mistake.
    """

    key: str
    name: str
    city: str
    state: str
    postal_code: str
    street: str
    email: str
    phone: str
    status: str
    plans: list[str]
    effective: dt.date
    memberships: list[Membership]
    dues_open: int = 0
    coverage_left: bool = False
    size: int = 0
    workers: list[Worker] = field(default_factory=list)

    @property
    def picked(self) -> Membership | None:
        """The membership that counts: a current one before the others, then the one that ends last."""
        return max(self.memberships, key=lambda each: (is_current(each.status), each.end), default=None)

    @property
    def covered(self) -> list[Worker]:
        """The workers who have coverage now."""
        return [each for each in self.workers if each.coverage and each.coverage.status == "active"]


def is_current(status: str) -> bool:
    """Whether a status of that name is one of a current member."""
    return status in ("New", "Current", "Grace")


def membership(rng: random.Random, status: str, today: dt.date) -> Membership:
    """A membership whose dates fit its status, and that does not end within the next 65 days."""
    ends_in = {
        "New": (290, 360),
        "Current": (66, 270),
        "Grace": (-27, -2),
        "Expired": (-700, -45),
        "Pending": (330, 360),
        "Cancelled": (-300, -30),
    }
    end = today + rng.randint(*ends_in[status]) * _DAY
    return Membership(status, end - _YEAR + _DAY, end, override=status == "Cancelled")


def draw_coops(rng: random.Random, count: int, workers: int, today: dt.date) -> list[Coop]:
    """So many co-ops with sizes that add up to `workers`; nobody works there yet."""
    names = words.coop_names(rng, count)
    coops = [draw_coop(rng, number, name, today) for number, name in enumerate(names, start=1)]
    weights = [rng.lognormvariate(0, 0.9) for _ in coops]
    for coop, weight in zip(coops, weights, strict=True):
        coop.size = int(workers * weight / sum(weights))
    for place in range(workers - sum(each.size for each in coops)):
        coops[place % count].size += 1
    return coops


def draw_coop(rng: random.Random, number: int, stem: str, today: dt.date) -> Coop:
    """A co-op without workers."""
    city, state, area, postal_code = rng.choice(words.CITIES)
    status = rng.choices(("enrolled", "prospect", "enrolling", "terminated"), (58, 22, 10, 10))[0]
    if status == "enrolled":
        statuses = rng.choices((["New"], ["Current"], ["Grace"], ["Expired", "Current"]), (10, 70, 8, 12))[0]
    else:
        every: tuple[list[str], ...] = (
            ["New"],
            ["Current"],
            ["Grace"],
            ["Pending"],
            ["Expired"],
            ["Cancelled"],
            ["Expired", "Expired"],
            [],
        )
        statuses = rng.choices(every, (8, 40, 6, 12, 14, 6, 4, 10))[0]
    name = stem + rng.choice(words.SUFFIXES)
    return Coop(
        key=f"COOP-{number:04}",
        name=name,
        city=city,
        state=state,
        postal_code=postal_code,
        street=f"{rng.randint(1, 2400)} {rng.choice(words.STREETS)}",
        email=f"{rng.choice(('info', 'hola', 'office', 'hello'))}@{words.slug(stem)}.example",
        phone=words.phone_number(rng, area),
        status=status,
        plans=sorted(rng.sample(sorted(PREMIUMS), rng.randint(1, 3))),
        effective=dt.date(today.year - rng.randint(0, 5), rng.randint(1, 12), 1),
        memberships=[membership(rng, each, today) for each in statuses],
    )


def hire(rng: random.Random, coops: list[Coop], today: dt.date) -> None:
    """Fills every co-op with its workers; most workers of enrolled co-ops get coverage, and here and there two are kin."""
    numbers = itertools.count(1)
    for coop in coops:
        for number in itertools.islice(numbers, coop.size):
            worker = draw_worker(rng, number, coop.phone[:3], today)
            if number % _KIN == 0 and coop.workers:
                worker.last, worker.email = coop.workers[-1].last, coop.workers[-1].email
            coop.workers.append(worker)
        if coop.status in ("enrolled", "terminated"):
            for worker in coop.workers[:-_UNCOVERED]:
                worker.coverage = draw_coverage(rng, coop, worker, today)
        if coop.coverage_left:
            start = today - rng.randint(100, 900) * _DAY
            coop.workers[0].coverage = Coverage("active", coop.plans[0], start, None, "M000000")


def draw_worker(rng: random.Random, number: int, area: str, today: dt.date) -> Worker:
    """Somebody who lives where phones have this area code."""
    first, last = rng.choice(words.FIRST_NAMES), rng.choice(words.LAST_NAMES)
    if rng.random() < 0.25:  # noqa: PLR2004  # two surnames, as a quarter of the people has
        last = f"{last} {rng.choice(words.LAST_NAMES)}"
    return Worker(
        key=f"W-{number:05}",
        first=first,
        last=last,
        email=f"{words.slug(first)}.{words.slug(last)}{number}@mail.example",
        phone=words.phone_number(rng, area),
        birth=today - (19 * 365 + number * _STRIDE % (49 * 365)) * _DAY,
        language="es_MX" if rng.random() < 0.4 else "en_US",  # noqa: PLR2004  # two in five prefer Spanish
    )


def draw_coverage(rng: random.Random, coop: Coop, worker: Worker, today: dt.date) -> Coverage | None:
    """Coverage by one of the co-op's plans that fits the co-op's own status, or None: a third has it elsewhere."""
    if rng.random() > 0.68:  # noqa: PLR2004  # a third
        return None
    status = "terminated"
    if coop.status == "enrolled":
        status = rng.choices(("active", "pending", "waived", "terminated"), (84, 5, 6, 5))[0]
    start = today - rng.randint(40, 1500) * _DAY
    end = start + rng.randint(20, 38) * _DAY if status == "terminated" else None
    return Coverage(status, rng.choice(coop.plans), start, end, f"M{worker.key[2:]}{rng.randint(10, 99)}")
