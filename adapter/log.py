"""Log lines: JSON for machines or text for people, with the id of the call on each.

Every line that is written while a call is bound (`bound`) carries it as ``call``, unless the line
names one itself (``extra={"call": ...}``). What must not be shown is masked by its type
(`adapter.core.masked`), in messages and in `extra` alike. Not here: who logs what.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from adapter.core.masked import Digits, Masked, PhoneNumber, Secret, SpokenText

__all__ = [
    "Digits",
    "Masked",
    "PhoneNumber",
    "Secret",
    "SpokenText",
    "bound",
    "configure",
    "handler",
]

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["json", "text"]

_CALL: ContextVar[str | None] = ContextVar("call", default=None)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_RESERVED = frozenset(RESERVED_ATTRS) | {"message", "asctime", "call"}


@contextmanager
def bound(call: str) -> Iterator[None]:
    """Every line that is written inside, and in tasks that are started inside, has this call."""
    token = _CALL.set(call)
    try:
        yield
    finally:
        _CALL.reset(token)


def configure(level: Level, form: Format, stream: TextIO | None = None) -> logging.Handler:
    """Send everything that is logged to one place. For the start of the process, once.

    Args:
        level: the least that is written; libraries write warnings and worse.
        form: see `handler`.
        stream: standard error when None.

    Returns:
        The handler, which replaced all others of the root logger.
    """
    made = handler(form, stream or sys.stderr)
    root = logging.getLogger()
    root.handlers[:] = [made]
    root.setLevel("DEBUG" if level == "debug" else max(logging.WARNING, _number(level)))
    for own in ("adapter", "plugins"):
        logging.getLogger(own).setLevel(_number(level))
    logging.captureWarnings(True)
    return made


def handler(form: Format, stream: TextIO) -> logging.Handler:
    """A handler that writes lines of one form.

    ``json``: one object a line with `time` (RFC 3339, UTC), `level`, `logger`, `message`, `call`,
    the line's `extra`, and `exc_info`. ``text``: the same for people.
    """
    made = logging.StreamHandler(stream)
    made.setFormatter(_Json() if form == "json" else _Text())
    made.addFilter(_with_call)
    return made


def _number(level: Level) -> int:
    return logging.getLevelNamesMapping()[level.upper()]


def _with_call(record: logging.LogRecord) -> bool:
    call = _CALL.get()
    if call is not None and not hasattr(record, "call"):
        record.call = call
    return True


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Json(JsonFormatter):
    def __init__(self) -> None:
        super().__init__("%(message)s", json_default=str)

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        log_data["time"] = _time(record)
        log_data["level"] = record.levelname.lower()
        log_data["logger"] = record.name
        super().add_fields(log_data, record, message_dict)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extra = {key: value for key, value in vars(record).items() if key not in _RESERVED}
        parts = [_time(record), f"{record.levelname:<7}", record.name, record.getMessage()]
        parts += [f"{key}={value}" for key, value in extra.items()]
        if call := getattr(record, "call", None):
            parts.append(f"call={call}")
        # A value from outside must not look like a line of ours, nor steer a terminal.
        line = _CONTROL.sub("?", " ".join(parts).replace("\n", "\\n"))
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line
