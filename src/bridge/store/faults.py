"""What a database's own error means to the operator: one of ours, that says where the state is and what to do next.

Texts are ours alone: a driver's message may quote a row or a password, so none is passed on. SQLite's names are of
https://www.sqlite.org/rescode.html, PostgreSQL's of its manual, appendix A.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bridge.errors import BridgeError, ConfigError, StoreError

Explained = tuple[type[ConfigError] | type[StoreError], str, str]
"""The error to raise, what is wrong (after "The state at …"), and the next step."""

_SQLITE: dict[str, Explained] = {
    "SQLITE_NOTADB": (
        ConfigError,
        "is not a database",
        "point BRIDGE_STATE_URL at a bridge state or at a file that is not there yet",
    ),
    "SQLITE_CORRUPT": (
        StoreError,
        "is damaged",
        "restore the last backup (`bridge db backup` makes them) and keep the damaged file",
    ),
    "SQLITE_READONLY": (StoreError, "may not be written", "give this user the right to write the file and its folder"),
    "SQLITE_PERM": (StoreError, "may not be written", "give this user the right to write the file and its folder"),
    "SQLITE_CANTOPEN": (StoreError, "cannot be opened", "check that the folder exists and that this user may write it"),
    "SQLITE_FULL": (StoreError, "cannot grow: the disk is full", "free space and run again; nothing half-written was kept"),
    "SQLITE_IOERR": (StoreError, "cannot be read or written: the disk failed", "check the disk, then run `bridge db check`"),
    "SQLITE_BUSY": (StoreError, "is held by another process for too long", "run again once the other process is done"),
    "SQLITE_LOCKED": (StoreError, "is held by another process for too long", "run again once the other process is done"),
}
_SCHEMA: Explained = (
    StoreError,
    "does not have the tables that were expected",
    "run `bridge db check`; restore a backup if tables are gone",
)
_CONNECTION: tuple[tuple[tuple[str, ...], Explained], ...] = (
    # A refused connection carries no SQLSTATE in psycopg, only libpq's and the server's words.
    (
        ("password authentication failed", "no password supplied"),
        (ConfigError, "refused the password", "mend the password in BRIDGE_STATE_URL"),
    ),
    (("role ", "user name"), (ConfigError, "does not know this user", "mend the user in BRIDGE_STATE_URL, or create the role")),
    (("pg_hba.conf",), (ConfigError, "refuses this user or address", "allow it in pg_hba.conf, or mend BRIDGE_STATE_URL")),
    (("database ",), (ConfigError, "does not have this database", "create it, or mend the name in BRIDGE_STATE_URL")),
)
_UNREACHABLE: Explained = (
    StoreError,
    "cannot be reached",
    "check that PostgreSQL runs there and that BRIDGE_STATE_URL names it, then run again",
)
_SQLSTATE: dict[str, Explained] = {
    "28": (ConfigError, "refused the user or the password", "mend BRIDGE_STATE_URL"),
    "3D": (ConfigError, "does not have this database", "create it, or mend the name in BRIDGE_STATE_URL"),
    "42501": (ConfigError, "does not let this user do that", "grant the user every right on the tables of bridge"),
    "42P01": _SCHEMA,
    "42703": _SCHEMA,
    "53100": (StoreError, "cannot grow: the disk is full", "free space and run again; nothing half-written was kept"),
    "53": (StoreError, "is out of connections or memory", "run again later, or raise the server's limits"),
    "25006": (StoreError, "may not be written", "connect to the primary server, not to a standby"),
    "55P03": (StoreError, "is held by another process for too long", "run again once the other process is done"),
    "40": (StoreError, "was changed by another process at the same moment", "run again"),
    "57": _UNREACHABLE,
    "08": _UNREACHABLE,
}


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Turns what the database raises inside into a ConfigError or StoreError about the state at `place`."""
    try:
        yield
    except BridgeError:
        raise
    except DBAPIError as error:
        kind, message, step = _explain(error)
        raise kind(f"The state at {place} {message}.", next_step=f"{step}.") from error
    except SQLAlchemyError as error:
        raise StoreError(
            f"The state at {place} could not be used ({type(error).__name__}).", next_step="run `bridge db check`."
        ) from error


def _explain(error: DBAPIError) -> Explained:
    cause = error.orig
    name = getattr(cause, "sqlite_errorname", None)
    if isinstance(name, str):
        return _of_sqlite(name)
    if cause is not None and hasattr(cause, "sqlstate"):  # psycopg's, which is too slow to import only to ask
        return _of_postgres(cause.sqlstate, cause)
    return _unknown(type(cause).__name__)


def _unknown(name: str) -> Explained:
    return (StoreError, f"answered with an error ({name})", "run `bridge db check`")


def _of_sqlite(name: str) -> Explained:
    for prefix, found in _SQLITE.items():
        if name.startswith(prefix):
            return found
    return _SCHEMA if name == "SQLITE_ERROR" else _unknown(name)


def _of_postgres(sqlstate: str | None, error: BaseException) -> Explained:
    if sqlstate is not None:
        known = (_SQLSTATE.get(sqlstate[:length]) for length in (5, 2))
        return next(filter(None, known), _unknown(sqlstate))
    if type(error).__name__ != "OperationalError":
        return _unknown(type(error).__name__)
    words = str(error)
    for signs, meaning in _CONNECTION:
        if any(sign in words for sign in signs):
            return meaning
    return _UNREACHABLE
