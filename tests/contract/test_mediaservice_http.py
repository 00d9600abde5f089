"""Mediaservice over HTTP: who is let in, CORS, how failures are worded, and the document."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import encode_basic_auth

from adapter.contracts import openapi, throttle
from adapter.contracts.mediaservice import BASE, server
from adapter.contracts.mediaservice.promptfiles import FILE_ROUTES
from tests.contract.mediaservice_api import NOW, ONE, PASSWORD, TWO, Api, running
from tests.fakes import tokens


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """Two domains."""
    async with running(tmp_path) as api:
        yield api


PATHS = ["/promptfile", "/promptfile/a.wav", "/promptfile/a.wav/url", "/promptfile/a.wav/move"]


@pytest.mark.parametrize("path", [*PATHS, "/promptfile/", "/read", "/splitconnection", ""])
@pytest.mark.parametrize("domain", [ONE, "nobody"])
async def test_preflight(api: Api, domain: str, path: str) -> None:
    """OPTIONS of every path: 200, `{}` and three headers, without credentials."""
    reply = await api.raw("OPTIONS", f"/{domain}{path}")
    assert (reply.status, reply.json()) == (200, {})
    assert "DELETE" in reply.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in reply.headers["Access-Control-Allow-Headers"]


METHODS = [
    ("GET", "/promptfile"),
    ("PUT", "/promptfile/a.wav"),
    ("GET", "/promptfile/a.wav"),
    ("DELETE", "/promptfile/a.wav"),
    ("GET", "/promptfile/a.wav/url"),
    ("POST", "/promptfile/a.wav/move"),
    ("POST", "/read"),
]


@pytest.mark.parametrize(("method", "path"), METHODS)
async def test_every_path_asks_for_credentials(api: Api, method: str, path: str) -> None:
    """None, a stranger's, the other domain's, an expired one: 401. No such domain: 404."""
    await api.put("a.wav")
    for headers in (
        {},
        api.bearer("stranger"),
        api.bearer(TWO),
        {"Authorization": "Bearer " + tokens.rs256("one", {"exp": NOW - 60})},
        {"Authorization": encode_basic_auth("api", "wrong")},
    ):
        reply = await api.raw(method, f"/{ONE}{path}", headers)
        assert reply.status == 401
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    reply = await api.raw(method, f"/nobody{path}", api.bearer(ONE))
    assert reply.status == 404
    assert await api.names() == ["a.wav"]


async def test_the_api_user_may_too(api: Api) -> None:
    """HTTP Basic with the user of this domain; the other domain has none."""
    basic = {"Authorization": encode_basic_auth("api", PASSWORD)}
    assert (await api.raw("GET", f"/{ONE}/promptfile", basic)).status == 200
    assert (await api.raw("GET", f"/{TWO}/promptfile", basic)).status == 401


async def test_guesses_are_slowed_down(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """After five wrong passwords the next wait, too many at once are 429; a token goes through."""
    monkeypatch.setattr(throttle, "FIRST", 0.01)
    monkeypatch.setattr(throttle, "LONGEST", 0.02)
    wrong = {"Authorization": encode_basic_auth("api", "wrong")}
    for _ in range(throttle.FREE):
        assert (await api.raw("GET", f"/{ONE}/promptfile", wrong)).status == 401
    guesses = (api.raw("GET", f"/{ONE}/promptfile", wrong) for _ in range(40))
    many = [reply for reply in await asyncio.gather(*guesses) if reply.status == 429]
    assert many
    assert all(reply.headers["Retry-After"] == "1" for reply in many)
    assert (await api.raw("GET", f"/{ONE}/promptfile", api.bearer(ONE))).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "reason", "error"),
    [
        ("GET", "/fail/core", 409, "Call is not answered yet", "CallNotUp"),
        ("GET", "/fail/fault", 502, "The media server does not answer", "AsteriskDown"),
        ("GET", "/fail/bug", 500, "Internal Server Error", "Internal Server Error"),
        ("GET", "/nothing", 404, "Not Found", "Not Found"),
        ("PATCH", "/promptfile", 405, "Method Not Allowed", "Method Not Allowed"),
    ],
)
async def test_failures_are_worded(
    api: Api, method: str, path: str, status: int, reason: str, error: str
) -> None:
    """Each kind of failure is in the contract's JSON, and says nothing that it should not."""
    assert await api.ask(method, path) == (
        status,
        {"success": False, "reason": reason, "error": error},
    )


async def test_a_json_body_that_is_too_large(api: Api) -> None:
    """400, one of the contract's statuses."""
    assert (await api.ask("POST", "/read", body=BytesIO(bytes(server.MAX_BODY))))[0] == 200
    status, body = await api.ask("POST", "/read", body=BytesIO(bytes(server.MAX_BODY + 1)))
    assert (status, body["reason"]) == (400, "The request body is too large")


def test_the_document() -> None:
    """Each operation has an id of its own; what needs no credentials says so."""
    routes = FILE_ROUTES + server.preflights(FILE_ROUTES)
    api = openapi.Api(base=BASE, tag="mediaservice", routes=routes, security=["s"], webhooks={})
    paths = openapi.document(title="t", version="1", apis=[api], schemes={})["paths"]
    operations = [one for item in paths.values() for one in item.values()]
    ids = [one["operationId"] for one in operations]
    assert len(ids) == len(set(ids)) == 10
    assert paths[BASE + "/{domain}/promptfile"]["options"]["security"] == []
    assert paths[BASE + "/{domain}/promptfile"]["get"]["security"] == [{"s": []}]
