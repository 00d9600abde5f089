"""Recording with real SIP audio: what is in the file, and when the application may fetch it.

Telephones say a tone each. `?channels=2` has the recorded call's own side on the left.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.fakes.webhook_sink import WebhookSink
from tests.live import numbers
from tests.live.adapter_process import AdapterProcess
from tests.live.asterisk import Instance
from tests.live.audio import sides, story
from tests.live.bridged_calls import (
    CALLER,
    FROM,
    PARTY,
    TARGET,
    answered,
    bridged,
    connect,
    ended,
    order,
    over,
    told,
)
from tests.live.conftest import Api, Phones

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

Joining = tuple[AdapterProcess, WebhookSink]
SPEECH = {"text": "Something between.", "language": "en-US", "voice": "female"}


async def recorded(app: Api, call: str, **more: Any) -> str:
    """Start to record; the id, once it has begun."""
    reply = await order(app, call, "recording", start=True, **more)
    started = await told(app, call, "started")
    assert started["recording_id"] == reply["recording_id"]
    return str(reply["recording_id"])


async def completed(app: Api, call: str, recording: str) -> tuple[bytes, bytes]:
    """The mixed and the stereo file of a recording, as soon as `completed` has come."""
    event = await told(app, call, "completed")
    assert event["recording_id"] == recording
    assert event["recording_url"].endswith(f"/voice/v1/recording/{recording}")
    status, _, mixed = await app.fetch(f"/recording/{recording}")
    assert status == 200
    assert seconds(mixed) == pytest.approx(event["recording_duration"], abs=0.001)
    status, _, stereo = await app.fetch(f"/recording/{recording}?channels=2")
    assert status == 200
    return mixed, stereo


def seconds(file: bytes) -> float:
    """Length of a recording."""
    return len(sides(file)[0]) / 8000


def names(endings: list[tuple[str, str]]) -> list[str]:
    """The events that `ended` gave, without the parties."""
    return [name for name, _ in endings]


def now() -> float:
    """A clock that goes on."""
    return asyncio.get_running_loop().time()


@pytest.mark.contract(
    "enablex-voice",
    "recording.start.request",
    "recording.stop.request",
    "recording.reply",
    "recording.error.408",
    "download.request",
    "download.reply",
)
async def test_a_connected_call_with_idle_times(app: Api) -> None:
    """Nobody sends anything, before and after a prompt: that time is in the file as silence."""
    call = await app.place(numbers.ANSWERS)
    await told(app, call, "connected")
    recording, begun = await recorded(app, call, recording_name="idle one"), now()
    assert (await told(app, call, "started"))["recording_name"] == "idle one"
    await asyncio.sleep(2)
    await app.play(call, **SPEECH)
    await told(app, call, "playfinished")
    await asyncio.sleep(2)
    again = {"start": True}
    status, reply = await app.request("PUT", f"/call/{call}/recording", again)
    assert (status, reply["result"]) == (408, "408")
    lasted = now() - begun
    await order(app, call, "recording", stop=True)
    mixed, stereo = await completed(app, call, recording)
    assert seconds(mixed) == pytest.approx(lasted, abs=0.4)
    left, right = sides(stereo)
    assert (story(left), story(right)) == ([set()], [set(), {"music"}, set()])
    status, _, part = await app.fetch(f"/recording/{recording}", Range="bytes=44-203")
    assert (status, part) == (206, mixed[44:204])
    taken = {"start": True, "recording_name": "idle one"}
    assert (await app.request("PUT", f"/call/{call}/recording", taken))[0] == 409
    assert names(await over(app, call)) == ["started", "playfinished", "completed"]
    assert (await told(app, call, "disconnected"))["recording_url"].endswith(recording)


@pytest.mark.contract("enablex-voice", "recording.event")
async def test_while_bridged(app: Api, phones: Phones) -> None:
    """Each side has its own tone and only that, the mixed file has both; the call goes on."""
    caller, party = await phones(CALLER), await phones(PARTY)
    call = await bridged(app, caller, party)
    recording = await recorded(app, call)
    await asyncio.sleep(1.5)
    await order(app, call, "recording", stop=True)
    mixed, stereo = await completed(app, call, recording)
    left, right = sides(stereo)
    assert (story(left), story(right)) == ([{CALLER}], [{PARTY}])
    assert story(sides(mixed)[0]) == [{CALLER, PARTY}]
    await caller.keeps_hearing(PARTY, seconds=0.3)
    assert names(await over(app, call)) == ["bridging", "bridged", "started", "completed"]


async def test_through_everything(app: Api, phones: Phones) -> None:
    """Alone, bridged, held, transferred, alone: one file has it all, and all of its time."""
    caller, party, target = [await phones(tone) for tone in (CALLER, PARTY, TARGET)]
    call = await answered(app, caller)
    recording, begun = await recorded(app, call), now()
    await asyncio.sleep(1)
    await connect(app, call, party)
    await caller.keeps_hearing(PARTY)
    await order(app, call, "hold", hold=True)
    await caller.keeps_hearing("music")
    await order(app, call, "hold", hold=False)
    await caller.keeps_hearing(PARTY)
    await order(app, call, "transfer", **{"from": FROM, "transfer_to": target.uri})
    await party.hears(TARGET)
    await caller.keeps_hearing("music")
    party.hang_up()
    await caller.keeps_hearing(TARGET)
    target.hang_up()
    await told(app, call, "bridge_disconnected", target)
    await caller.keeps_hearing()
    lasted = now() - begun
    caller.hang_up()
    assert (await ended(app, call))[-1][0] == "completed"
    left, right = sides((await completed(app, call, recording))[1])
    assert story(left) == [{CALLER}]
    heard = [one for one in story(right) if one != {"ringing"}]
    assert heard == [set(), {PARTY}, {"music"}, {PARTY}, {"music"}, {TARGET}, set()]
    assert len(left) / 8000 == pytest.approx(lasted, abs=0.5)


@pytest.mark.parametrize("side", ["caller", "application"])
@pytest.mark.contract("enablex-voice", "recording.event", "download.reply")
async def test_hung_up(app: Api, phones: Phones, side: str) -> None:
    """The file is whole and can be fetched when `completed` comes, which is before the end."""
    caller = await phones(CALLER)
    call = await answered(app, caller)
    recording = await recorded(app, call)
    waiting = asyncio.create_task(completed(app, call, recording))
    await asyncio.sleep(1)
    if side == "caller":
        caller.hang_up()
    else:
        await app.hang_up(call)
    mixed, _ = await waiting
    assert names(await ended(app, call)) == ["started", "completed"]
    assert story(sides(mixed)[0]) == [{CALLER}]
    assert seconds(mixed) == pytest.approx(1.0, abs=0.4)


async def test_auto_record(app: Api, phones: Phones) -> None:
    """`auto_record` has the call from the answer to its end, without being asked for."""
    caller = await phones(CALLER)
    call = await app.place(caller.uri, auto_record=True)
    recording, begun = str((await told(app, call, "started"))["recording_id"]), now()
    await told(app, call, "connected")
    await app.play(call, **SPEECH)
    await told(app, call, "playfinished")
    await asyncio.sleep(1)
    lasted = now() - begun
    caller.hang_up()
    left, right = sides((await completed(app, call, recording))[1])
    assert (story(left), story(right)[-2:]) == ([{CALLER}], [{"music"}, set()])
    assert len(left) / 8000 == pytest.approx(lasted, abs=0.5)
    event = await told(app, call, "disconnected")
    assert event["recording_url"].endswith(recording)
    assert app.names(call)[-2:] == ["completed", "disconnected"]


async def test_auto_record_of_a_busy_number(app: Api, joining_adapter: Joining) -> None:
    """It was never answered: nothing is told of a recording, and none is kept."""
    call = await app.place(numbers.BUSY, auto_record=True)
    event = await told(app, call, "disconnected")
    assert (event["disconnect_reason"], "recording_url" in event) == ("User busy", False)
    assert app.names(call) == ["disconnected"]
    database = joining_adapter[0].folder / "var" / "ari-voice.db"
    with closing(sqlite3.connect(database)) as connection:
        kept = "SELECT COUNT(*) FROM recording WHERE call = ?"
        assert connection.execute(kept, (call,)).fetchone() == (0,)


@pytest.mark.crash
async def test_adapter_is_killed(
    app: Api, joining_adapter: Joining, phones: Phones, asterisk: Instance
) -> None:
    """Asterisk goes on recording meanwhile; the restarted adapter completes it, once."""
    adapter, caller = joining_adapter[0], await phones(CALLER)
    call = await answered(app, caller)
    recording, begun = await recorded(app, call), now()
    await adapter.kill()
    await adapter.start()
    lasted = now() - begun
    await order(app, call, "recording", stop=True)
    mixed, _ = await completed(app, call, recording)
    assert seconds(mixed) == pytest.approx(lasted, abs=0.5)
    assert names(await over(app, call)) == ["started", "completed"]


@pytest.mark.crash
async def test_caller_leaves_while_the_adapter_is_away(
    app: Api, joining_adapter: Joining, phones: Phones
) -> None:
    """Nobody is there when the call ends: at the start the file is whole, and both are told."""
    adapter, caller = joining_adapter[0], await phones(CALLER)
    call = await answered(app, caller)
    recording = await recorded(app, call)
    await asyncio.sleep(1)
    await adapter.kill()
    caller.hang_up()
    await adapter.start()
    mixed, _ = await completed(app, call, recording)
    assert names(await ended(app, call)) == ["started", "completed"]
    assert story(sides(mixed)[0]) == [{CALLER}]


@pytest.mark.crash
async def test_asterisk_is_killed(
    app: Api, joining_adapter: Joining, phones: Phones, asterisk: Instance
) -> None:
    """What had reached the disk is repaired, then told: `completed`, then `disconnected`."""
    call = await answered(app, await phones(CALLER))
    recording = await recorded(app, call)
    await asyncio.sleep(3)
    asterisk.kill()
    await asyncio.to_thread(asterisk.restart)
    mixed, _ = await completed(app, call, recording)
    assert names(await ended(app, call)) == ["started", "completed"]
    assert seconds(mixed) >= 2
    assert story(sides(mixed)[0]) == [{CALLER}]
    await joining_adapter[0].wait_ready()
