"""Calls over HTTP: list, look at, hang up, whoever's they are."""

from __future__ import annotations

from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta

from adapter.contracts.admin import bodies, errors, words
from adapter.contracts.admin.paging import PageQuery, Text, cut
from adapter.contracts.admin.ports import Ports
from adapter.contracts.http import Route, json_response, read_query
from adapter.core.errors import CallUnknown
from adapter.core.ids import CallId
from adapter.core.inputs import EndCall
from adapter.core.model import Call, CallState

LIVE: Final = "live"
"""As `state`: every state but ended."""

_STATES: Final = (LIVE, *CallState)


class CallQuery(PageQuery, kw_only=True):
    """Which calls."""

    app: Text = ""
    state: Annotated[str, Meta(extra_json_schema={"enum": _STATES})] = ""


class CallApi:
    """Answers the routes."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def list_calls(self, request: web.Request) -> web.StreamResponse:
        """`GET /calls`"""
        query = read_query(request, CallQuery)
        if query.state and query.state not in _STATES:
            raise errors.invalid(f"state: one of {', '.join(_STATES)}", "state")
        rows = await self._ports.history.calls(
            owner=query.app or None,
            live=query.state != CallState.ENDED if query.state else None,
            state=None if query.state == LIVE else query.state or None,
            after=query.after or None,
            limit=query.limit + 1,
        )
        page, more = cut(rows, query.limit, lambda row: row.id)
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
        summary="List calls, the latest first",
        query=CallQuery,
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
