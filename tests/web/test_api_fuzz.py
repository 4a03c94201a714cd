"""Whatever is sent to the API, it answers as its description says, and never with a defect of its own."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from bridge.web.server import Server, web_app
from bridge.web.visitors import Pace
from web.web_office import House, token


@pytest.fixture
def served(house: House) -> Iterator[tuple[str, Any]]:
    """The address of a house with something in it, and the description it gives of itself."""
    house.entry(1)
    house.ran(changes=1)
    house.syncs.ends = True
    app = web_app(house.office)
    app.state.pace = app.state.strangers = Pace(per_second=1e6, burst=10**6)
    server = Server(app, "127.0.0.1", 0)
    server.start()
    yield server.url, app.openapi()
    server.stop()


def test_every_answer_is_one_that_the_description_names(served: tuple[str, Any]) -> None:
    url, description = served
    headers = {"Authorization": f"Bearer {token('ana')}"}
    operations = [each.ok() for each in schemathesis.openapi.from_dict(description).get_all_operations()]
    assert len(operations) > 12
    for operation in operations:

        @settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
        @given(case=operation.as_strategy())
        def answers_as_described(case: Any) -> None:
            case.call_and_validate(base_url=url, headers=headers)

        answers_as_described()
