"""The admin API's door: the token, what is off, and how failures are worded."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from adapter.contracts.admin import server
from adapter.contracts.admin.calls import CallApi
from tests.contract.admin_api import SETTINGS, TOKEN, AdminApi
from tests.contract.stack import Stack


@pytest.fixture
async def api(idle: Stack) -> AsyncIterator[AdminApi]:
    """An adapter with the admin API."""
    idle.configure(SETTINGS)
    await idle.start()
    yield AdminApi(idle)
    await idle.stop()


async def test_off_without_a_token(idle: Stack, caplog: pytest.LogCaptureFixture) -> None:
    """Everything below /admin is 404, with any token, and the log says once how to switch it on."""
    with caplog.at_level(logging.INFO, logger="adapter.contracts.admin.server"):
        await idle.start()
    try:
        api = AdminApi(idle)
        for path in ("/v1/apps", "/v1/apps/x/prompts/y", "/v1", "", "/nothing"):
            for token in (None, "", TOKEN):
                status, body = await api.ask("GET", path, token=token, base="/admin")
                assert (status, body["error"]["code"]) == (404, "not_found")
    finally:
        await idle.stop()
    said = [one.message for one in caplog.records if one.name == server.__name__]
    assert len(said) == 1
    assert "admin.token" in said[0]


@pytest.mark.parametrize(
    "header",
    [
        None, "", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Token {TOKEN}", f"bearer{TOKEN}", TOKEN,
        f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN.upper()}", "Bearer \xff\xfe",
    ],
)  # fmt: skip
async def test_wrong_tokens(api: AdminApi, header: str | None) -> None:
    """401 with a challenge and nothing else, for every route and for paths that do not exist."""
    headers = {"Authorization": header} if header is not None else {}
    for method, path in (("GET", "/apps"), ("DELETE", "/calls/x"), ("GET", "/nothing")):
        status, content, got = await api.raw(method, path, headers=headers, token=None)
        assert (status, got["WWW-Authenticate"]) == (401, 'Bearer realm="admin"')
        assert TOKEN.encode() not in content


async def test_the_token(api: AdminApi) -> None:
    """It opens, however the scheme is written."""
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {TOKEN}"}
        assert (await api.raw("GET", "/apps", headers=headers, token=None))[0] == 200


async def test_failures_have_one_form(api: AdminApi) -> None:
    """Unknown paths, wrong methods, broken and large bodies are JSON with a code and words."""
    assert (await api.refused(404, "GET", "/nothing"))["code"] == "not_found"
    assert (await api.refused(405, "POST", "/apps"))["code"] == "method_not_allowed"
    for body in (b"{", b"[]", b"\xff", b"1"):
        assert (await api.refused(400, "PUT", "/apps/x", body))["code"] == "invalid"
    large = b'{"event_url": "' + b"x" * server.MAX_BODY + b'"}'
    assert (await api.refused(413, "PUT", "/apps/x", large))["code"] == "too_large"


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "limit=-1", "limit=%D9%A3"])
async def test_wrong_limits(api: AdminApi, query: str) -> None:
    """Every list says what is wrong, and in which field."""
    for path in ("/apps", "/calls", "/webhooks", "/numbers"):
        error = await api.refused(400, "GET", f"{path}?{query}")
        assert error["field"] == "limit"


async def test_a_bug_is_500_without_detail(
    api: AdminApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What we did not think of is logged with its trace, and the client learns nothing of it."""

    def broken(_self: CallApi, _request: object) -> None:
        raise RuntimeError("hush")

    monkeypatch.setattr(CallApi, "_call", broken)
    status, content, _ = await api.raw("GET", "/calls/x")
    assert status == 500
    assert b"hush" not in content
    assert "hush" in caplog.text
