"""The kill switch through the admin API, limits in its replies, and guesses at its token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapter import provisioned
from adapter.contracts import throttle
from tests.contract.admin_api import SETTINGS, AdminApi
from tests.contract.stack import APP, CALLEE, OTHER_APP, OTHER_KEY, Stack
from tests.contract.wording import refused


@pytest.fixture
async def api(idle: Stack) -> AsyncIterator[AdminApi]:
    """An adapter with the admin API."""
    idle.configure(SETTINGS)
    await idle.start()
    yield AdminApi(idle)
    await idle.stop()


PATH = f"/apps/{APP}/suspension"


async def test_suspended_and_resumed(api: AdminApi) -> None:
    """It counts from the next request on; the app says since when; live calls go on."""
    stack = api.stack
    call = await stack.connected()
    shown = await api.done("PUT", PATH)
    assert (shown["id"], shown["hang_up"]) == (APP, False)
    assert shown == await api.done("GET", f"/apps/{APP}")
    refused(await stack.place(), 403, 403, "suspended")
    again = await api.done("PUT", PATH, {"hang_up": False})
    assert again["suspended_at"] == shown["suspended_at"] is not None
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "connected"
    shown = await api.done("DELETE", PATH)
    assert (shown["suspended_at"], shown["hang_up"]) == (None, False)
    assert (await stack.place()).status == 200


async def test_live_calls_are_ended(api: AdminApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """With hang_up they end at once, not at the next look; another app's go on."""
    stack = api.stack
    auth = (OTHER_APP, OTHER_KEY)
    other = await stack.ask("POST", "/call", {"from": "15552000", "to": CALLEE}, auth=auth)
    call = await stack.connected()
    monkeypatch.setattr(provisioned, "POLL", 60.0)
    await asyncio.sleep(1.2)  # the look that was to come
    assert (await api.done("PUT", PATH, {"hang_up": True}))["hang_up"] is True
    await stack.event(call, "disconnected")
    state = await stack.ask("GET", f"/call/{other['voice_id']}", auth=auth)
    assert state["state"] != "disconnected"


async def test_declaring_an_app_does_not_resume_it(api: AdminApi) -> None:
    """A PUT of the app leaves the switch as it is, and can't move it."""
    await api.done("PUT", PATH, {"hang_up": True})
    body = {"max_concurrent_calls": 7, "calls_per_second": 0.5}
    shown = await api.done("PUT", f"/apps/{APP}", body)
    assert shown["suspended_at"] is not None
    assert shown["hang_up"] is True
    assert {key: shown[key] for key in body} == body
    error = await api.refused(400, "PUT", f"/apps/{APP}", {"suspended_at": None})
    assert error["field"] == "suspended_at"


async def test_what_is_refused(api: AdminApi) -> None:
    """No such app is 404; a body that says something else is 400, and suspends nobody."""
    for method in ("PUT", "DELETE"):
        for name in ("nobody", "%00"):
            error = await api.refused(404, method, f"/apps/{name}/suspension")
            assert error["code"] == "not_found"
    wrong: tuple[Any, ...] = ({"hangup": True}, {"hang_up": "yes"}, [])
    for body in wrong:
        assert (await api.refused(400, "PUT", PATH, body))["code"] == "invalid"
    assert (await api.done("GET", f"/apps/{APP}"))["suspended_at"] is None


async def test_guesses_are_slowed_down(api: AdminApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """After five wrong tokens the next wait, too many at once are 429; none is no guess."""
    monkeypatch.setattr(throttle, "FIRST", 0.01)
    monkeypatch.setattr(throttle, "LONGEST", 0.02)
    for _ in range(throttle.FREE):
        assert (await api.ask("GET", "/apps", token="wrong"))[0] == 401
    guesses = (api.raw("GET", "/apps", token="wrong") for _ in range(40))
    replies = await asyncio.gather(*guesses)
    many = [(content, headers) for status, content, headers in replies if status == 429]
    assert many
    assert all(headers["Retry-After"] == "1" for _, headers in many)
    assert all(b'"too_many_attempts"' in content for content, _ in many)
    assert (await api.ask("GET", "/apps", token=None))[0] == 401
    assert (await api.ask("GET", "/apps"))[0] == 200
