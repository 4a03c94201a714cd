"""Set up structlog: JSON lines on stderr in a container, readable ones on a terminal; secrets and personal data never.

Events carry names, numbers and ids only. Redaction below is the second wall, for what a library might say.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRETS = re.compile(
    r"(?:xox[a-z]-|xapp-|pat[A-Za-z0-9]{14}\.)[\w.-]+"
    r"|https://hooks\.slack\.com/\S+"
    r"|(?i:bearer|basic)\s+[\w.~+/=-]+"
    r"|://[^/\s:@]+:[^/\s@]+@"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_HIDDEN_KEYS = frozenset({"token", "api_key", "authorization", "password", "secret", "body", "headers", "values", "cells"})


def set_up(level: str | None = None, *, json: bool | None = None) -> None:
    """Send bridge's log, and warnings of the libraries, to stderr.

    `json` None: JSON unless stderr is a terminal. `level` None: `info`, but `warning` on a terminal, where what a command
    prints is its answer and the log would stand between the lines.
    """
    as_json = not sys.stderr.isatty() if json is None else json
    level = level or ("warning" if sys.stderr.isatty() else "info")
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s %(levelname)s %(message)s", force=True)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_redact_record)
    for noisy in ("httpx", "httpcore", "pyairtable", "apscheduler", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)  # what it meets is told once, as an error of ours
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The event with anything that looks like a secret or an e-mail address taken out."""
    for key, value in event.items():
        if key in _HIDDEN_KEYS:
            event[key] = "[hidden]"
        elif isinstance(value, str):
            event[key] = clean(value)
    return event


def clean(text: str) -> str:
    """`text` without what looks like a secret or an e-mail address."""
    return _EMAIL.sub("[email]", _SECRETS.sub("[secret]", text))


def _redact_record(record: logging.LogRecord) -> bool:
    record.msg, record.args = clean(record.getMessage()), ()
    record.exc_info = record.exc_text = None
    return True
