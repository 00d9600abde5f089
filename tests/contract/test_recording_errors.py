"""`recording` refused or failing (enablex-voice.txt, "Start / Stop Call Recording": the errors)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.parties import bridged, hold, of, record, recorded, rings
from tests.contract.stack import ANOTHERS, CALLEE, OTHER_APP, OTHER_KEY, Stack, eventually
from tests.contract.wording import TIMESTAMP, matches, refused


async def another_app_records(stack: Stack, name: str) -> None:
    """Another app starts a recording of this name."""
    auth = OTHER_APP, OTHER_KEY
    placed = await stack.ask("POST", "/call", {"from": ANOTHERS, "to": CALLEE}, auth=auth)
    call = placed["voice_id"]
    await stack.event(call, "connected")
    body = {"start": True, "recording_name": name}
    assert (await stack.ask("PUT", f"/call/{call}/recording", body, auth=auth)).status == 200


async def test_auto_record_without_recording(stack: Stack) -> None:
    """When nothing can be recorded now: 500 with "6119", and nothing is dialled."""
    await stack.ami.close()
    await eventually(lambda: not stack.adapter._audio.ami.connected)
    refused(await stack.place(auto_record=True), 500, "6119")
    assert stack.ari.count("create_channel") == 0
    await stack.ami.listen()


@pytest.mark.contract("enablex-voice", "recording.error.408")
async def test_already_recording(stack: Stack) -> None:
    """408 with "408" in the document's words, `timeStamp` included; the first goes on."""
    call = await bridged(stack)
    await recorded(stack, call)
    reply = await record(stack, call, start=True)
    refused(reply, 408, "408", **of(call), timeStamp=TIMESTAMP)
    assert reply["msg"] == "Call is already recording"
    assert len(stack.ami.monitors) == 1


@pytest.mark.parametrize("body", [{"start": True}, {"stop": True}])
@pytest.mark.contract("enablex-voice", "recording.error.409")
async def test_not_connected(stack: Stack, body: dict[str, bool]) -> None:
    """409 with "409" in the document's words, before the answer."""
    rings(stack, CALLEE)
    call = (await stack.place())["voice_id"]
    await stack.event(call, "ringing")
    reply = await record(stack, call, **body)
    refused(reply, 409, "409", **of(call), timeStamp=TIMESTAMP)
    assert reply["msg"] == "Call is not bridged yet"


async def test_nothing_to_stop(stack: Stack) -> None:
    """stop without a recording, and a second stop: 409."""
    call = await stack.connected()
    refused(await record(stack, call, stop=True), 409, "409", **of(call), timeStamp=TIMESTAMP)
    await recorded(stack, call)
    await record(stack, call, stop=True)
    refused(await record(stack, call, stop=True), 409, "409", **of(call), timeStamp=TIMESTAMP)
    await stack.event(call, "completed")


async def test_used_name(stack: Stack) -> None:
    """A recording_name that this app has used: 409, until it is deleted; names are an app's own."""
    call = await stack.connected()
    recording = await recorded(stack, call, recording_name="one")
    await record(stack, call, stop=True)
    await stack.event(call, "completed")
    other = await stack.connected()
    reply = await record(stack, other, start=True, recording_name="one")
    refused(reply, 409, "409", **of(other), timeStamp=TIMESTAMP)
    await another_app_records(stack, "one")
    removed = await stack.ask("DELETE", f"/recording/{recording}")
    matches(removed.body, recording_id=recording, state="success", status="success")
    assert (await stack.ask("GET", f"/recording/{recording}")).status == 404
    assert (await record(stack, other, start=True, recording_name="one")).status == 200


async def test_a_refused_start_frees_its_name(stack: Stack) -> None:
    """A name is used by what was recorded, not by what was refused."""
    call = await stack.connected()
    await recorded(stack, call)
    assert (await record(stack, call, start=True, recording_name="two")).status == 408
    await record(stack, call, stop=True)
    await stack.event(call, "completed")
    assert (await record(stack, call, start=True, recording_name="two")).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"start": True, "stop": True},
        {"start": False},
        {"start": "yes"},
        {"start": True, "recording_name": ""},
        {"start": True, "recording_name": 7},
        {"start": True, "recording_name": "x" * 256},
    ],
)
async def test_bad_request(stack: Stack, body: dict[str, Any]) -> None:
    """Exactly one of start and stop is true, and a name has 1 to 255 characters: else 400."""
    call = await bridged(stack)
    reply = await record(stack, call, **body)
    refused(reply, 400, 400, **of(call), timeStamp=TIMESTAMP)


async def test_asterisk_refuses_to_record(stack: Stack) -> None:
    """The reply was success; `failed` says why, and the call can be recorded later."""
    stack.ami.fail("MixMonitor", "Permission denied")
    call = await bridged(stack)
    recording = (await record(stack, call, start=True, recording_name="n"))["recording_id"]
    matches(
        await stack.event(call, "failed"),
        **of(call),
        state="failed",
        recording_id=recording,
        recording_name="n",
        msg=str,
    )
    assert "started" not in stack.names(call)
    await stack.hang_up(call)
    assert "recording_url" not in await stack.over(call)


@pytest.mark.contract("enablex-voice", "recording.error.500")
async def test_manager_is_away(stack: Stack) -> None:
    """Without AMI a start is 500 with "6119" in the document's words; calls go on."""
    call = await bridged(stack)
    await stack.ami.close()
    await eventually(lambda: not stack.adapter._audio.ami.connected)
    reply = await record(stack, call, start=True)
    refused(reply, 500, "6119", **of(call), timeStamp=TIMESTAMP)
    assert reply["msg"] == "Failed to start recording on bridge"
    assert (await hold(stack, call, True)).status == 200
    await stack.ami.listen()
    await eventually(lambda: stack.adapter._audio.ami.connected)
    assert (await record(stack, call, start=True)).status == 200


async def test_asterisk_is_away(stack: Stack) -> None:
    """503, as for whatever else is asked for then."""
    call = await bridged(stack)
    await stack.ari.refuse_connections()
    await eventually(lambda: bool(stack.adapter.not_ready()))
    reply = await record(stack, call, start=True)
    refused(reply, 503, 503, **of(call), timeStamp=TIMESTAMP)


async def test_whose_call(stack: Stack) -> None:
    """Another app's call, and one that has ended, are 404."""
    call = await bridged(stack)
    path = f"/call/{call}/recording"
    other = await stack.ask("PUT", path, {"start": True}, auth=(OTHER_APP, OTHER_KEY))
    refused(other, 404, 404, timeStamp=TIMESTAMP)
    await stack.hang_up(call)
    await stack.over(call)
    refused(await record(stack, call, start=True), 404, 404, **of(call), timeStamp=TIMESTAMP)
