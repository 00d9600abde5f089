"""EnableX authentication: HTTP Basic with app id and app key (enablex.md, "Base")."""

from __future__ import annotations

from aiohttp import web

from adapter.contracts.enablex.errors import unauthorized
from adapter.contracts.enablex.ports import Directory
from adapter.contracts.http import basic_credentials
from adapter.core.tenants import App


def authenticate(request: web.Request, directory: Directory) -> App:
    """The app that asks.

    Raises:
        Problem: 401, the same for an unknown app and a wrong key.
    """
    credentials = basic_credentials(request)
    app = directory.app(credentials[0]) if credentials else None
    if app is None or credentials is None or not app.key_matches(credentials[1]):
        raise unauthorized()
    return app
