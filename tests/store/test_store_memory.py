"""What is remembered of places outside, the same on both databases."""

from store.store_builders import State


def test_what_is_kept_of_a_place_replaces_what_was_and_outlives_the_process(state: State) -> None:
    memory = state.store.memory
    assert memory.recall("schema of appOne") == {}
    memory.keep("schema of appOne", {"tables": [1], "at": "then"})
    memory.keep("schema of appTwo", {"tables": []})
    memory.keep("schema of appOne", {"tables": [1, 2]})
    assert state.again().memory.recall("schema of appOne") == {"tables": [1, 2]}
    assert state.store.memory.recall("schema of appTwo") == {"tables": []}
