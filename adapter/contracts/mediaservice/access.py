"""Who asks: the domain of the path, and what shows that its application is asking."""

from __future__ import annotations

from typing import Final, Protocol

from aiohttp import web

from adapter.contracts.http import basic_credentials
from adapter.contracts.mediaservice.errors import domain_not_found, unauthorized
from adapter.contracts.mediaservice.tokens import check_bearer
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


def authenticate(request: web.Request, domain: Domain, now: float) -> None:
    """Let in whoever has the domain's Bearer token, or its API user (HTTP Basic).

    Raises:
        Problem: 401, whatever is wrong.
    """
    credentials = basic_credentials(request)
    if credentials is None:
        check_bearer(request, domain, now)
        return
    user, password = credentials
    if domain.api_user is None or domain.api_password_hash is None:
        raise unauthorized("the domain has no API user")
    if user != domain.api_user or not key_matches(password, domain.api_password_hash):
        raise unauthorized("wrong user or password")
