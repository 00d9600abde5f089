"""A Mediaservice application of the tests: a real HTTP server that is asked, answers, and notes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

import jwt
from aiohttp import web

Answer = Callable[[dict[str, Any]], Any]


class IvrApplication:
    """Listens from `async with` to its end; `down` and `up` keep the port.

    Attributes:
        told: path and body of each callback, in order.
        new_call: answers `newCall`.
        commands: answers of `getIvrCommand`, one after the other; then silence of a second.
        slow: seconds before each answer.
        file: served at /tone.wav.
    """

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.new_call: Any = {"action": "ivr"}
        self.commands: list[dict[str, Any]] = []
        self.slow = 0.0
        self.tokens: list[str] = []
        self.file = b""
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        """Base URL of the callbacks."""
        return f"http://127.0.0.1:{self.port}/app"

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self) -> None:
        """Listen, on the same port as before."""
        app = web.Application()
        app.router.add_post("/app/{what}", self._answer)
        app.router.add_post("/alarm", self._alarm)
        app.router.add_get("/tone.wav", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def down(self) -> None:
        """As if it had died."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def wait_for(self, what: str, count: int = 1, seconds: float = 15.0) -> dict[str, Any]:
        """The body of the `count`-th callback of this name."""
        async with asyncio.timeout(seconds):
            while len(self.bodies(what)) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.bodies(what)[count - 1]

    def bodies(self, what: str) -> list[dict[str, Any]]:
        """All bodies of callbacks of this name."""
        return [body for name, body in self.told if name == what]

    def check_tokens(self, public_key: str) -> None:
        """Each callback carried a JWT of the domain (some are old by now: they last a minute)."""
        assert self.tokens
        for token in self.tokens:
            jwt.decode(token, public_key, algorithms=["RS256"], options={"verify_exp": False})

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.file, content_type="audio/wav")

    async def _alarm(self, request: web.Request) -> web.Response:
        self._note("alarm", await request.json())
        return web.Response()

    async def _answer(self, request: web.Request) -> web.Response:
        what = request.match_info["what"]
        self.tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        self._note(what, await request.json())
        if self.slow and what in ("newCall", "getIvrCommand"):
            await asyncio.sleep(self.slow)
        if what == "newCall":
            return web.json_response(self.new_call)
        if what == "getIvrCommand":
            silent = {"getIVRCommandAfter": 1}
            return web.json_response(self.commands.pop(0) if self.commands else silent)
        return web.json_response({}, status=404)

    def _note(self, what: str, body: dict[str, Any]) -> None:
        self.told.append((what, body))
        self._changed.set()
