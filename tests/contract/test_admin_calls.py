"""Calls through the admin API: listed, looked at, explained, ended."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapter.contracts.admin import calls
from adapter.core.model import CallState
from tests.contract.admin_api import SETTINGS, AdminApi
from tests.contract.stack import ANOTHERS, APP, CALLEE, OTHER_APP, OTHER_KEY, RINGS, Stack


@pytest.fixture
async def api(idle: Stack) -> AsyncIterator[AdminApi]:
    """An adapter with the admin API."""
    idle.configure(SETTINGS)
    await idle.start()
    yield AdminApi(idle)
    await idle.stop()


async def ids(api: AdminApi, query: str = "") -> list[str]:
    return [call["id"] for call in (await api.done("GET", f"/calls{query}"))["calls"]]


async def test_a_call_is_shown(api: AdminApi) -> None:
    """Whose it is, who speaks to whom, its state and, at last, how it ended."""
    call = await api.stack.connected()
    shown = await api.done("GET", f"/calls/{call}")
    assert shown["owner"] == APP
    assert (shown["from"], shown["to"], shown["direction"]) == (RINGS, CALLEE, "outbound")
    assert (shown["state"], shown["ended_at"], shown["ending"]) == ("up", None, None)
    assert shown["answered_at"] >= shown["created_at"]
    await api.stack.hang_up(call)
    await api.stack.over(call)
    shown = await api.done("GET", f"/calls/{call}")
    assert (shown["state"], shown["ending"]["by"]) == ("ended", "application")
    assert shown["ended_at"] >= shown["answered_at"]


async def test_conditions(api: AdminApi) -> None:
    """By app, by state, live or not, and each with the others."""
    stack = api.stack
    over = await stack.connected()
    await stack.hang_up(over)
    await stack.event(over, "disconnected")
    up = await stack.connected()
    order = {"from": ANOTHERS, "to": CALLEE}
    other = (await stack.ask("POST", "/call", order, auth=(OTHER_APP, OTHER_KEY)))["voice_id"]
    await stack.event(other, "connected")
    assert await ids(api) == [other, up, over]
    assert await ids(api, f"?app={APP}") == [up, over]
    assert await ids(api, f"?state={calls.LIVE}") == [other, up]
    assert await ids(api, f"?state=ended&app={APP}") == [over]
    assert await ids(api, f"?state=up&app={OTHER_APP}") == [other]
    assert await ids(api, "?state=ringing") == []
    assert await ids(api, "?app=nobody") == []
    error = await api.refused(400, "GET", "/calls?state=x")
    assert error["field"] == "state"
    assert all(state in error["message"] for state in CallState)


async def test_pages(api: AdminApi) -> None:
    """The latest first, each once, also while calls come in."""
    made = [await api.stack.connected() for _ in range(5)]
    seen: list[str] = []
    after = ""
    while True:
        page = await api.done("GET", f"/calls?limit=2&after={after}")
        seen += [call["id"] for call in page["calls"]]
        if page["next"] is None:
            break
        after = page["next"]
        await api.stack.connected()
    assert seen == made[::-1]
    assert await ids(api, "?after=nothing") == []


async def test_the_timeline(api: AdminApi) -> None:
    """What `why` tells: inputs with what followed, and each attempt, in order of time."""
    stack = api.stack
    call = await stack.connected()
    await stack.say(call, "your secret, please", dtmf=True)
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    for key in "4711#":
        stack.ari.digit(f"{call}.leg1", key)
    await stack.event(call, "digitcollected")
    await stack.hang_up(call)
    await stack.over(call)
    await stack.sink.wait_acknowledged(len(stack.sink.received))
    await stack.settled()
    status, content, _ = await api.raw("GET", f"/calls/{call}/timeline")
    assert status == 200
    for private in ("4711", "your secret", CALLEE, CALLEE.removeprefix("+")):
        assert private.encode() not in content
    told = await api.done("GET", f"/calls/{call}/timeline")
    entries = told["entries"]
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
    inputs = [entry["input"].partition("(")[0] for entry in entries if "input" in entry]
    assert inputs[0] == "PlaceCall"
    assert {"ChannelUp", "StartPrompt", "DigitPressed", "EndCall"} <= set(inputs)
    sent = {entry["event"]: entry["status"] for entry in entries if "webhook" in entry}
    assert sent == dict.fromkeys(["ringing", "connected", "digitcollected", "disconnected"], 200)
    versions = [entry["version"] for entry in entries if "version" in entry]
    assert versions == list(range(1, len(versions) + 1))
    _, story = stack.command("why", call)
    assert all(entry["input"] in story for entry in entries if "input" in entry)


async def test_hanging_up(api: AdminApi) -> None:
    """The call ends, its application is told; a second time changes nothing."""
    call = await api.stack.connected()
    shown = await api.done("DELETE", f"/calls/{call}")
    assert shown["state"] in ("ending", "ended")
    await api.stack.over(call)
    ended = await api.done("GET", f"/calls/{call}")
    assert await api.done("DELETE", f"/calls/{call}") == ended


async def test_what_is_not_there(api: AdminApi) -> None:
    """404 for ids of nothing, odd ones too."""
    for call in ("nothing", "%00", "00000000-0000-4000-8000-00ff00000000", "%2e%2e"):
        await api.refused(404, "GET", f"/calls/{call}")
        await api.refused(404, "GET", f"/calls/{call}/timeline")
        await api.refused(404, "DELETE", f"/calls/{call}")
