"""Mediaservice over HTTP: mounts routes, lets in who may, words every failure as the contract does.

The routes themselves stand with what answers them, as values: `FILE_ROUTES` in `promptfiles`, those
of the call flow in `flow`; `adapter.app` brings the two together.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from aiohttp import web

from adapter.contracts.http import BadBody, Handler, Route, add_routes, json_response
from adapter.contracts.mediaservice import errors as problems
from adapter.contracts.mediaservice.access import DOMAIN, Directory, authenticate, domain_of
from adapter.contracts.mediaservice.replies import Failure, Nothing
from adapter.contracts.throttle import Throttle
from adapter.core.errors import CoreError
from adapter.core.faults import Fault

log = logging.getLogger(__name__)

MAX_BODY: Final = 1024 * 1024
"""Bytes of a JSON body; files are read by their own handler, with their own limit."""

ORIGIN: Final = "Access-Control-Allow-Origin"
PREFLIGHT: Final = {
    ORIGIN: "*",
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
}
"""The three headers of an answer to OPTIONS. No credentials of a browser are taken, so `*`."""

_NAMES = re.compile(r"(?<=[/{])[a-z]+")

Mounted: TypeAlias = tuple[tuple[Route, ...], object]
"""Routes, and the object whose methods they are."""


def application(
    mounted: Sequence[Mounted],
    directory: Directory,
    now: Callable[[], float],
    throttle: Throttle | None = None,
) -> web.Application:
    """The sub-application, for `adapter.contracts.mediaservice.BASE`.

    Args:
        mounted: all routes. A handler finds its domain in ``request[DOMAIN]``, authenticated
            unless its route is public.
        directory: domains.
        now: seconds since the epoch.
        throttle: slows down wrong passwords; one of its own when it is not given.
    """
    gate = _Gate(directory, throttle or Throttle(), now)
    app = web.Application(middlewares=[_worded], client_max_size=MAX_BODY)
    app.on_response_prepare.append(_allow_every_origin)
    for routes, owner in mounted:
        add_routes(app, tuple(gate.guarded(route) for route in routes), owner)
    for route in preflights([route for routes, _ in mounted for route in routes]):
        add_routes(app, (route,), None)
    return app


def preflights(routes: Sequence[Route]) -> tuple[Route, ...]:
    """OPTIONS for each path of these routes; the OpenAPI document has them as well."""
    return tuple(
        Route(
            methods=("OPTIONS",),
            path=path,
            handler=_preflight_of(path),
            summary="CORS preflight",
            replies={200: Nothing},
            public=True,
        )
        for path in dict.fromkeys(route.path for route in routes)
    )


def _preflight_of(path: str) -> Handler:
    """A handler with a name of its own: operations of the OpenAPI document have one each."""

    async def answer(_owner: object, _request: web.Request) -> web.StreamResponse:
        return _preflight()

    answer.__name__ = "_".join(["preflight", *_NAMES.findall(path)])
    return answer


def _preflight() -> web.Response:
    return json_response(Nothing(), headers=PREFLIGHT)


@dataclass(frozen=True, slots=True)
class _Gate:
    """Lets in who may."""

    directory: Directory
    throttle: Throttle
    now: Callable[[], float]

    def guarded(self, route: Route) -> Route:
        """The same route, with the domain looked up and its credentials checked before anything."""

        async def handler(owner: Any, request: web.Request) -> web.StreamResponse:
            domain = domain_of(request, self.directory)
            if not route.public:
                await authenticate(request, domain, self.throttle, self.now())
            request[DOMAIN] = domain
            return await route.handler(owner, request)

        return replace(route, handler=handler)


@web.middleware
async def _worded(
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    try:
        if request.method == "OPTIONS":
            return _preflight()
        return await handler(request)
    except problems.Problem as problem:
        return _failure(problem)
    except (CoreError, Fault) as error:
        return _failure(problems.problem_of(error))
    except BadBody as bad:
        return _failure(problems.bad_request("The request body is wrong", str(bad)))
    except web.HTTPException as other:
        return _failure(_http_problem(other))
    except Exception:
        log.exception("request failed", extra={"path": request.path})
        return _failure(problems.Problem(500, "Internal Server Error"))


def _http_problem(error: web.HTTPException) -> problems.Problem:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return problems.bad_request("The request body is too large", error.text or error.reason)
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return problems.Problem(error.status, error.reason, headers=headers)


def _failure(problem: problems.Problem) -> web.Response:
    body = Failure(reason=problem.reason, error=problem.error)
    return json_response(body, problem.status, problem.headers)


async def _allow_every_origin(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[ORIGIN] = "*"
