"""One ARI request with the standard library: for the probe at start, and to make the carrier call.

Not the adapter's client (`adapter.ari`): this one knows no events and no retries.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from launcher.errors import LauncherError
from launcher.settings import Settings


class Refused(LauncherError):
    """ARI answered with an error; `status` is HTTP's."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def request(
    settings: Settings,
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    seconds: float = 5.0,
) -> Any:
    """Send a request (`path` below /ari, segments encoded here) and return the JSON of the answer.

    Raises Refused for an error of ARI's, OSError when nobody answers.
    """
    where = "/".join(quote(part, safe="") for part in path.split("/"))
    address = f"http://{settings.reach}:{settings.http_port}/ari/{where}"
    if query:
        address += f"?{urlencode(query)}"
    account = base64.b64encode(f"{settings.ari_user}:{settings.ari_password}".encode()).decode()
    call = urllib.request.Request(  # noqa: S310 - the scheme is written two lines above
        address,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Basic {account}", "Content-Type": "application/json"},
    )
    # a proxy of the environment is not for the machine's own Asterisk
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(call, timeout=seconds) as answer:
            text = answer.read()
    except urllib.error.HTTPError as reason:
        said = reason.read().decode(errors="replace").strip()
        reason.close()
        raise Refused(reason.code, f"{method} {path}: {reason.code} {said}") from None
    return json.loads(text) if text else None


def is_ready(settings: Settings) -> bool:
    """Whether ARI answers 200. While Asterisk starts, its HTTP server says 404, then 503."""
    try:
        request(settings, "GET", "asterisk/ping", seconds=1.0)
    except (Refused, OSError, ValueError):
        return False
    return True
