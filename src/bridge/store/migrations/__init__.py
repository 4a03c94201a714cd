"""The migrations of the state, run by `bridge.store.upgrade`; one file a revision, oldest first in `schema.REVISIONS`."""
