"""Webhooks over HTTP: which wait, went, or were given up; and sending them again."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from adapter.contracts.admin import bodies, errors, words
from adapter.contracts.admin.paging import choice_of, cut, limit_of, text_of, time_of
from adapter.contracts.admin.ports import Ports
from adapter.contracts.http import Route, json_response

STATES: Final = ("pending", "delivered", "dead")


class WebhookApi:
    """Answers the routes."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def list_webhooks(self, request: web.Request) -> web.StreamResponse:
        """`GET /webhooks`"""
        limit = limit_of(request)
        rows = await self._ports.history.webhooks(
            state=choice_of(request, "state", STATES),
            owner=text_of(request, "app"),
            call=text_of(request, "call"),
            after=text_of(request, "after"),
            limit=limit + 1,
        )
        page, more = cut(rows, limit, lambda row: row.id)
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
        owner, since = text_of(request, "app"), time_of(request, "since") or 0.0
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
        summary="List webhooks, the latest first; ?state=, ?app=, ?call=, ?limit= and ?after=",
        replies={**_REFUSED, 200: bodies.WebhookPage},
    ),
    Route(
        methods=("POST",),
        path="/webhooks/replay",
        handler=WebhookApi.replay_dead,
        summary="Send all dead letters again; ?app= and ?since= choose among them",
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
