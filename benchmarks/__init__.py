"""What bridge costs in calls, processor time and memory, measured beside others' tools. `make bench` runs it."""
