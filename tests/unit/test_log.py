"""Log lines as they are written: one line each, with the call, and masked by type."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from adapter.log import Digits, Format, PhoneNumber, Secret, SpokenText, bound, configure, handler


@pytest.fixture
def _restored() -> Iterator[None]:
    """Logging is one for the process: put it back."""
    loggers = [logging.getLogger(name) for name in ("", "adapter", "plugins")]
    before = [(one, one.level, one.handlers[:]) for one in loggers]
    yield
    for one, level, handlers in before:
        one.setLevel(level)
        one.handlers[:] = handlers
    logging.captureWarnings(False)


class Written:
    """A logger of its own, with what it wrote."""

    def __init__(self, form: Format) -> None:
        self._stream = io.StringIO()
        self.log = logging.Logger("adapter.test")
        self.log.addHandler(handler(form, self._stream))

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def test_a_line_is_one_json_object() -> None:
    """Time, level, logger, message and extras; a traceback stays within the line."""
    written = Written("json")
    written.log.info("hello %s", "you\nthere", extra={"port": 1, "odd": b"x"})
    try:
        raise ValueError("why")
    except ValueError:
        written.log.exception("failed")
    first, second = written.objects
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert first == {
        "level": "info",
        "logger": "adapter.test",
        "message": "hello you\nthere",
        "port": 1,
        "odd": "b'x'",
    }
    assert "ValueError: why" in second["exc_info"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_masked_by_type(form: Format) -> None:
    """In the message, in extras and deep inside them: no digits, text, number or secret."""
    written = Written(form)
    values = [kind("271828182845") for kind in (Digits, SpokenText, PhoneNumber, Secret)]
    written.log.info("%s %s %s %s", *values, extra={"list": values, "dict": {"v": values[0]}})
    (line,) = written.lines
    assert "12 digits 12 characters ...845 ***" in line
    assert "2718" not in line


@pytest.mark.parametrize("form", ["json", "text"])
async def test_the_call_is_on_each_line(form: Format) -> None:
    """Lines within `bound` have the call, in tasks started there too; a line's own call wins."""
    written = Written(form)

    async def later() -> None:
        written.log.info("in a task")

    with bound("call-1"):
        written.log.info("inside")
        task = asyncio.create_task(later())
        written.log.info("own", extra={"call": "call-2"})
        with bound("call-3"):
            written.log.info("nested")
        written.log.info("again")
    await task
    written.log.info("outside")
    calls = [match[0] if (match := re.search(r"call-\d", line)) else None for line in written.lines]
    assert calls == ["call-1", "call-2", "call-3", "call-1", "call-1", None]


def test_text_can_not_be_forged() -> None:
    """A value with line breaks or terminal codes stays within its line."""
    written = Written("text")
    written.log.warning("a\nb\x1b[31m\r\u2028c", extra={"key": "v\nINFO forged"})
    (line,) = written.lines
    assert line.endswith(r"WARNING adapter.test a\nb?[31m??c key=v\nINFO forged")


@pytest.mark.parametrize("form", ["json", "text"])
def test_broken_unicode_is_written(form: Format) -> None:
    """A lone surrogate from a broken name does not stop the line."""
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    log = logging.Logger("adapter.test")
    log.addHandler(handler(form, stream))
    log.info("name %s", "\ud800")
    stream.flush()
    assert b"name" in stream.buffer.getvalue()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("_restored")
def test_configure_sends_everything_to_one_place() -> None:
    """Our info and above, of libraries warnings and above; never twice."""
    stream = io.StringIO()
    configure("debug", "json", io.StringIO())
    configure("info", "json", stream)
    for name in ("adapter.x", "plugins.x", "aiohttp"):
        for level in (logging.DEBUG, logging.INFO, logging.WARNING):
            logging.getLogger(name).log(level, "line")
    seen = [
        (one["logger"], one["level"]) for one in map(json.loads, stream.getvalue().splitlines())
    ]
    assert seen == [
        *(("adapter.x", "info"), ("adapter.x", "warning")),
        *(("plugins.x", "info"), ("plugins.x", "warning")),
        ("aiohttp", "warning"),
    ]
