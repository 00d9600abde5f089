"""The admin API over HTTP: mounts the routes, lets in who has the token, words every failure.

Whoever has the token may do everything, to every tenant. Without a token in the settings there is
no API: all below `/admin` is 404.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Literal

from aiohttp import web
from aiohttp.typedefs import Middleware

from adapter.contracts.admin import errors
from adapter.contracts.admin.calls import CALL_ROUTES, CallApi
from adapter.contracts.admin.ports import Ports
from adapter.contracts.admin.prompts import PROMPT_ROUTES, PromptApi
from adapter.contracts.admin.provisioning import PROVISIONING_ROUTES, ProvisioningApi
from adapter.contracts.admin.recordings import RECORDING_ROUTES, RecordingApi
from adapter.contracts.admin.suspensions import SUSPENSION_ROUTES, SuspensionApi
from adapter.contracts.admin.webhooks import WEBHOOK_ROUTES, WebhookApi
from adapter.contracts.http import BadBody, BadQuery, Route, add_routes, json_response
from adapter.contracts.throttle import Throttle, TooManyAttempts
from adapter.core.errors import CoreError
from adapter.core.faults import Fault
from adapter.core.masked import Secret

log = logging.getLogger(__name__)

PARENT: Final = "/admin"
BASE: Final = PARENT + "/v1"
MAX_BODY: Final = 1024 * 1024
"""Bytes of a JSON body; audio is read by its own handler, with its own limit."""

_MOUNTED: Final = (
    *PROVISIONING_ROUTES,
    *PROMPT_ROUTES,
    *CALL_ROUTES,
    *WEBHOOK_ROUTES,
    *SUSPENSION_ROUTES,
    *RECORDING_ROUTES,
)
ROUTES: Final[tuple[Route, ...]] = tuple(
    replace(route, replies={**route.replies, 429: errors.AdminError}) for route in _MOUNTED
)
"""As they are documented: each can be answered by the guard."""

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(ports: Ports, token: Secret, throttle: Throttle) -> web.Application:
    """The sub-application, for `BASE`.

    Args:
        ports: see there.
        token: not empty.
        throttle: slows down wrong tokens.
    """
    guard = _guard(token, throttle)
    app = web.Application(middlewares=[_worded, guard], client_max_size=MAX_BODY)
    add_routes(app, PROVISIONING_ROUTES, ProvisioningApi(ports))
    add_routes(app, PROMPT_ROUTES, PromptApi(ports))
    add_routes(app, CALL_ROUTES, CallApi(ports))
    add_routes(app, WEBHOOK_ROUTES, WebhookApi(ports))
    add_routes(app, SUSPENSION_ROUTES, SuspensionApi(ports))
    add_routes(app, RECORDING_ROUTES, RecordingApi(ports))
    return app


def switched_off() -> web.Application:
    """The sub-application without a token, for `PARENT`: everything is 404."""
    log.info("the admin API is off; the setting admin.token or admin.token_file switches it on")

    @web.middleware
    async def nothing(request: web.Request, handler: Answer) -> web.StreamResponse:
        raise errors.switched_off()

    return web.Application(middlewares=[_worded, nothing])


def _guard(token: Secret, throttle: Throttle) -> Middleware:
    expected = _digest(token.reveal())

    @web.middleware
    async def guarded(request: web.Request, handler: Answer) -> web.StreamResponse:
        given = _bearer(request)
        if not given:
            raise errors.unauthorized()

        def check() -> Literal[True] | None:
            return True if hmac.compare_digest(_digest(given), expected) else None

        try:
            found = await throttle.attempt(throttle.source(request), "admin:", check)
        except TooManyAttempts as many:
            raise errors.too_many_attempts(many.retry_after) from many
        if found is None:
            raise errors.unauthorized()
        return await handler(request)

    return guarded


def _bearer(request: web.Request) -> str:
    """The token of the request (RFC 6750, 2.1); empty when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _digest(token: str) -> bytes:
    """Of equal length for all tokens, so that comparing takes the same time for all."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


@web.middleware
async def _worded(request: web.Request, handler: Answer) -> web.StreamResponse:
    try:
        return await handler(request)
    except errors.Problem as problem:
        return _failure(problem)
    except (CoreError, Fault) as error:
        return _failure(errors.problem_of(error))
    except BadBody as bad:
        return _failure(errors.invalid(str(bad)))
    except BadQuery as bad:
        return _failure(errors.invalid(str(bad), bad.field))
    except web.HTTPException as other:
        return _failure(_http_problem(other))
    except Exception:
        log.exception("request failed", extra={"path": request.path})
        return _failure(errors.Problem(500, "internal", "Internal Server Error"))


def _http_problem(error: web.HTTPException) -> errors.Problem:
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    return errors.Problem(
        error.status, codes.get(error.status, "invalid"), error.reason, headers=headers
    )


def _failure(problem: errors.Problem) -> web.Response:
    return json_response(problem.body(), problem.status, problem.headers)
