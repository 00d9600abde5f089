"""`recording` and auto_record (enablex-voice.txt, "Start / Stop Call Recording")."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapter.core.kept import KeptRecording, KeptState
from tests.contract.parties import (
    PARTY,
    TARGET,
    bridged,
    connect,
    forward,
    hold,
    leg,
    of,
    record,
    recorded,
    rings,
    together,
    transfer,
)
from tests.contract.stack import (
    APP,
    CALLEE,
    KEY,
    OTHER_APP,
    OTHER_KEY,
    PROVISIONING,
    RINGS,
    Stack,
    eventually,
)
from tests.contract.wording import TIMESTAMP, UUID, matches
from tests.fakes.ari_model import Sound

NOT_FOUND = {"result": 404, "msg": "Recording File Not Found"}


async def download(
    stack: Stack, url: str, auth: tuple[str, str] = (APP, KEY), **headers: str
) -> tuple[int, bytes]:
    """Fetch a recording from where the webhook says that it is."""
    path = url[url.index("/voice/v1") :]
    given = {"Authorization": aiohttp.encode_basic_auth(*auth)} | headers
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{stack.url}{path}", headers=given) as answer,
    ):
        return answer.status, await answer.read()


def kept(stack: Stack, call: str | None) -> list[KeptRecording]:
    """The recordings of a call, or all, as the admin API lists them."""
    recordings = stack.adapter._audio.recordings
    return recordings.page(owner=None, call=call, state=None, after=None, limit=9)


@pytest.mark.parametrize("name", [{}, {"recording_name": "my_voice_recording"}])
@pytest.mark.contract(
    "enablex-voice",
    "recording.start.request",
    "recording.stop.request",
    "recording.reply",
)
async def test_replies_are_the_documented_ones(stack: Stack, name: dict[str, str]) -> None:
    """start and stop: the example's keys, `timeStamp` included, and the same recording_id."""
    call = await bridged(stack)
    replies = [await record(stack, call, start=True, **name)]
    await stack.event(call, "started")
    replies.append(await record(stack, call, stop=True))
    for reply in replies:
        assert reply.status == 200
        matches(
            reply.body,
            **of(call),
            status="success",
            state="success",
            recording_id=replies[0]["recording_id"],
            msg="",
            timeStamp=TIMESTAMP,
        )
    assert UUID.fullmatch(replies[0]["recording_id"])


@pytest.mark.parametrize("name", [{}, {"recording_name": "my_voice_recording"}])
@pytest.mark.contract("enablex-voice", "recording.event")
async def test_events_have_the_documented_keys(stack: Stack, name: dict[str, str]) -> None:
    """started and completed: the example's keys; completed says where it is and how long."""
    call = await bridged(stack, owner_ref=7)
    recording = await recorded(stack, call, **name)
    await record(stack, call, stop=True)
    keys = of(call) | {"recording_id": recording, "msg": "", "owner_ref": 7} | name
    matches(await stack.event(call, "started"), **keys, state="started")
    completed = await stack.event(call, "completed")
    matches(completed, **keys, state="completed", recording_url=str, recording_duration=float)
    assert completed["recording_url"].endswith(f"/voice/v1/recording/{recording}")
    assert completed["recording_duration"] == 0.1


@pytest.mark.contract("enablex-voice", "recording.event", "download.reply")
async def test_the_file_is_there_when_it_is_completed(stack: Stack) -> None:
    """Whole and playable, from the URL in the event; a range of it too; not for another app."""
    call = await bridged(stack)
    await recorded(stack, call)
    await record(stack, call, stop=True)
    url = (await stack.event(call, "completed"))["recording_url"]
    status, whole = await download(stack, url)
    assert status == 200
    with wave.open(io.BytesIO(whole)) as file:
        assert (file.getnchannels(), file.getnframes()) == (1, len(stack.ami.pcm) // 2)
    assert await download(stack, url, Range="bytes=0-3") == (206, b"RIFF")
    assert (await download(stack, url, (OTHER_APP, OTHER_KEY)))[0] == 404


async def test_url_of_the_file(idle: Stack) -> None:
    """It begins with http.public_url, where one is set."""
    file = idle.folder / "ari-voice.toml"
    public = 'port = 0\npublic_url = "https://voice.example"\n'
    file.write_text(file.read_text().replace("port = 0\n", public, 1))
    await idle.start()
    call = await idle.connected()
    recording = await recorded(idle, call)
    await idle.hang_up(call)
    url = (await idle.over(call))["recording_url"]
    assert url == f"https://voice.example/voice/v1/recording/{recording}"
    await idle.stop()


@pytest.mark.contract("enablex-voice", "download.error.404")
async def test_a_recording_that_runs_can_not_be_fetched(stack: Stack) -> None:
    """404 with the document's two keys until it is completed."""
    call = await stack.connected()
    recording = await recorded(stack, call)
    for spelt in ("recording", "recordubg"):
        reply = await stack.ask("GET", f"/{spelt}/{recording}")
        assert (reply.status, reply.body) == (404, NOT_FOUND)


async def test_both_sides_of_a_connected_call(stack: Stack) -> None:
    """Without a bridge as well; what is recorded is the call's own channel, in three files."""
    call = await stack.connected()
    await recorded(stack, call)
    (action,) = (one for one in stack.ami.actions if one["Action"] == "MixMonitor")
    assert action["Channel"] == leg(call, 1)
    assert Path(action["File"]).is_relative_to(stack.folder / "recordings")


async def test_idle_time_is_recorded(stack: Stack) -> None:
    """A recorded call that hears nothing gets silence, or the file would miss that time."""
    call = await stack.connected()
    caller = stack.ari.channels[leg(call, 1)]
    await recorded(stack, call)
    await stack.ari.wait_for(lambda: caller.hears is Sound.SILENCE)
    await stack.say(call)
    await stack.event(call, "playfinished")
    await stack.ari.wait_for(lambda: caller.hears is Sound.SILENCE)
    await connect(stack, call)
    await stack.event(call, "bridged")
    stack.ari.remote_hangup(leg(call, 2))
    await stack.ari.wait_for(lambda: caller.hears is Sound.SILENCE)


async def test_one_recording_through_everything(stack: Stack) -> None:
    """It goes on through bridge, hold, transfer and forward, in one file, and completes once."""
    call = await stack.connected()
    await recorded(stack, call)
    await connect(stack, call)
    await stack.event(call, "bridged")
    await hold(stack, call, True)
    await hold(stack, call, False)
    await transfer(stack, call)
    await together(stack, leg(call, 2), leg(call, 3))
    await stack.event(call, "bridging", count=2)
    await stack.quiet()
    stack.ari.remote_hangup(leg(call, 2))
    await stack.event(call, "bridged", count=2)
    # each further party has a monitor of its own in the same file (decision 0021)
    await eventually(lambda: stack.ami.names().count("MixMonitor") == 2)
    await forward(stack, call, PARTY)
    await stack.event(call, "bridged", count=3)
    await eventually(lambda: stack.ami.names().count("MixMonitor") == 3)
    assert len(stack.ami.monitors) == 1
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call).count("completed") == 1
    started = [one for one in stack.ami.actions if one["Action"] == "MixMonitor"]
    assert len({one["File"] for one in started}) == 1


@pytest.mark.parametrize("by", ["caller", "application"])
async def test_hang_up_completes_it(stack: Stack, by: str) -> None:
    """completed comes before disconnected, which has the recording_url too."""
    call = await bridged(stack)
    await recorded(stack, call)
    if by == "caller":
        stack.ari.remote_hangup(leg(call, 1))
    else:
        await stack.hang_up(call)
    ended = await stack.over(call)
    completed = await stack.event(call, "completed")
    assert ended["recording_url"] == completed["recording_url"]
    assert stack.names(call)[-3:] == ["started", "completed", "disconnected"]
    assert (await download(stack, ended["recording_url"]))[0] == 200


async def test_a_call_that_was_recorded_before(stack: Stack) -> None:
    """After a stop it can be recorded again; disconnected names the last one."""
    call = await stack.connected()
    first = await recorded(stack, call)
    await record(stack, call, stop=True)
    await stack.event(call, "completed")
    second = (await record(stack, call, start=True))["recording_id"]
    assert second != first
    await stack.event(call, "started", count=2)
    await stack.hang_up(call)
    assert (await stack.over(call))["recording_url"].endswith(second)


async def test_auto_record(stack: Stack) -> None:
    """auto_record records from the answer to the end: started behind connected."""
    call = await stack.connected(auto_record=True)
    await stack.event(call, "started")
    await stack.hang_up(call)
    ended = await stack.over(call)
    assert ended["recording_url"].startswith(f"{stack.url}/voice/v1/recording/")
    wanted = ["ringing", "connected", "started", "completed", "disconnected"]
    assert stack.names(call) == wanted


async def test_auto_record_of_a_call_that_is_not_answered(stack: Stack) -> None:
    """Nothing is recorded or told, and there is no recording, for the operator neither."""
    rings(stack, CALLEE)
    call = (await stack.place(auto_record=True))["voice_id"]
    await stack.event(call, "ringing")
    assert kept(stack, call) == []
    await stack.hang_up(call)
    assert "recording_url" not in await stack.over(call)
    assert "MixMonitor" not in stack.ami.names()
    assert stack.names(call) == ["ringing", "disconnected"]
    assert kept(stack, call) == []


async def test_auto_record_of_a_call_that_is_refused(stack: Stack) -> None:
    """What is refused when all else was right, by a limit here, leaves no recording."""
    limited = PROVISIONING.replace(f'id = "{APP}"', f'id = "{APP}"\nmax_concurrent_calls = 1')
    stack.provision(limited)
    stack.adapter._directory.refresh()
    call = await stack.connected()
    assert (await stack.place(auto_record=True)).status == 429
    assert kept(stack, None) == []
    await stack.hang_up(call)
    await stack.over(call)


async def test_killed_before_the_answer_of_an_auto_recorded_call(stack: Stack) -> None:
    """The restarted adapter knows that it is to be recorded, and whose the recording is."""
    rings(stack, CALLEE)
    call = (await stack.place(auto_record=True))["voice_id"]
    await stack.event(call, "ringing")
    await stack.kill()
    await stack.start()
    stack.ari.world.answer(leg(call, 1))
    recording = (await stack.event(call, "started"))["recording_id"]
    assert [(one.id, one.owner, one.state) for one in kept(stack, call)] == [
        (recording, APP, KeptState.RUNNING)
    ]
    await stack.hang_up(call)
    assert (await stack.over(call))["recording_url"].endswith(recording)


async def test_ended_before_the_port_opens(stack: Stack) -> None:
    """A call that ended while nobody looked is told at the start, with a URL that works then."""
    call = await bridged(stack)
    recording = await recorded(stack, call)
    await stack.kill()
    stack.ari.remote_hangup(leg(call, 1))
    await stack.start()
    url = (await stack.over(call))["recording_url"]
    assert url == f"{stack.url}/voice/v1/recording/{recording}"
    assert (await download(stack, url))[0] == 200


async def test_asterisk_dies_while_it_records(stack: Stack) -> None:
    """What there is of the file is made whole: completed, then disconnected (lost)."""
    call = await bridged(stack)
    await recorded(stack, call)
    stack.ami.crash()
    await stack.ari.crash()
    await eventually(lambda: bool(stack.adapter.not_ready()))
    await stack.ari.listen()
    ended = await stack.over(call)
    assert "lost" in ended["disconnect_reason"]
    assert stack.names(call)[-2:] == ["completed", "disconnected"]
    assert (await download(stack, ended["recording_url"]))[0] == 200


@pytest.mark.parametrize("ends", ["before", "after"])
async def test_restart_while_recording(stack: Stack, ends: str) -> None:
    """It goes on meanwhile, is not started again, and completes once, whenever the call ends."""
    call = await bridged(stack)
    await recorded(stack, call)
    await stack.kill()
    if ends == "before":
        stack.ari.remote_hangup(leg(call, 1))
    await stack.start()
    if ends == "after":
        assert (await record(stack, call, start=True)).status == 408
        await stack.hang_up(call)
    ended = await stack.over(call)
    assert stack.names(call)[-2:] == ["completed", "disconnected"]
    assert stack.names(call).count("completed") == 1
    assert stack.ami.names().count("MixMonitor") == 1
    assert (await download(stack, ended["recording_url"]))[0] == 200


async def test_idempotency(stack: Stack) -> None:
    """start and stop that are repeated under their keys: the same answers, one recording."""
    call = await stack.connected()

    async def keyed(key: str, **body: Any) -> Any:
        headers = {"Idempotency-Key": key}
        return await stack.ask("PUT", f"/call/{call}/recording", body, headers=headers)

    first = await keyed("a", start=True, recording_name="n")
    await stack.event(call, "started")
    assert (await keyed("a", start=True, recording_name="n")).body == first.body
    stopped = await keyed("b", stop=True)
    await stack.event(call, "completed")
    assert (await keyed("b", stop=True)).body == stopped.body
    assert first["recording_id"] == stopped["recording_id"]
    assert stack.ami.names().count("MixMonitor") == 1


async def test_numbers_are_the_calls(stack: Stack) -> None:
    """A recording of an outbound call keeps from and to of the call, whoever is bridged."""
    call = await bridged(stack)
    await forward(stack, call, TARGET)
    await stack.event(call, "bridged", count=2)
    await recorded(stack, call)
    started = await stack.event(call, "started")
    assert (started["from"], started["to"]) == (RINGS, CALLEE)
