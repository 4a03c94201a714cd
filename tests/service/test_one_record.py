"""One record by itself is matched as a sweep would match it: no less strictly, and inside the scope only."""

from dataclasses import dataclass

import pytest

from bench import Bench
from bridge.core.mapping import ExactMatch, FieldType, Key
from bridge.core.record import PerSide, Side
from bridge.core.sight import Found, Whereabouts
from bridge.service.order import Kind
from builders import a_field, a_mapping, airtable_rows, civicrm_rows
from fakes import FakeRemote

ARROYO = "rec00000000000001"
TWO_KEYS = a_mapping(
    a_field("name"),
    match=tuple(ExactMatch(keys=(Key(at=PerSide(key, key.title()), type=FieldType.IDENTIFIER),)) for key in ("code", "ein")),
)


@dataclass
class Trashing(FakeRemote):
    """A remote whose `find` also brings what is in the trash, as CiviCRM's does."""

    trashed: frozenset[str] = frozenset()

    def _found(self, native: str) -> Found:
        found = super()._found(native)
        return Found(whereabouts=Whereabouts.TRASHED, row=found.row) if native in self.trashed else found


def test_the_only_record_with_its_key_is_no_partner_where_it_is_out_of_scope(bench: Bench) -> None:
    bench.civicrm = Trashing(Side.CIVICRM, bench.mapping, bench.clock, trashed=frozenset({"1"}))
    bench.rows(civicrm_rows(A1={"name": "Arroyo"}), airtable_rows(A1={"Name": None}))
    bench.sync(kind=Kind.RECORD, record=(Side.AIRTABLE, ARROYO))
    assert not bench.writes
    assert not bench.store.knowledge.load(bench.mapping).links


@pytest.mark.parametrize("asked", [(Side.CIVICRM, "1"), (Side.CIVICRM, "2"), (Side.AIRTABLE, ARROYO)])
def test_a_record_whose_other_key_points_elsewhere_is_not_linked_by_itself(bench: Bench, asked: tuple[Side, str]) -> None:
    bench.use(TWO_KEYS).rows(
        civicrm_rows(A1={"name": "Arroyo", "ein": "7"}, B2={"name": "Breadfruit", "ein": "8"}),
        airtable_rows(A1={"Name": None, "Ein": "8"}),
    )
    bench.sync(kind=Kind.RECORD, record=asked)
    assert not bench.store.knowledge.load(bench.mapping).links
    assert not bench.writes
    bench.sync()
    assert not bench.store.knowledge.load(bench.mapping).links
    assert 103 in bench.codes()
