"""Recordings while AMI is away: what the application is told is what is kept, and nothing is lost.

AMI alone is away here; calls go on, because ARI is there (enablex.md, "recording").
"""

from __future__ import annotations

import asyncio

import pytest

from adapter.ami.client import Times as AmiTimes
from adapter.core import recording as machine
from adapter.core.kept import KeptState
from adapter.media.recordings import Times
from tests.contract.parties import leg, record, recorded
from tests.contract.stack import Stack, eventually


def hurry(stack: Stack) -> None:
    """Wait less for an AMI that does not answer."""
    audio = stack.adapter._audio
    audio.ami._times = AmiTimes(answer=0.2, delays=(0.01,))
    audio.recorder._times = Times(begin=0.3, patience=0.3)


async def away(stack: Stack) -> None:
    """No connection any more, and no new one."""
    await stack.ami.close()
    await eventually(lambda: not stack.adapter._audio.ami.connected)


def state(stack: Stack, recording: str) -> KeptState:
    """What the row says, and by that the admin API."""
    row = stack.adapter._audio.recordings.known(recording)
    assert row is not None
    return row.state


def stored(stack: Stack, call: str) -> list[tuple[str, KeptState]]:
    """All recordings of a call."""
    recordings = stack.adapter._audio.recordings
    rows = recordings.page(owner=None, call=call, state=None, after=None, limit=9)
    return [(row.id, row.state) for row in rows]


async def test_start_without_an_answer(stack: Stack) -> None:
    """AMI hangs: `failed` after a time, the row says failed, and the name can be used again."""
    hurry(stack)
    call = await stack.connected()
    stack.ami.mute = True
    reply = await record(stack, call, start=True, recording_name="n")
    assert (await stack.event(call, "failed"))["recording_id"] == reply["recording_id"]
    assert state(stack, reply["recording_id"]) is KeptState.FAILED
    stack.ami.mute = False
    await eventually(lambda: stack.adapter._audio.ami.connected)
    again = await recorded(stack, call, recording_name="n")
    assert state(stack, again) is KeptState.RUNNING
    assert len(stack.ami.monitors) == 1


async def test_auto_record_without_an_answer(stack: Stack) -> None:
    """At the answer nobody can refuse: it is told, and kept, as failed; the call goes on."""
    hurry(stack)
    await stack.connected()  # AMI is connected by now
    stack.ami.mute = True
    call = await stack.connected(auto_record=True)
    failed = await stack.event(call, "failed")
    assert stored(stack, call) == [(failed["recording_id"], KeptState.FAILED)]
    stack.ami.mute = False
    await stack.hang_up(call)
    assert "recording_url" not in await stack.over(call)


@pytest.mark.parametrize("killed", [False, True])
async def test_stop_while_the_manager_is_away(stack: Stack, killed: bool) -> None:
    """It goes on, and nothing else is told or kept, over a restart too; then it completes."""
    call = await stack.connected()
    recording = await recorded(stack, call)
    await away(stack)
    assert (await record(stack, call, stop=True)).status == 200
    if killed:
        await stack.kill()
        await stack.start()
    hurry(stack)
    await stack.quiet()
    assert (state(stack, recording), stack.names(call)[-1]) == (KeptState.RUNNING, "started")
    await stack.ami.listen()
    await stack.event(call, "completed")
    assert (state(stack, recording), stack.ami.monitors) == (KeptState.SAVED, {})
    await stack.hang_up(call)
    await stack.over(call)


async def test_hang_up_while_the_stop_waits(stack: Stack) -> None:
    """The end of the channel ends it: completed, then disconnected, without AMI."""
    call = await stack.connected()
    recording = await recorded(stack, call)
    await away(stack)
    await record(stack, call, stop=True)
    await stack.quiet()
    stack.ari.remote_hangup(leg(call, 1))
    assert (await stack.over(call))["recording_url"].endswith(recording)
    assert stack.names(call)[-3:] == ["started", "completed", "disconnected"]
    assert state(stack, recording) is KeptState.SAVED
    await stack.ami.listen()


async def test_killed_for_long_as_it_starts(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline of the start passes meanwhile: it is begun, told and kept all the same."""
    monkeypatch.setattr(machine, "START_AGAIN", 0.05)
    call = await stack.connected()
    stack.ami.mute = True
    recording = (await record(stack, call, start=True))["recording_id"]
    await stack.kill()
    await asyncio.sleep(0.1)
    stack.ami.mute = False
    await stack.start()
    await stack.event(call, "started")
    assert (state(stack, recording), len(stack.ami.monitors)) == (KeptState.RUNNING, 1)
    assert "failed" not in stack.names(call)
    await stack.hang_up(call)
    await stack.over(call)
    assert state(stack, recording) is KeptState.SAVED


@pytest.mark.parametrize("ended", [False, True])
async def test_killed_for_long_as_it_is_saved(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    """The deadline of saving passes meanwhile: the file is there, so it completes."""
    monkeypatch.setattr(machine, "SAVE_AGAIN", 0.05)
    call = await stack.connected()
    recording = await recorded(stack, call)
    await away(stack)
    await record(stack, call, stop=True)
    await stack.kill()
    await asyncio.sleep(0.1)
    if ended:
        stack.ari.remote_hangup(leg(call, 1))
    await stack.ami.listen()
    await stack.start()
    await stack.event(call, "completed")
    assert (state(stack, recording), stack.ami.monitors) == (KeptState.SAVED, {})
    if not ended:
        await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call).count("completed") == 1


@pytest.mark.parametrize("killed", [False, True])
async def test_failed_start_that_was_carried_out(stack: Stack, killed: bool) -> None:
    """Told and kept as failed, it is ended as soon as Asterisk can be told, and not at the end."""
    hurry(stack)
    call = await stack.connected()
    stack.ami.silent = True
    recording = (await record(stack, call, start=True))["recording_id"]
    await eventually(lambda: bool(stack.ami.monitors))
    await away(stack)
    await stack.event(call, "failed")
    assert (state(stack, recording), len(stack.ami.monitors)) == (KeptState.FAILED, 1)
    if killed:
        await stack.kill()
        await stack.start()
    await stack.ami.listen()
    await eventually(lambda: not stack.ami.monitors)
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call) == ["ringing", "connected", "failed", "disconnected"]
    assert state(stack, recording) is KeptState.FAILED
