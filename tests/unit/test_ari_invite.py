"""What goes into an INVITE, and what is read of one, on Asterisk's side of the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapter.ari.client import AriClient
from adapter.ari.commands import Commands
from adapter.core.ids import ChannelId
from adapter.core.outputs import CreateChannel

CHANNEL = ChannelId("asterisk-1.7")


class Ari:
    """The two requests of ARI that this is about. Answers as Asterisk 22.10 was seen to.

    Attributes:
        variables: of the channel; a function that yields nothing is a fault of the server.
        created: bodies of the channels that were ordered.
        read: names of variables that were read.
    """

    def __init__(self) -> None:
        self.variables: Mapping[str, str] | None = {}
        self.created: list[Any] = []
        self.read: list[str] = []

    async def variable(self, request: web.Request) -> web.Response:
        """`GET /channels/{id}/variable`."""
        self.read.append(request.query["variable"])
        if self.variables is None:
            return web.json_response({"message": "Channel not found"}, status=404)
        value = self.variables.get(request.query["variable"])
        if value is None:
            return web.json_response({"message": "Unable to read provided function"}, status=500)
        return web.json_response({"value": value})

    async def create(self, request: web.Request) -> web.Response:
        """`POST /channels/create`."""
        self.created.append((await request.json())["variables"])
        return web.json_response({"id": CHANNEL, "name": "PJSIP/x-1", "state": "Down"})


@pytest.fixture
async def ari() -> Ari:
    return Ari()


@pytest.fixture
async def commands(ari: Ari) -> AsyncIterator[Commands]:
    app = web.Application()
    app.router.add_get("/ari/channels/{id}/variable", ari.variable)
    app.router.add_post("/ari/channels/create", ari.create)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        async with AriClient(url, "user", "password", app="voice") as client:
            yield Commands(client)


async def test_read(commands: Commands, ari: Ari) -> None:
    """X- and P- headers with all their values, and the few that say who calls; no others."""
    ari.variables = {
        "CHANNEL(pjsip,remote_addr)": "127.0.0.9:5060",
        "PJSIP_HEADERS()": "Via,From,X-Many,x-many,s,b,P-Charge,Content-Length,X-a(b",
        "PJSIP_HEADER(read,From,1)": "<sip:a@b>;tag=1",
        "PJSIP_HEADER(read,X-Many,1)": "v1",
        "PJSIP_HEADER(read,X-Many,2)": "v2",
        "PJSIP_HEADER(read,s,1)": "short",
        "PJSIP_HEADER(read,b,1)": "<sip:ref@x>",
        "PJSIP_HEADER(read,P-Charge,1)": "1",
    }
    invite = await commands.invite(CHANNEL)
    assert invite.source == "127.0.0.9"
    assert invite.headers == {
        "From": ("<sip:a@b>;tag=1",),
        "X-Many": ("v1", "v2"),
        "Subject": ("short",),
        "Referred-By": ("<sip:ref@x>",),
        "P-Charge": ("1",),
    }


async def test_read_without_end(commands: Commands, ari: Ari) -> None:
    """A caller that sends a thousand headers does not make a thousand requests."""
    names = [f"X-{n}" for n in range(1000)] + ["X-0"] * 1000
    known = {f"PJSIP_HEADER(read,X-{n},{k})": "v" for n in range(1000) for k in range(1, 9)}
    ari.variables = {
        "CHANNEL(pjsip,remote_addr)": "[::1]:5060",
        "PJSIP_HEADERS()": ",".join(names),
        **known,
    }
    invite = await commands.invite(CHANNEL)
    assert invite.source == "::1"
    assert (len(invite.headers), len(invite.headers["X-0"])) == (32, 8)
    assert len(ari.read) == 2 + 31 + 8


async def test_channel_that_is_gone(commands: Commands, ari: Ari) -> None:
    """Who has hung up meanwhile has no headers; that is no fault."""
    ari.variables = None
    invite = await commands.invite(CHANNEL)
    assert (invite.headers, invite.source) == ({}, "")


async def test_what_cannot_be_read(commands: Commands, ari: Ari) -> None:
    """A fault of Asterisk leaves what was read until then."""
    ari.variables = {"CHANNEL(pjsip,remote_addr)": "127.0.0.9:5060"}
    invite = await commands.invite(CHANNEL)
    assert (invite.headers, invite.source) == ({}, "127.0.0.9")


async def test_written(commands: Commands, ari: Ari) -> None:
    """Identity, privacy, diversion and headers as the variables that a real Asterisk honours."""
    await commands.perform(
        CreateChannel(
            channel=CHANNEL,
            endpoint="PJSIP/1@trunk-t",
            caller_number="4611",
            caller_name="Carl",
            private=True,
            diversion="123",
            headers=(("X-A", "1"), ("x-a", "2"), ("P-B", "b")),
        )
    )
    assert ari.created == [
        {
            "CONNECTEDLINE(num,i)": "4611",
            "CONNECTEDLINE(name,i)": "Carl",
            "CONNECTEDLINE(pres,i)": "prohib",
            "REDIRECTING(from-num,i)": "123",
            "REDIRECTING(count,i)": "1",
            "PJSIP_HEADER(add,X-A)": "1",
            "PJSIP_HEADER(add,x-a,2)": "2",
            "PJSIP_HEADER(add,P-B)": "b",
        }
    ]


async def test_written_plainly(commands: Commands, ari: Ari) -> None:
    """Nothing asked for is nothing set."""
    await commands.perform(
        CreateChannel(channel=CHANNEL, endpoint="PJSIP/1", caller_number="46", caller_name="")
    )
    assert ari.created == [{"CONNECTEDLINE(num,i)": "46"}]
