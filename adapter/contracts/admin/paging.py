"""Query parameters of lists: `limit` and `after`, and the page that they ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from aiohttp import web

from adapter.contracts.admin.errors import invalid

LARGEST: Final = 500
"""Objects on one page."""

_USUAL = 100
_LONGEST = 300  # characters of a parameter

Row = TypeVar("Row")


def limit_of(request: web.Request) -> int:
    """`limit`.

    Raises:
        Problem: 400.
    """
    text = request.query.get("limit", str(_USUAL))
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= LARGEST):
        raise invalid(f"a number from 1 to {LARGEST}", "limit")
    return int(text)


def text_of(request: web.Request, name: str) -> str | None:
    """A parameter; None when it is not given or empty.

    Raises:
        Problem: 400: it is too long.
    """
    text = request.query.get(name, "")
    if len(text) > _LONGEST or "\0" in text:
        raise invalid(f"more than {_LONGEST} characters, or control characters", name)
    return text or None


def choice_of(request: web.Request, name: str, choices: Sequence[str]) -> str | None:
    """A parameter that is one of some words; None when it is not given or empty.

    Raises:
        Problem: 400.
    """
    text = request.query.get(name) or None
    if text is not None and text not in choices:
        raise invalid(f"one of {', '.join(choices)}", name)
    return text


def time_of(request: web.Request, name: str) -> float | None:
    """A time in ISO 8601 as seconds since the epoch, in UTC where it names no other zone.

    Raises:
        Problem: 400.
    """
    text = request.query.get(name)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        raise invalid("a time such as 2026-02-16T10:52:00Z", name) from None


def cut(
    rows: Sequence[Row], limit: int, name: Callable[[Row], str]
) -> tuple[list[Row], str | None]:
    """A page, and where the next one begins.

    Args:
        rows: one more than `limit`, when there are so many.
        limit: of the page.
        name: of a row, as `after` takes it.
    """
    page = list(rows[:limit])
    return page, (name(page[-1]) if len(rows) > limit else None)
