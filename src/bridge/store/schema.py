"""The tables of the state, and the revisions they have been through.

Times are stored in UTC; JSON columns hold only what JSON can say. Native ids are text on both sides. A `sealed` column says
that the text beside it was locked by the vault, so that a sensitive value is never found in the file.
"""

import datetime as dt

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Every schema revision, oldest first: an unknown one is of a newer bridge. The last is what this code reads and writes."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(TypeDecorator[dt.datetime]):
    """An aware datetime: SQLite, which knows no time zones, is given UTC and gives back UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """The moment as the database takes it."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(dt.UTC).replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """The moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if dialect.name == "sqlite" else value.astimezone(dt.UTC)


Id = BigInteger().with_variant(Integer, "sqlite")
Document = JSON(none_as_null=True)

meta = Table("meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

leases = Table(
    "leases",
    metadata,
    Column("mapping", Text, primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("holder", Text),
    Column("machine", Text, nullable=False, server_default=""),
    Column("pid", Integer, nullable=False, server_default="0"),
    Column("process_started", BigInteger, nullable=False, server_default="0"),
    Column("since", Moment),
    Column("expires_at", Moment),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("mapping", Text, nullable=False, index=True),
    Column("mode", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("digest", Text),
    Column("counts", Document, nullable=False),
    Column("note", Text, nullable=False),
    Column("by", Text, nullable=False),
    sqlite_autoincrement=True,
)

mappings = Table(
    "mappings",
    metadata,
    Column("mapping", Text, primary_key=True),
    Column("civicrm_count", Integer, nullable=False),
    Column("airtable_count", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("scope", Text, nullable=False),
)

links = Table(
    "links",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("mapping", Text, nullable=False),
    Column("civicrm", Text, nullable=False),
    Column("airtable", Text, nullable=False),
    Column("absent", Boolean, nullable=False, server_default=text("false")),
    Column("made_at", Moment, nullable=False),
    Column("made_by", Text, nullable=False),
    UniqueConstraint("mapping", "civicrm"),
    UniqueConstraint("mapping", "airtable"),
    sqlite_autoincrement=True,
)

bases = Table(
    "bases",
    metadata,
    Column("link", Id, ForeignKey("links.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("field", Text, primary_key=True),
    Column("definition", Text, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("value", Text),
    sqlite_with_rowid=False,
)

stops = Table(
    "stops",
    metadata,
    Column("link", Id, ForeignKey("links.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("field", Text, primary_key=True),
    Column("side", Text, nullable=False),
    Column("code", Integer, nullable=False),
    Column("definition", Text, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("source", Text),
)

marks = Table(
    "marks",
    metadata,
    Column("link", Id, ForeignKey("links.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("civicrm", LargeBinary, nullable=False),
    Column("airtable", LargeBinary, nullable=False),
)

glimpses = Table(
    "glimpses",
    metadata,
    Column("link", Id, ForeignKey("links.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("civicrm", LargeBinary, nullable=False),
)

apart = Table(
    "apart",
    metadata,
    Column("mapping", Text, primary_key=True),
    Column("civicrm", Text, primary_key=True),
    Column("airtable", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

pins = Table(
    "pins",
    metadata,
    Column("mapping", Text, primary_key=True),
    Column("side", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("sight", Document, nullable=False),
)

watermarks = Table(
    "watermarks",
    metadata,
    Column("mapping", Text, primary_key=True),
    Column("side", Text, primary_key=True),
    Column("at", Moment, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run", Id, ForeignKey("runs.id"), nullable=False, index=True),
    Column("mapping", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("record", Text),
    Column("partner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("cells", Document, nullable=False),
    Column("extra", Document, nullable=False),
    Column("keys", Document, nullable=False),
    Column("intent_at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("outcome", Text),
    Column("outcome_at", Moment),
    Column("detail", Text, nullable=False),
    Column("landed", Document),
    Column("code", Integer),
    sqlite_autoincrement=True,
)
Index("ix_journal_record", journal.c.record, journal.c.side)
Index("ix_journal_open", journal.c.mapping)
"""Only of what is open. The migration says so: said here, every command would import PostgreSQL's dialect and its drivers."""

plans = Table(
    "plans",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("digest", Text, nullable=False, index=True),
    Column("mapping", Text, nullable=False),
    Column("run", Id, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("document", Document, nullable=False),
    Column("body", Document, nullable=False),
    Column("approved_by", Text),
    sqlite_autoincrement=True,
)

entries = Table(
    "entries",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("fingerprint", Text, nullable=False, unique=True),
    Column("mapping", Text, nullable=False, index=True),
    Column("code", Integer, nullable=False),
    Column("rule", Text),
    Column("severity", Text, nullable=False),
    Column("civicrm", Text),
    Column("airtable", Text),
    Column("name", Text, nullable=False),
    Column("field", Text),
    Column("shown", Document, nullable=False),
    Column("details", Document, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("runs", Integer, nullable=False),
    Column("resolved_at", Moment),
    Column("life", Integer, nullable=False),
    Column("assignee", Text),
    Column("snoozed_until", Date),
    Column("snoozed_evidence", Text),
    Column("accepted_reason", Text),
    Column("note", Text, nullable=False),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("fingerprint", Text, nullable=False, index=True),
    Column("happened", Text, nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("by", Text, nullable=False),
    Column("run", Id),
    Column("note", Text, nullable=False),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("payload", Document, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("thread_of", Text),
    Column("ts", Text),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    sqlite_autoincrement=True,
)

notices = Table(
    "notices",
    metadata,
    Column("place", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("seen", Document, nullable=False),
    Column("sent", Document, nullable=False),
    Column("sent_at", Moment),
)

syncs = Table(
    "syncs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("wish", Document, nullable=False),
    Column("by", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("runs", Document, nullable=False),
    Column("problem", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", BigInteger, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

asked = Table(
    "asked",
    metadata,
    Column("by", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("sync", Text, ForeignKey("syncs.id", ondelete="CASCADE"), nullable=False),
    Column("at", Moment, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("account", Text, primary_key=True),
    Column("month", Text, primary_key=True),
    Column("calls", Integer, nullable=False),
)

blocks = Table(
    "blocks",
    metadata,
    Column("account", Text, primary_key=True),
    Column("until", Moment, nullable=False),
    Column("reason", Text, nullable=False),
)

memories = Table(
    "memories",
    metadata,
    Column("place", Text, primary_key=True),
    Column("told", Document, nullable=False),
)

slots = Table(
    "slots",
    metadata,
    Column("base", Text, primary_key=True),
    Column("sent", Document, nullable=False),
    Column("paused_until", Float, nullable=False),
)
