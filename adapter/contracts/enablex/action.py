"""EnableX: an action on a call, from its request to its answer.

What all these routes have in common, whatever is asked for: the call is the app's, a repetition
under an Idempotency-Key is answered as before, and the reply is out before the first webhook of
what it brings. `POST /call` is no action: there is no call yet.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from aiohttp import web

from adapter.contracts.enablex.auth import APP
from adapter.contracts.enablex.own_call import own_call
from adapter.contracts.enablex.ports import Ports, held
from adapter.contracts.http import read_body, send_first
from adapter.contracts.idempotency import Answer
from adapter.core.inputs import Input
from adapter.core.model import Call
from adapter.core.tenants import App

T = TypeVar("T")

TIME_ALIAS = web.RequestKey("time_alias", bool)
"""Says that a failure has `timeStamp` beside `timestamp`, where the path does not say it."""


@dataclass(frozen=True, slots=True)
class Action:
    """A request that is to be carried out.

    Attributes:
        request: as it came.
        app: who asks.
        call: the app's call that the path names.
        answer: takes the reply.
    """

    request: web.Request
    app: App
    call: Call
    answer: Answer


Doing = Callable[[Action, T], Awaitable[web.StreamResponse]]


async def act(
    request: web.Request, ports: Ports, decoder: msgspec.json.Decoder[T], do: Doing[T]
) -> web.StreamResponse:
    """Read the body and do what it says; or give the answer that the request had before.

    Raises:
        CallUnknown: the app has no such call.
        BadBody, BadKey, KeyConflict: see `read_body` and `Answers.once`.
    """
    app = request[APP]
    async with ports.answers.once(request, app.id) as answer:
        if answer.earlier:
            return answer.earlier
        call = own_call(request, ports.engine, app)
        return await do(Action(request, app, call, answer), await read_body(request, decoder))


async def give(
    action: Action, ports: Ports, given: Input, reply: Callable[[Call], object]
) -> web.StreamResponse:
    """Give the engine an order; the reply is out before the first webhook of what it brings."""
    with held(ports, action.call.id):
        ports.engine.apply(action.call.id, given, action.answer.worded(reply))
        return await send_first(action.request, action.answer.response())
