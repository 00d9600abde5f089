"""Who asks: the domain of the path, and what shows that its application is asking."""

from __future__ import annotations

from typing import Final, Literal, Protocol

from aiohttp import web

from adapter.contracts.http import basic_credentials
from adapter.contracts.mediaservice.errors import (
    domain_not_found,
    too_many_attempts,
    unauthorized,
)
from adapter.contracts.mediaservice.tokens import check_bearer
from adapter.contracts.throttle import Throttle, TooManyAttempts
from adapter.core.tenants import Domain, key_matches

DOMAIN: Final = web.RequestKey("domain", Domain)
"""The domain of a request; handlers find it there (`adapter.contracts.mediaservice.server`)."""


class Directory(Protocol):
    """What was provisioned, as it is now."""

    def domain(self, name: str) -> Domain | None:
        """A domain by its name."""


def domain_of(request: web.Request, directory: Directory) -> Domain:
    """The domain that the path names.

    Raises:
        Problem: 404.
    """
    domain = directory.domain(request.match_info["domain"])
    if domain is None:
        raise domain_not_found()
    return domain


async def authenticate(
    request: web.Request, domain: Domain, throttle: Throttle, now: float
) -> None:
    """Let in whoever has the domain's Bearer token, or its API user (HTTP Basic).

    Wrong passwords are slowed down; there is nothing to guess in a token.

    Raises:
        Problem: 401, whatever is wrong; 429 when too many attempts wait already.
    """
    credentials = basic_credentials(request)
    if credentials is None:
        check_bearer(request, domain, now)
        return
    user, password = credentials
    expected = domain.api_password_hash
    if domain.api_user is None or expected is None:
        raise unauthorized("the domain has no API user")

    def check() -> Literal[True] | None:
        return True if user == domain.api_user and key_matches(password, expected) else None

    source, name = throttle.source(request), f"mediaservice:{domain.name}:{user}"
    try:
        found = await throttle.attempt(source, name, check)
    except TooManyAttempts as many:
        raise too_many_attempts(many.retry_after) from many
    if found is None:
        raise unauthorized("wrong user or password")
