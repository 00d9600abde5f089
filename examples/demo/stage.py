"""Everything that the demonstration needs around it: built in a folder, and taken down again."""

from __future__ import annotations

import asyncio
import base64
import secrets
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from examples import enablex_ivr
from examples.demo.errors import DemoFailed
from examples.demo.launching import Instance, launcher
from examples.demo.questions import Questions
from examples.demo.server import DOMAIN, Account, Server, free_port
from examples.demo.telling import Teller

START_LIMIT = 20.0  # seconds; it takes two or three


class Webhooks:
    """The verified webhooks that the application has got, and whoever waits for one."""

    def __init__(self, teller: Teller) -> None:
        self.received: list[dict[str, Any]] = []
        self._teller = teller
        self._more = asyncio.Condition()

    async def take(self, event: dict[str, Any]) -> None:
        """One has come."""
        self._teller.webhook(event)
        async with self._more:
            self.received.append(event)
            self._more.notify_all()

    async def wait_for(self, **keys: object) -> dict[str, Any]:
        """The first that has these keys."""

        def found() -> dict[str, Any] | None:
            wanted = keys.items()
            return next((one for one in self.received if wanted <= one.items()), None)

        async with self._more:
            event: dict[str, Any] | None = await self._more.wait_for(found)
        assert event is not None  # noqa: S101 - that was waited for
        return event

    def of(self, call: str) -> list[dict[str, Any]]:
        """Those of a call, in the order in which they came."""
        return [event for event in self.received if event["voice_id"] == call]


class Stage:
    """Asterisk, the carrier, the adapter and the example applications, up while it is entered.

    All files are in one temporary folder. What was started is ended in the reverse order, also
    when something fails on the way.
    """

    def __init__(self, teller: Teller, tools: dict[str, str]) -> None:
        self.account = Account(
            app_id="demo",
            app_key=secrets.token_urlsafe(24),
            webhook_secret="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
            phone_password=secrets.token_urlsafe(12),
        )
        self.webhooks = Webhooks(teller)
        self.questions = Questions(teller)
        self._teller = teller
        self._espeak = tools["espeak-ng"]
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        temporary = tempfile.TemporaryDirectory(prefix="av-demo-")
        self._stack.callback(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.asterisk = Instance(self.folder / "asterisk")
        self.carrier = Instance(self.folder / "carrier")
        self.server = Server(self.folder / "adapter", free_port())
        try:
            async with asyncio.timeout(START_LIMIT):
                await self._start()
        except TimeoutError:
            late = DemoFailed(f"the start was not done within {START_LIMIT:.0f} s")
            await self._end(late)
            raise late from None
        except BaseException as error:
            await self._end(error)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._end(error)

    async def _start(self) -> None:
        say = self._teller.line
        self._stack.push_async_callback(self._end_instances)
        await self.asterisk.start("--role", "adapter")
        say(f"Asterisk is up: SIP {self.asterisk.sip}, ARI {self.asterisk.ari[0]}")
        await self.carrier.start("--role", "carrier", "--adapter-sip", self.asterisk.sip)
        say(f"the simulated carrier is up: SIP {self.carrier.sip}")
        port = await self._start_application()
        say(f"the example application is up: http://127.0.0.1:{port}/events")
        ivr_port = free_port()
        self.server.write_files(
            self.account,
            ari=self.asterisk.ari,
            carrier_sip=self.carrier.sip,
            webhook_port=port,
            ivr_port=ivr_port,
            espeak=self._espeak,
        )
        for line in await self.server.command("apply", str(self.server.folder / "provision.toml")):
            say(f"ari-voice apply: {line}")
        key = "\n".join(await self.server.command("domain-key", DOMAIN))
        await self._serve(self.questions.application(key), ivr_port)
        say(f"the application that is asked is up: http://127.0.0.1:{ivr_port}")
        self._stack.push_async_callback(self.server.stop)
        await self.server.start()
        say(f"the adapter is up and ready: {self.server.base_url}")

    async def _start_application(self) -> int:
        """Serve examples/enablex_ivr.py with a look at what it gets; returns its port."""

        @web.middleware
        async def watch(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            response = await handler(request)  # verifies the signature, or raises
            await self.webhooks.take(await request.json())
            return response

        account = self.account
        app = enablex_ivr.application(
            self.server.base_url, account.app_id, account.app_key, account.webhook_secret
        )
        app.middlewares.append(watch)
        return await self._serve(app, 0)

    async def _serve(self, app: web.Application, port: int) -> int:
        """Serve an application at a port of loopback, 0 for any; returns the port."""
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return int(runner.addresses[0][1])

    async def _end_instances(self) -> None:
        await asyncio.gather(self.carrier.stop(), self.asterisk.stop())

    async def _end(self, error: BaseException | None) -> None:
        """Take everything down; when something failed, say what the adapter had to say."""
        if isinstance(error, DemoFailed) and (words := self.server.last_words()):
            self._teller.heading("The adapter's log, its end")
            self._teller.quote(words)
        await self._stack.aclose()
        alive = {
            "Asterisk": self.asterisk.alive,
            "the carrier": self.carrier.alive,
            "the adapter": self.server.alive,
        }
        left = [name for name, is_alive in alive.items() if is_alive]
        if self.folder.exists():
            left.append(str(self.folder))
        if left:
            raise DemoFailed(f"left behind: {', '.join(left)}")
        self._teller.line("everything that was started has ended; its folder is gone")


async def find_tools() -> dict[str, str]:
    """Where the programs are; unpacks them first when the system has none. Raises DemoFailed."""
    paths: dict[str, str] = await launcher("tools", "--only", "asterisk", "espeak-ng")
    return paths
