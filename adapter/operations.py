"""What operators ask over HTTP: alive, ready, metrics, and the documentation of the API.

None of it needs credentials and none of it tells about calls or customers; keep the port behind
your proxy where even that is too much.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from aiohttp import web

_DOCS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>API</title>
<link rel="stylesheet" href="/docs/static/swagger-ui.css"></head>
<body><div id="ui"></div>
<script src="/docs/static/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script></body></html>
"""
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#ui", deepLinking: true});\n'
_DOCS_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'"


class Operations:
    """The handlers.

    Args:
        not_ready: why new calls can't be served now; empty when they can.
        metrics: the Prometheus text.
        openapi: the document.
    """

    def __init__(
        self,
        *,
        not_ready: Callable[[], Sequence[str]],
        metrics: Callable[[], bytes],
        openapi: dict[str, Any],
    ) -> None:
        self._not_ready = not_ready
        self._metrics = metrics
        self._document = msgspec.json.encode(openapi)

    def routes(self) -> list[web.RouteDef | web.StaticDef]:
        """Where they are."""
        static = str(importlib.resources.files("swagger_ui") / "static")
        return [
            web.get("/livez", self.livez),
            web.get("/readyz", self.readyz),
            web.get("/metrics", self.metrics),
            web.get("/openapi.json", self.openapi),
            web.get("/docs", self.docs),
            web.get("/docs/start.js", self.start),
            web.static("/docs/static", static),
        ]

    async def livez(self, request: web.Request) -> web.Response:
        """The process answers."""
        return web.json_response({"alive": True})

    async def readyz(self, request: web.Request) -> web.Response:
        """New calls are served; else 503 with the reasons."""
        reasons = list(self._not_ready())
        body = {"ready": not reasons, "reasons": reasons}
        return web.json_response(body, status=503 if reasons else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        """Prometheus text format 0.0.4."""
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=self._metrics(), headers=headers)

    async def openapi(self, request: web.Request) -> web.Response:
        """OpenAPI 3.1."""
        return web.Response(body=self._document, content_type="application/json")

    async def docs(self, request: web.Request) -> web.Response:
        """The document as a page that can be tried out."""
        headers = {"Content-Security-Policy": _DOCS_POLICY}
        return web.Response(text=_DOCS, content_type="text/html", headers=headers)

    async def start(self, request: web.Request) -> web.Response:
        """The page's own script."""
        return web.Response(text=_START, content_type="text/javascript")


async def hide_server(request: web.Request, response: web.StreamResponse) -> None:
    """Which libraries answer, in which version, is nobody's business."""
    response.headers.pop("Server", None)
