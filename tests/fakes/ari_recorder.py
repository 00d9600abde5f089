"""A server that stands for ARI where only what we send matters, not what Asterisk does."""

from __future__ import annotations

import asyncio
from typing import Self

from aiohttp import web


class Recorder:
    """A server that answers everything with canned JSON and notes what was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.body = b"{}"
        self.status = 200
        self.base_url = ""
        self.hang = False

    async def handle(self, request: web.Request) -> web.Response:
        """Note and answer."""
        text = await request.read()
        self.seen.append((request.method, request.rel_url.raw_path, dict(request.query), text))
        if self.hang:
            await asyncio.sleep(30)
        return web.Response(status=self.status, body=self.body)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self.handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
