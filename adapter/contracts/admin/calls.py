"""Calls over HTTP: list, look at, hang up, whoever's they are."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from adapter.contracts.admin import bodies, errors, words
from adapter.contracts.admin.paging import choice_of, cut, limit_of, text_of
from adapter.contracts.admin.ports import Ports
from adapter.contracts.http import Route, json_response
from adapter.core.errors import CallUnknown
from adapter.core.ids import CallId
from adapter.core.inputs import EndCall
from adapter.core.model import Call, CallState

LIVE: Final = "live"
"""As `state`: every state but ended."""


class CallApi:
    """Answers the routes."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def list_calls(self, request: web.Request) -> web.StreamResponse:
        """`GET /calls`"""
        limit = limit_of(request)
        state = choice_of(request, "state", [LIVE, *CallState])
        rows = await self._ports.history.calls(
            owner=text_of(request, "app"),
            live=None if state is None else state != CallState.ENDED,
            state=None if state == LIVE else state,
            after=text_of(request, "after"),
            limit=limit + 1,
        )
        page, more = cut(rows, limit, lambda row: row.id)
        return json_response(bodies.CallPage(calls=[words.call(row) for row in page], next=more))

    async def show_call(self, request: web.Request) -> web.StreamResponse:
        """`GET /calls/{id}`"""
        return json_response(words.call(self._call(request)))

    async def timeline(self, request: web.Request) -> web.StreamResponse:
        """`GET /calls/{id}/timeline`: what `ari-voice why` tells."""
        row = self._call(request)
        begun = row.created_at
        told = [
            (line.at, words.told(line, self._ports.described(line.given), begun))
            for line in self._ports.journal(row.id)
        ]
        sent = [
            (one.at + one.duration, words.sent(one, begun))
            for one in self._ports.deliveries(row.id)
        ]
        entries = [entry for _, entry in sorted(told + sent, key=lambda timed: timed[0])]
        return json_response(bodies.TimelineReply(call=words.masked_call(row), entries=entries))

    async def end_call(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /calls/{id}`: also while Asterisk is away; then it is done at its return."""
        row = self._ports.engine.apply(self._call(request).id, EndCall())
        return json_response(words.call(row))

    def _call(self, request: web.Request) -> Call:
        row = self._ports.engine.get(CallId(request.match_info["id"]))
        if row is None:
            raise CallUnknown
        return row


_REFUSED: Final = {401: errors.AdminError, 404: errors.AdminError}

CALL_ROUTES: Final[tuple[Route, ...]] = (
    Route(
        methods=("GET",),
        path="/calls",
        handler=CallApi.list_calls,
        summary="List calls, the latest first; ?app=, ?state=, ?limit= and ?after=",
        replies={200: bodies.CallPage, 400: errors.AdminError, 401: errors.AdminError},
    ),
    Route(
        methods=("GET",),
        path="/calls/{id}",
        handler=CallApi.show_call,
        summary="Show a call",
        replies={**_REFUSED, 200: bodies.AdminCall},
    ),
    Route(
        methods=("GET",),
        path="/calls/{id}/timeline",
        handler=CallApi.timeline,
        summary="Everything that happened to a call, masked",
        replies={**_REFUSED, 200: bodies.TimelineReply},
    ),
    Route(
        methods=("DELETE",),
        path="/calls/{id}",
        handler=CallApi.end_call,
        summary="Hang up a call",
        replies={**_REFUSED, 200: bodies.AdminCall} | dict.fromkeys((409, 503), errors.AdminError),
    ),
)
