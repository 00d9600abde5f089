"""Webhooks over HTTP: which wait, went, or were given up; and sending them again."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, Literal

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from adapter.contracts.admin import bodies, errors, words
from adapter.contracts.admin.paging import PageQuery, Text, cut, time_of
from adapter.contracts.admin.ports import Ports
from adapter.contracts.http import Route, json_response, read_query


class WebhookQuery(PageQuery, kw_only=True):
    """Which webhooks."""

    state: Literal["pending", "delivered", "dead"] | UnsetType = UNSET
    app: Text = ""
    call: Text = ""


class ReplayQuery(Struct, kw_only=True):
    """Which dead letters."""

    app: Text = ""
    since: Annotated[
        Text,
        Meta(description="written at or after; UTC without a zone", examples=["2026-02-16T10:52Z"]),
    ] = ""


class WebhookApi:
    """Answers the routes."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def list_webhooks(self, request: web.Request) -> web.StreamResponse:
        """`GET /webhooks`"""
        query = read_query(request, WebhookQuery)
        rows = await self._ports.history.webhooks(
            state=query.state or None,
            owner=query.app or None,
            call=query.call or None,
            after=query.after or None,
            limit=query.limit + 1,
        )
        page, more = cut(rows, query.limit, lambda row: row.id)
        return json_response(
            bodies.WebhookPage(webhooks=[words.webhook(row) for row in page], next=more)
        )

    async def show_webhook(self, request: web.Request) -> web.StreamResponse:
        """`GET /webhooks/{id}`"""
        found = await self._ports.history.webhook(request.match_info["id"])
        if found is None:
            raise errors.not_found("webhook of this id")
        row, attempts = found
        return json_response(
            bodies.WebhookDetail(
                webhook=words.webhook(row), attempts=[words.attempt(one) for one in attempts]
            )
        )

    async def replay_webhook(self, request: web.Request) -> web.StreamResponse:
        """`POST /webhooks/{id}/replay`: with the id that it had."""
        try:
            again = self._ports.redelivery.one(request.match_info["id"], self._ports.now())
        except LookupError:
            raise errors.not_found("webhook of this id") from None
        if not again:
            raise errors.conflict("the webhook is pending already")
        self._ports.put_back()
        return json_response(bodies.Replayed(replayed=1))

    async def replay_dead(self, request: web.Request) -> web.StreamResponse:
        """`POST /webhooks/replay`: all dead letters."""
        query = read_query(request, ReplayQuery)
        owner, since = query.app or None, time_of(query.since, "since") or 0.0
        now, count = self._ports.now(), 0
        while put_back := self._ports.redelivery.dead(now, owner=owner, since=since):
            count += put_back
            self._ports.put_back()
            await asyncio.sleep(0)
        return json_response(bodies.Replayed(replayed=count))


_REFUSED: Final = {400: errors.AdminError, 401: errors.AdminError}

WEBHOOK_ROUTES: Final[tuple[Route, ...]] = (
    Route(
        methods=("GET",),
        path="/webhooks",
        handler=WebhookApi.list_webhooks,
        summary="List webhooks, the latest first",
        query=WebhookQuery,
        replies={**_REFUSED, 200: bodies.WebhookPage},
    ),
    Route(
        methods=("POST",),
        path="/webhooks/replay",
        handler=WebhookApi.replay_dead,
        summary="Send all dead letters again, or some of them",
        query=ReplayQuery,
        replies={**_REFUSED, 200: bodies.Replayed, 503: errors.AdminError},
    ),
    Route(
        methods=("GET",),
        path="/webhooks/{id}",
        handler=WebhookApi.show_webhook,
        summary="Show a webhook with its attempts",
        replies={200: bodies.WebhookDetail, 401: errors.AdminError, 404: errors.AdminError},
    ),
    Route(
        methods=("POST",),
        path="/webhooks/{id}/replay",
        handler=WebhookApi.replay_webhook,
        summary="Send a webhook again that was delivered or given up",
        replies={200: bodies.Replayed} | dict.fromkeys((401, 404, 409, 503), errors.AdminError),
    ),
)
