"""`GET /events`: what an app was told by webhooks, to be read at its own pace. Our extension.

The same messages with the same ids as the webhooks, of calls without `event_url` as well, in the
order in which they were committed (adapter/decisions/0014-event-feed.md). Reading changes nothing:
the reader keeps the cursor. Bodies are in the clear, also those of an app whose webhooks are
encrypted: they answer a request that proved the app's key.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from adapter.contracts.enablex import NAME, words
from adapter.contracts.enablex.auth import APP
from adapter.contracts.http import Route, json_response, read_query
from adapter.core.message import Told
from adapter.engine.engine import Engine


class EventsQuery(Struct, kw_only=True):
    """The query parameters of `GET /events`."""

    after: Annotated[
        int, Meta(ge=0, le=2**63 - 1, description="`next` of the reply before; 0: what is kept")
    ] = 0
    limit: Annotated[int, Meta(ge=1, le=500, description="at most so many events")] = 100
    wait: Annotated[
        int, Meta(ge=0, le=30, description="seconds to wait for an event when there is none")
    ] = 0


class FeedEvent(Struct, kw_only=True):
    """One event."""

    id: Annotated[str, Meta(description="the webhook-id")]
    cursor: int
    event: Annotated[str, Meta(description="state or playstate", examples=["ringing"])]
    created_at: words.Timestamp
    body: Annotated[msgspec.Raw, Meta(description="what the webhook says")]


class EventsReply(Struct, kw_only=True):
    """`GET /events`."""

    events: list[FeedEvent]
    next: Annotated[int, Meta(description="`after` of the next request")]


class Feed:
    """The events of each app, and those who wait for them.

    Args:
        engine: has the events, and says when there are new ones.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._news: dict[str, asyncio.Event] = {}
        self._closed = False
        engine.watch(NAME, self._told)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """`GET /events`: those behind a cursor; with `wait`, the next as soon as it is there."""
        app = request[APP]
        query = read_query(request, EventsQuery)
        told = self._engine.events(NAME, app.id, query.after, query.limit)
        if not told and query.wait and not self._closed:
            await self._wait(app.id, query.wait)
            told = self._engine.events(NAME, app.id, query.after, query.limit)
        events = [_event(one) for one in told]
        return json_response(
            EventsReply(events=events, next=told[-1].cursor if told else query.after)
        )

    async def close(self, _: web.Application) -> None:
        """Let nobody wait any longer: the server is going to stop."""
        self._closed = True
        for news in self._news.values():
            news.set()

    async def _wait(self, app: str, seconds: float) -> None:
        news = self._news.setdefault(app, asyncio.Event())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await news.wait()

    def _told(self, app: str) -> None:
        news = self._news.pop(app, None)
        if news is not None:
            news.set()


def _event(told: Told) -> FeedEvent:
    return FeedEvent(
        id=told.id,
        cursor=told.cursor,
        event=told.event,
        created_at=words.timestamp(told.created_at),
        body=msgspec.Raw(told.body.encode()),
    )


FEED_ROUTES: tuple[Route, ...] = (
    Route(
        methods=("GET",),
        path="/events",
        handler=Feed.events,
        summary="The events of all calls, in order",
        query=EventsQuery,
        replies={200: EventsReply} | dict.fromkeys((400, 401, 429), words.ErrorReply),
    ),
)
