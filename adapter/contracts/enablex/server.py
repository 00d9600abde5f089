"""EnableX over HTTP: mounts the routes, and turns every failure into the contract's JSON."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web
from msgspec import UNSET

from adapter.contracts.enablex import errors as problems
from adapter.contracts.enablex import parse, words
from adapter.contracts.enablex.action import TIME_ALIAS
from adapter.contracts.enablex.auth import APP, Gate
from adapter.contracts.enablex.bridging import Bridging
from adapter.contracts.enablex.generation0 import ActionReply, ActionRequest, Generation0
from adapter.contracts.enablex.own_call import CALL
from adapter.contracts.enablex.playing import Playing
from adapter.contracts.enablex.ports import Ports
from adapter.contracts.enablex.voice import Voice
from adapter.contracts.http import BadBody, BadQuery, Route, add_routes, json_response
from adapter.contracts.idempotency import RETRY_AFTER, BadKey, KeyConflict, KeyInUse
from adapter.core.errors import CoreError
from adapter.core.faults import Fault

log = logging.getLogger(__name__)

BASES = ("/voice/v1", "/v1")  # both occur in the document
MAX_BODY = 1024 * 1024
_CALL = "/call/{voice_id}"
_CALLS = "/calls/{voice_id}"
_TIME_ALIASED = ("/play", "/recording")


def _replies(model: type, *failures: int) -> dict[int, type | None]:
    return {200: model, **dict.fromkeys((401, *failures, 429), words.ErrorReply)}


VOICE_ROUTES: tuple[Route, ...] = (
    Route(
        methods=("POST",),
        path="/call",
        handler=Voice.place,
        summary="Dial out a number",
        request=parse.CallRequest,
        idempotent=True,
        replies=_replies(words.CallReply, 400, 403, 404, 405, 406, 409, 413, 500, 503),
    ),
    Route(
        methods=("GET",),
        path=_CALL,
        handler=Voice.show,
        summary="State of a call",
        replies=_replies(words.StateReply, 404),
    ),
    Route(
        methods=("DELETE",),
        path=_CALL,
        handler=Voice.hang_up,
        summary="Hang up, cancel or reject a call",
        replies=_replies(words.HangupReply, 404, 503),
    ),
    Route(
        methods=("PUT", "POST"),
        path=_CALL + "/accept",
        handler=Voice.accept,
        summary="Answer an incoming call",
        request=parse.AcceptRequest,
        optional_body=True,
        idempotent=True,
        replies=_replies(words.StatusReply, 400, 403, 404, 409, 413, 503),
    ),
)
PLAYING_ROUTES: tuple[Route, ...] = (
    Route(
        methods=("PUT", "POST"),
        path=_CALL + "/play",
        handler=Playing.play,
        summary="Play a prompt or text, with or without a menu or speech; or stop it",
        request=parse.PlayRequest,
        idempotent=True,
        replies=_replies(words.PlayReply, 400, 403, 404, 405, 406, 408, 409, 413, 503),
    ),
)
BRIDGING_ROUTES: tuple[Route, ...] = (
    Route(
        methods=("PUT", "POST"),
        path=_CALL + "/connect",
        handler=Bridging.connect,
        summary="Bridge the call with another party",
        request=parse.ConnectRequest,
        idempotent=True,
        replies=_replies(words.ConnectReply, 400, 403, 404, 409, 413, 503),
    ),
    Route(
        methods=("PUT",),
        path=_CALL + "/transfer",
        handler=Bridging.transfer,
        summary="Attended transfer of the bridged party",
        request=parse.TransferRequest,
        idempotent=True,
        replies=_replies(words.TransferReply, 400, 403, 404, 409, 413, 500, 503),
    ),
    Route(
        methods=("PUT",),
        path=_CALL + "/forward",
        handler=Bridging.forward,
        summary="Blind transfer of the bridged party",
        request=parse.ForwardRequest,
        idempotent=True,
        replies=_replies(words.StatusReply, 400, 403, 404, 409, 413, 500, 503),
    ),
    Route(
        methods=("PUT", "POST"),
        path=_CALL + "/hold",
        handler=Bridging.hold,
        summary="Hold or resume a bridged call",
        request=parse.HoldRequest,
        idempotent=True,
        replies=_replies(words.StatusReply, 400, 403, 404, 409, 413, 503),
    ),
    Route(
        methods=("PUT",),
        path=_CALL + "/recording",
        handler=Bridging.record,
        summary="Start or stop recording",
        request=parse.RecordingRequest,
        idempotent=True,
        replies=_replies(words.RecordingReply, 400, 403, 404, 408, 409, 413, 500, 503),
    ),
)
GENERATION0_ROUTES: tuple[Route, ...] = (
    Route(
        methods=("POST",),
        path="/calls",
        handler=Generation0.call_out,
        summary="Dial out a number (generation 0)",
        request=parse.CallRequest,
        idempotent=True,
        replies=_replies(words.CallReply, 400, 403, 404, 405, 406, 409, 413, 500, 503),
    ),
    Route(
        methods=("GET",),
        path=_CALLS,
        handler=Generation0.look_at,
        summary="State of a call (generation 0)",
        replies=_replies(words.StateReply, 404),
    ),
    Route(
        methods=("DELETE",),
        path=_CALLS,
        handler=Generation0.end,
        summary="Hang up, cancel or reject a call (generation 0)",
        replies=_replies(words.HangupReply, 404, 503),
    ),
    Route(
        methods=("POST",),
        path=_CALLS,
        handler=Generation0.act,
        summary="Any action on a call, named in the body (generation 0)",
        request=ActionRequest,
        idempotent=True,
        replies=_replies(ActionReply, 400, 403, 404, 405, 406, 408, 409, 413, 500, 503),
    ),
)
ROUTES = VOICE_ROUTES + PLAYING_ROUTES + BRIDGING_ROUTES + GENERATION0_ROUTES

Mounted = Sequence[tuple[tuple[Route, ...], object]]


def mounted(ports: Ports) -> Mounted:
    """The routes of calls, each group with the object whose methods they are."""
    voice, playing, bridging = Voice(ports), Playing(ports), Bridging(ports)
    return (
        (VOICE_ROUTES, voice),
        (PLAYING_ROUTES, playing),
        (BRIDGING_ROUTES, bridging),
        (GENERATION0_ROUTES, Generation0(ports, voice, playing, bridging)),
    )


def application(routes: Mounted, gate: Gate, now: Callable[[], float]) -> web.Application:
    """The sub-application; mount one for each base.

    Args:
        routes: each group with the object whose methods they are.
        gate: asked before each handler, which finds the app in ``request[APP]``.
        now: seconds since the epoch.
    """

    @web.middleware
    async def worded(
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except problems.Problem as problem:
            return failure(request, problem, now())
        except (CoreError, Fault) as error:
            return failure(request, problems.problem_of(error), now())
        except (BadBody, BadKey, BadQuery) as bad:
            return failure(request, problems.bad_request(str(bad)), now())
        except KeyConflict as conflict:
            return failure(request, _key_problem(conflict), now())
        except web.HTTPException as other:
            return failure(request, _http_problem(other), now())
        except Exception:
            log.exception("request failed", extra={"path": request.path})
            return failure(request, problems.Problem(500, 500, "Internal Server Error"), now())

    app = web.Application(middlewares=[worded], client_max_size=MAX_BODY)
    for group, owner in routes:
        add_routes(app, tuple(_guarded(route, gate) for route in group), owner)
    return app


def _guarded(route: Route, gate: Gate) -> Route:
    """The same route, with the credentials checked before anything."""

    async def handler(owner: Any, request: web.Request) -> web.StreamResponse:
        if not route.public:
            request[APP] = await gate.authenticate(request)
        return await route.handler(owner, request)

    return replace(route, handler=handler)


def _key_problem(conflict: KeyConflict) -> problems.Problem:
    headers = {"Retry-After": str(RETRY_AFTER)} if isinstance(conflict, KeyInUse) else {}
    return problems.Problem(409, 409, str(conflict), headers=headers)


def _http_problem(error: web.HTTPException) -> problems.Problem:
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return problems.Problem(error.status, error.status, error.reason, headers=headers)


def _has_time_alias(request: web.Request) -> bool:
    """Whether the document's examples of this request's failures have `timeStamp`."""
    return request.get(TIME_ALIAS, False) or request.path.rstrip("/").endswith(_TIME_ALIASED)


def failure(request: web.Request, problem: problems.Problem, now: float) -> web.Response:
    """The reply to a request that failed, with the call where it is known."""
    call = request.get(CALL)
    at = words.timestamp(now)
    body = words.ErrorReply(
        result=problem.result,
        msg=problem.msg,
        timestamp=at,
        timeStamp=at if _has_time_alias(request) else UNSET,
        status="failed",
        state="failed",
        voice_id=call.id if call else UNSET,
        from_=call.caller if call else UNSET,
        to=call.callee if call else UNSET,
        **problem.extra,
    )
    return json_response(body, problem.status, problem.headers)
