"""What holds for every route: bases, methods, credentials, bodies (enablex.md, "Base")."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from tests.contract.stack import APP, CALLEE, KEY, OTHER_APP, RINGS, Stack
from tests.contract.wording import matches, refused

NO_CALL = "8610e43d-f7c5-4eeb-9571-00ffe6ec5c31"
PLACE = {"from": RINGS, "to": CALLEE}
ROUTES = (
    ("POST", "/call"),
    ("GET", f"/call/{NO_CALL}"),
    ("DELETE", f"/call/{NO_CALL}"),
    ("PUT", f"/call/{NO_CALL}/accept"),
    ("PUT", f"/call/{NO_CALL}/play"),
)


@pytest.mark.parametrize("base", ["/voice/v1", "/v1"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_bases_and_trailing_slash(stack: Stack, base: str, slash: str) -> None:
    """Every route is under both bases, with a trailing slash or without."""
    call = (await stack.ask("POST", f"/call{slash}", PLACE, base=base))["voice_id"]
    await stack.event(call, "connected")
    prompt = {"prompt_name": "welcome"}
    path = f"/call/{call}"
    assert (await stack.ask("PUT", f"{path}/play{slash}", prompt, base=base)).status == 200
    assert (await stack.ask("PUT", f"{path}/accept{slash}", {}, base=base)).status == 409
    assert (await stack.ask("GET", path + slash, base=base)).status == 200
    assert (await stack.ask("DELETE", path + slash, base=base)).status == 200


def basic(text: bytes) -> str:
    return f"Basic {base64.b64encode(text).decode()}"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic é",
        "Basic \udcff",
        "Bearer abc",
        basic(b"nocolon"),
        basic(b":"),
        basic(f"{APP}:".encode()),
        basic(f"{APP}:wrong".encode()),
        basic(f"{OTHER_APP}:{KEY}".encode()),
        basic(f"{APP}:{KEY}x".encode()),
        basic(f"{APP}\x00:{KEY}".encode()),
        basic(b"\xff\xfe:\xff"),
        basic(b"nobody:x"),
        basic(f"{APP}' OR 1=1 --:{KEY}".encode()),
    ],
)
async def test_credentials(stack: Stack, header: str | None) -> None:
    """Without an app's id and key every route is 401 with a JSON body and a challenge."""
    headers = {} if header is None else {"Authorization": header}
    for method, path in ROUTES:
        reply = await stack.ask(method, path, data=b"{", auth=None, headers=headers)
        extra = {"timeStamp": str} if path.endswith("/play") else {}
        refused(reply, 401, 401, **extra)
        assert reply.headers["WWW-Authenticate"].startswith("Basic realm=")


async def test_scheme_of_credentials_in_any_case(stack: Stack) -> None:
    """The scheme's name is case-insensitive (RFC 7617, 2)."""
    header = basic(f"{APP}:{KEY}".encode()).replace("Basic", "bAsIc")
    reply = await stack.ask("GET", f"/call/{NO_CALL}", auth=None, headers={"Authorization": header})
    assert reply.status == 404


@pytest.mark.parametrize("base", ["/voice/v1", "/v1"])
@pytest.mark.parametrize("path", ["", "/", "/unheard", "/call/x/unheard", "/call/x/play/y", "//"])
async def test_unknown_route(stack: Stack, base: str, path: str) -> None:
    """What is no route of the contract is 404 in its JSON."""
    refused(await stack.ask("GET", path, base=base), 404, 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/call", {"POST"}),
        ("PATCH", f"/call/{NO_CALL}", {"GET", "DELETE"}),
        ("DELETE", f"/call/{NO_CALL}/accept", {"PUT", "POST"}),
        ("GET", f"/call/{NO_CALL}/accept", {"PUT", "POST"}),
        ("OPTIONS", f"/call/{NO_CALL}/accept", {"PUT", "POST"}),
        ("TRACE", f"/call/{NO_CALL}/accept", {"PUT", "POST"}),
    ],
)
async def test_wrong_method(stack: Stack, method: str, path: str, allowed: set[str]) -> None:
    """Another method is 405 in the contract's JSON, and Allow names the right ones."""
    reply = await stack.ask(method, path)
    refused(reply, 405, 405)
    assert {one.strip() for one in reply.headers["Allow"].split(",")} == allowed


@pytest.mark.parametrize("path", ["/call", "/call/{call}/play", "/call/{call}/accept"])
async def test_body_too_large(stack: Stack, path: str) -> None:
    """More than 1 MiB is 413 in the contract's shape, with the call where there is one."""
    call = await stack.connected()
    data = json.dumps({"owner_ref": "x" * (1 << 20)})
    method = "POST" if path == "/call" else "PUT"
    reply = await stack.ask(method, path.format(call=call), data=data)
    assert reply.status == 413
    about = {} if path == "/call" else {"voice_id": call, "from_": RINGS, "to": CALLEE}
    alias = {"timeStamp": str} if path.endswith("play") else {}
    refused(reply, 413, 413, **about, **alias)


async def test_body_of_just_less_than_1_mib(stack: Stack) -> None:
    """The limit is not below 1 MiB."""
    data = json.dumps(PLACE | {"unknown": "x" * ((1 << 20) - 200)})
    assert (await stack.ask("POST", "/call", data=data)).status == 200


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "text/plain", "a/b", ""]
)
async def test_content_type_does_not_matter(stack: Stack, kind: str) -> None:
    """The body is read as JSON whatever the header says."""
    data = json.dumps(PLACE)
    headers = {"Content-Type": kind}
    assert (await stack.ask("POST", "/call", data=data, headers=headers)).status == 200


async def test_empty_body_is_an_empty_object(stack: Stack) -> None:
    """Nothing behind Content-Type: application/json is {}: its keys are missing, nothing else."""
    reply = await stack.ask("POST", "/call", data=b"")
    refused(reply, 400, 400, "from")


async def test_failures_do_not_tell_how_we_work(stack: Stack) -> None:
    """An error's message has no Python, no path and no stack trace."""
    for data in (b"{", b"[" * 1000, b'{"from": 1}', b"\xff"):
        reply = await stack.ask("POST", "/call", data=data)
        matches(reply.body, result=400, msg=str, status="failed", state="failed")
        assert not {"Traceback", "msgspec", ".py", "Error"} & set(reply["msg"].split())


@pytest.mark.parametrize(
    "request_line",
    [
        "POST /voice/v1/call HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n",
        "POST /voice/v1/call HTTP/1.1\r\nHost: x\r\nX: " + "y" * 100_000 + "\r\n",
        "BAD\r\n",
        "GET /voice/v1/call/\x00 HTTP/1.1\r\nHost: x\r\n",
    ],
)
async def test_broken_http(stack: Stack, request_line: str) -> None:
    """What is no HTTP is a 400 and never a 500; the server goes on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.adapter.port)
    writer.write(request_line.encode("latin-1") + b"\r\n")
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert status.split(b" ")[1] == b"400"
    assert (await stack.ask("GET", f"/call/{NO_CALL}")).status == 404


async def test_client_that_goes_away(stack: Stack) -> None:
    """A request that is cut off in its body does no harm, and dials nothing."""
    _, writer = await asyncio.open_connection("127.0.0.1", stack.adapter.port)
    head = (
        "POST /voice/v1/call HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
        f"Authorization: {basic(f'{APP}:{KEY}'.encode())}\r\n\r\n"
    )
    writer.write(head.encode() + b'{"from"')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await stack.place()).status == 200
    await stack.quiet()
    assert stack.ari.count("create_channel") == 2
