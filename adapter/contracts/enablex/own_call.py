"""EnableX: the call that a request is about."""

from __future__ import annotations

from aiohttp import web

from adapter.contracts.enablex import NAME
from adapter.core.errors import CallUnknown
from adapter.core.ids import CallId
from adapter.core.model import Call
from adapter.core.tenants import App
from adapter.engine.engine import Engine

CALL = web.RequestKey("call", Call)
"""Where a request keeps its call, for the wording of failures."""


def own_call(request: web.Request, engine: Engine, app: App) -> Call:
    """The call that the path names; another app's is unknown (enablex.md, "Base").

    Raises:
        CallUnknown: there is none.
    """
    call = engine.get(CallId(request.match_info["voice_id"]))
    if call is None or call.contract != NAME or call.owner != app.id:
        raise CallUnknown
    request[CALL] = call
    return call
