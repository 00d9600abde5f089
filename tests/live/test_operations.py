"""Readiness, drain and the timeline, with real calls."""

from __future__ import annotations

import asyncio
import os
import signal

import aiohttp
import pytest

from tests.live import numbers
from tests.live.adapter_process import AdapterProcess
from tests.live.asterisk import Instance
from tests.live.conftest import Api

pytestmark = pytest.mark.live


async def test_drain_lets_live_calls_go_on(api: Api, adapter: AdapterProcess) -> None:
    """SIGTERM: not ready, no new calls; the live call is served until it ends, then we end."""
    call = await api.place(numbers.ANSWERS)
    await api.event("connected")
    os.kill(adapter.pid, signal.SIGTERM)
    await asyncio.sleep(0.5)
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{adapter.base}/readyz") as answer,
    ):
        assert answer.status == 503
        assert "draining" in (await answer.json())["reasons"]
    status, _ = await api.request("POST", "/call", {"from": "+15551000", "to": numbers.ANSWERS})
    assert status == 503
    await api.play(call, text="Still here.")
    await api.event("playfinished")
    await api.hang_up(call)
    await api.over()
    await asyncio.wait_for(adapter.ended(), 10)


async def test_readiness_tells_the_truth(adapter: AdapterProcess, asterisk: Instance) -> None:
    """An Asterisk that hangs without closing its connections makes us unready within seconds."""
    os.kill(asterisk.pid, signal.SIGSTOP)
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(15):
            while True:
                async with session.get(f"{adapter.base}/readyz") as answer:
                    if answer.status == 503:
                        break
                await asyncio.sleep(0.2)
            async with session.get(f"{adapter.base}/livez") as answer:
                assert answer.status == 200
    finally:
        os.kill(asterisk.pid, signal.SIGCONT)
    await adapter.wait_ready()


async def test_why_tells_the_whole_story(api: Api, adapter: AdapterProcess) -> None:
    """`why` has the request, SIP's part, effects and each webhook; digits and text are masked."""
    call = await api.place(numbers.presses("7788#", after=2))
    await api.event("connected")
    await api.play(call, text="A secret sentence.", dtmf=True)
    await api.event("digitcollected")
    await api.hang_up(call)
    await api.over()
    story = await adapter.cli("why", call)
    for part in (
        "PlaceCall",
        "ChannelUp",
        "orders Play",
        "webhook digitcollected attempt 1: HTTP 200",
        "hangup by",
    ):
        assert part in story
    assert "7788" not in story.replace(call, "")
    assert "secret" not in story
    assert "leads to the row" in await adapter.cli("replay", call)
    assert "secret" not in adapter.log()
