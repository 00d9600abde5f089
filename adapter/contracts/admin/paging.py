"""Query parameters of lists: models of them, and the page that they ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

from msgspec import Meta, Struct

from adapter.contracts.admin.errors import invalid

LARGEST: Final = 500
"""Objects on one page."""

Text = Annotated[str, Meta(max_length=300, pattern=r"^[^\0]*$")]
"""What comes to the database; an empty one counts as none."""

Row = TypeVar("Row")


class PageQuery(Struct, kw_only=True):
    """Which page of a list."""

    limit: Annotated[int, Meta(ge=1, le=LARGEST, description="at most so many")] = 100
    after: Annotated[Text, Meta(description="`next` of the page before")] = ""


def time_of(text: str, name: str) -> float | None:
    """A time in ISO 8601 as seconds since the epoch, in UTC where it names no other zone.

    Args:
        text: None when it is empty.
        name: of its parameter.

    Raises:
        Problem: 400.
    """
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
