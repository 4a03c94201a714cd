"""One file a revision. A revision that was shipped is never edited."""
