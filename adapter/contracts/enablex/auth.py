"""EnableX: who asks, and whether that app may do it now (enablex.md, "Base").

HTTP Basic with app id and app key. `adapter.contracts.enablex.server` asks before any handler runs;
a handler finds the app in ``request[APP]``. A suspended app may look at its calls and end them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from adapter.contracts.enablex import errors as problems
from adapter.contracts.http import basic_credentials
from adapter.contracts.limits import LimitReached, Limits
from adapter.contracts.throttle import Throttle, TooManyAttempts
from adapter.core.model import EndCause
from adapter.core.tenants import App

APP: Final = web.RequestKey("app", App)
"""The app that asks."""

_WHILE_SUSPENDED: Final = ("GET", "HEAD", "DELETE")


class Apps(Protocol):
    """What was provisioned, as it is now."""

    def app(self, app_id: str) -> App | None:
        """An app by its id."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets apps in, and their calls.

    Attributes:
        apps: as they were provisioned.
        limits: how much each may call.
        throttle: slows down wrong keys.
    """

    apps: Apps
    limits: Limits
    throttle: Throttle

    async def authenticate(self, request: web.Request) -> App:
        """The app that asks; after several wrong keys only after a while.

        Raises:
            Problem: 401, the same for an unknown app and a wrong key; 403 when it is suspended;
                429 when too many attempts wait already.
        """
        credentials = basic_credentials(request)
        if credentials is None:
            raise problems.unauthorized()
        user, key = credentials

        def check() -> App | None:
            app = self.apps.app(user)
            return app if app is not None and app.key_matches(key) else None

        source = self.throttle.source(request)
        try:
            app = await self.throttle.attempt(source, f"enablex:{user}", check)
        except TooManyAttempts as many:
            raise problems.too_many_attempts(many.retry_after) from many
        if app is None:
            raise problems.unauthorized()
        if request.method not in _WHILE_SUSPENDED:
            self._check_suspended(app)
        return app

    def admit(self, app: App) -> None:
        """One more leg is about to be dialled: the last thing to ask before it is.

        Every handler that dials asks, for first legs and for those of connect, transfer and
        forward. What the request began with may be old: a body takes its time to come.

        Raises:
            Problem: 403 when the app was suspended meanwhile; 429 when its limits are reached.
        """
        now = self.apps.app(app.id) or app
        self._check_suspended(now)
        try:
            self.limits.admit(now)
        except LimitReached as reached:
            raise problems.limit_reached(reached.limit, reached.retry_after) from reached

    def turn_away(self, app: App) -> EndCause | None:
        """Why an inbound call of this app is not taken; None takes it (docs/limits.md)."""
        if app.suspended:
            self.limits.refused("suspended")
            return EndCause.REJECTED
        return EndCause.BUSY if self.limits.full(app) else None

    def _check_suspended(self, app: App) -> None:
        if app.suspended:
            self.limits.refused("suspended")
            raise problems.suspended()
