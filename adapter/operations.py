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


def routes(
    *,
    not_ready: Callable[[], Sequence[str]],
    metrics: Callable[[], bytes],
    openapi: dict[str, Any],
) -> list[web.RouteDef | web.StaticDef]:
    """The routes.

    Args:
        not_ready: why new calls can't be served now; empty when they can.
        metrics: the Prometheus text.
        openapi: the document.
    """
    document = msgspec.json.encode(openapi)

    async def livez(request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(request: web.Request) -> web.Response:
        reasons = list(not_ready())
        body = {"ready": not reasons, "reasons": reasons}
        return web.json_response(body, status=503 if reasons else 200)

    async def prometheus(request: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=metrics(), headers=headers)

    async def openapi_json(request: web.Request) -> web.Response:
        return web.Response(body=document, content_type="application/json")

    async def docs(request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": _DOCS_POLICY}
        return web.Response(text=_DOCS, content_type="text/html", headers=headers)

    async def start(request: web.Request) -> web.Response:
        return web.Response(text=_START, content_type="text/javascript")

    static = str(importlib.resources.files("swagger_ui") / "static")
    return [
        web.get("/livez", livez),
        web.get("/readyz", readyz),
        web.get("/metrics", prometheus),
        web.get("/openapi.json", openapi_json),
        web.get("/docs", docs),
        web.get("/docs/start.js", start),
        web.static("/docs/static", static),
    ]
