"""The Mediaservice sub-application with its real parts, provisioned by `ari-voice apply`.

Two domains, each with an application that signs its requests; a clock that the test sets.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner
from multidict import CIMultiDictProxy
from yarl import URL

from adapter.cli import main
from adapter.contracts.http import Route
from adapter.contracts.mediaservice import BASE, server
from adapter.contracts.mediaservice.access import DOMAIN
from adapter.contracts.mediaservice.promptfiles import FILE_ROUTES, PromptFileApi
from adapter.core.errors import CallNotUp
from adapter.core.faults import AsteriskDown
from adapter.media import wav
from adapter.media.promptfiles import PromptFiles
from adapter.store.provisioning import ProvisioningStore
from adapter.store.sqlite import open_database
from tests.fakes import tokens

ONE, TWO = "one.example", "two.example"
PASSWORD = "a-long-api-password"
NOW = 1_700_000_000.0
TONE = wav.write(bytes(4000))
PROVISIONING = f"""
[[domain]]
name = "{ONE}"
callback_url = "http://127.0.0.1:9000/one"
api_public_key_file = "one.pem"
signing_key_file = "ours.pem"
api_user = "api"
api_password = "{PASSWORD}"
[[domain]]
name = "{TWO}"
callback_url = "http://127.0.0.1:9000/two"
api_public_key_file = "two.pem"
signing_key_file = "ours.pem"
"""


class Failing:
    """Routes that fail as handlers may; they stand for the call flow's."""

    async def fail(self, request: web.Request) -> web.StreamResponse:
        """`GET /{domain}/fail/{how}`"""
        errors: Mapping[str, Exception] = {
            "core": CallNotUp(),
            "fault": AsteriskDown("127.0.0.1:8088"),
            "bug": RuntimeError(f"secret of {request[DOMAIN].name}"),
        }
        raise errors[request.match_info["how"]]

    async def read(self, request: web.Request) -> web.StreamResponse:
        """`POST /{domain}/read`"""
        return web.json_response({"success": True, "size": len(await request.read())})


ROUTES = tuple(
    Route(methods=(method,), path=path, handler=handler, summary="", replies={})
    for method, path, handler in (
        ("GET", "/{domain}/fail/{how}", Failing.fail),
        ("POST", "/{domain}/read", Failing.read),
    )
)


@dataclass(frozen=True, slots=True)
class Got:
    """A reply."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)


@dataclass
class Api:
    """A customer's view: two domains and their tokens."""

    session: ClientSession
    port: int
    folder: Path
    now: list[float] = field(default_factory=lambda: [NOW])

    def bearer(self, domain: str) -> dict[str, str]:
        """What the domain's application sends."""
        claims = {"exp": self.now[0] + 60}
        return {"Authorization": f"Bearer {tokens.rs256(domain.partition('.')[0], claims)}"}

    async def raw(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Got:
        """A request as it is written; the reply has the CORS header, a failure its words."""
        url = URL(f"http://127.0.0.1:{self.port}{BASE}{path}", encoded=True)
        async with self.session.request(method, url, headers=headers, data=body) as reply:
            got = Got(reply.status, reply.headers, await reply.read())
        assert got.headers.getall("Access-Control-Allow-Origin") == ["*"]
        if got.status >= 400:
            said = got.json()
            assert said.keys() == {"success", "reason", "error"}
            assert said["success"] is False
            assert said["reason"]
            assert said["error"]
        return got

    async def ask(self, method: str, path: str, domain: str = ONE, body: Any = None) -> Any:
        """A request with the domain's token; status and JSON."""
        reply = await self.raw(method, f"/{domain}{path}", self.bearer(domain), body)
        return reply.status, reply.json()

    async def put(self, name: str, body: bytes = TONE, domain: str = ONE) -> None:
        assert await self.ask("PUT", f"/promptfile/{name}", domain, body) == (
            200,
            {"success": True},
        )

    async def names(self, domain: str = ONE) -> list[str]:
        """Names of the files on the first page."""
        _, body = await self.ask("GET", "/promptfile", domain)
        return [file["name"] for file in body["files"]]


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Api]:
    """Two domains, declared by `ari-voice apply`, and the sub-application with its real parts."""
    (folder / "s.toml").write_text('[database]\npath = "x.db"\n[webhooks]\nallow = ["127.0.0.1"]')
    (folder / "p.toml").write_text(PROVISIONING)
    (folder / "ours.pem").write_text(tokens.private_pem("ours"))
    for name in ("one", "two"):
        (folder / f"{name}.pem").write_text(tokens.public_pem(name))
    command = ["--config", str(folder / "s.toml"), "apply", str(folder / "p.toml")]
    applied = await asyncio.to_thread(CliRunner().invoke, main, command, catch_exceptions=False)
    assert applied.exit_code == 0, applied.output
    made = Api(ClientSession(), 0, folder / "media")
    with closing(open_database(folder / "x.db")) as connection:
        clock = lambda: made.now[0]  # noqa: E731 - read at each request
        handlers = PromptFileApi(PromptFiles(made.folder), clock, page=3)
        app = web.Application()
        mounted = [(FILE_ROUTES, handlers), (ROUTES, Failing())]
        app.add_subapp(BASE, server.application(mounted, ProvisioningStore(connection), clock))
        async with TestServer(app) as listening, made.session:
            assert listening.port is not None
            made.port = listening.port
            yield made
