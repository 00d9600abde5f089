"""EnableX over HTTP: mounts the routes, and turns every failure into the contract's JSON."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from msgspec import UNSET

from adapter.contracts.enablex import errors as problems
from adapter.contracts.enablex import parse, words
from adapter.contracts.enablex.voice import CALL, Voice
from adapter.contracts.http import BadBody, Route, add_routes, json_response
from adapter.core.errors import CoreError
from adapter.core.faults import Fault

log = logging.getLogger(__name__)

BASES = ("/voice/v1", "/v1")  # both occur in the document
MAX_BODY = 1024 * 1024
_CALL = "/call/{voice_id}"
_ERROR = words.ErrorReply

ROUTES: tuple[Route, ...] = (
    Route(
        methods=("POST",),
        path="/call",
        handler=Voice.place,
        summary="Dial out a number",
        request=parse.CallRequest,
        replies={200: words.CallReply}
        | dict.fromkeys((400, 401, 403, 404, 405, 406, 413, 503), _ERROR),
    ),
    Route(
        methods=("GET",),
        path=_CALL,
        handler=Voice.show,
        summary="State of a call",
        replies={200: words.StateReply, 401: _ERROR, 404: _ERROR},
    ),
    Route(
        methods=("DELETE",),
        path=_CALL,
        handler=Voice.hang_up,
        summary="Hang up, cancel or reject a call",
        replies={200: words.HangupReply, 401: _ERROR, 404: _ERROR, 503: _ERROR},
    ),
    Route(
        methods=("PUT", "POST"),
        path=_CALL + "/accept",
        handler=Voice.accept,
        summary="Answer an incoming call",
        request=parse.AcceptRequest,
        optional_body=True,
        replies={200: words.StatusReply} | dict.fromkeys((400, 401, 404, 409, 413, 503), _ERROR),
    ),
    Route(
        methods=("PUT", "POST"),
        path=_CALL + "/play",
        handler=Voice.play,
        summary="Play a prompt or text, with or without a menu; or stop it",
        request=parse.PlayRequest,
        replies={200: words.PlayReply}
        | dict.fromkeys((400, 401, 404, 405, 406, 408, 409, 413, 503), _ERROR),
    ),
)


def application(voice: Voice, now: Callable[[], float]) -> web.Application:
    """The sub-application; mount one for each base."""

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
        except BadBody as bad:
            return failure(request, problems.bad_request(str(bad)), now())
        except web.HTTPException as other:
            return failure(request, _http_problem(other), now())
        except Exception:
            log.exception("request failed", extra={"path": request.path})
            return failure(request, problems.Problem(500, 500, "Internal Server Error"), now())

    app = web.Application(middlewares=[worded], client_max_size=MAX_BODY)
    add_routes(app, ROUTES, voice)
    return app


def _http_problem(error: web.HTTPException) -> problems.Problem:
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return problems.Problem(error.status, error.status, error.reason, headers=headers)


def failure(request: web.Request, problem: problems.Problem, now: float) -> web.Response:
    """The reply to a request that failed, with the call where it is known."""
    call = request.get(CALL)
    at = words.timestamp(now)
    body = words.ErrorReply(
        result=problem.result,
        msg=problem.msg,
        timestamp=at,
        timeStamp=at if request.path.rstrip("/").endswith("/play") else UNSET,
        status="failed",
        state="failed",
        voice_id=call.id if call else UNSET,
        from_=call.caller if call else UNSET,
        to=call.callee if call else UNSET,
        **problem.extra,
    )
    return json_response(body, problem.status, problem.headers)
