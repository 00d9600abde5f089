"""A registration outlives every outage of the carrier, and every answer that it gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

import pytest

from adapter.ari.client import AriClient
from adapter.ari.endpoints import Endpoints
from adapter.core.tenants import Trunk
from tests.live.asterisk import Instance
from tests.live.conftest import Eventually

pytestmark = pytest.mark.live

GIVES_UP_AFTER = 10  # Asterisk's own max_retries
QUICKLY = dict.fromkeys(("retry_interval", "forbidden_retry_interval", "fatal_retry_interval"), "1")


class Registrar(asyncio.DatagramProtocol):
    """Answers each REGISTER with one status."""

    def __init__(self, status: str) -> None:
        self.status = status
        self.attempts = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def close(self) -> None:
        """Give the port back."""
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One request."""
        head = data.decode().partition("\r\n\r\n")[0].split("\r\n")
        if not head[0].startswith("REGISTER "):
            return
        # a challenge is answered, so that one attempt is two requests
        self.attempts += not any(line.startswith("Authorization:") for line in head)
        kept = ("via:", "from:", "call-id:", "cseq:")
        same = [line for line in head if line.lower().startswith(kept)]
        to = next(line for line in head if line.lower().startswith("to:"))
        answer = [f"SIP/2.0 {self.status}", *same, f"{to};tag=registrar", "Content-Length: 0"]
        if self.status.startswith("401"):
            answer.append('WWW-Authenticate: Digest realm="r", nonce="n"')
        self._transport.sendto(("\r\n".join(answer) + "\r\n\r\n").encode(), addr)


class Hurried(AriClient):
    """Writes registrations with shorter pauses, for the test's sake, and is otherwise the same."""

    async def put_config(self, object_type: str, object_id: str, fields: Mapping[str, str]) -> None:
        """With a second between two attempts."""
        if object_type == "registration":
            assert fields.keys() >= QUICKLY.keys()
            fields = {**fields, **QUICKLY}
        await super().put_config(object_type, object_id, fields)


@asynccontextmanager
async def registrar(status: str) -> AsyncIterator[Registrar]:
    """A registrar on a free port."""
    _, made = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Registrar(status), local_addr=("127.0.0.1", 0)
    )
    try:
        yield made
    finally:
        made.close()
        await asyncio.sleep(0)  # it is closed in the next turn of the loop


def trunk(to: Registrar) -> Trunk:
    return Trunk(
        name=f"stubborn-{to.status[:3]}",
        uri=f"sip:127.0.0.1:{to.port}",
        username="me",
        password="not-this",
        register=True,
        match=(),
        caller_id_header="from",
    )


async def test_no_answer_ends_it(asterisk: Instance, eventually: Eventually) -> None:
    """Refused more often than Asterisk would bear it by itself, trunks register still."""
    base = f"http://127.0.0.1:{asterisk.http_port}"
    async with AsyncExitStack() as stack:
        client = Hurried(base, asterisk.ari_user, asterisk.ari_password, app="nobody")
        await stack.enter_async_context(client)
        registrars = [
            await stack.enter_async_context(registrar(status))
            for status in ("401 Wrong", "403 Forbidden", "503 Busy", "604 Nowhere")
        ]
        endpoints = Endpoints(client, 0, 0)
        try:
            assert await endpoints.push([trunk(one) for one in registrars], [])
            await eventually(
                lambda: all(one.attempts > GIVES_UP_AFTER + 2 for one in registrars), 30
            )
        finally:
            for one in registrars:
                one.status = "200 OK"
            await endpoints.push([], [])
