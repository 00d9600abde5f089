"""`PUT /call/{id}/play` and its outcomes (enablex-voice.txt, "Play Voice Prompt")."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from adapter.plugin_api import BadRequest
from tests.contract.stack import CALLEE, RINGS, Stack
from tests.contract.wording import UUID, matches

TEXT = {"text": "text to be played", "language": "en-US", "voice": "female"}


async def playing(stack: Stack, call: str, seconds: float = 60.0, **keys: Any) -> str:
    """Start a prompt that lasts; returns its play_id when Asterisk plays it."""
    stack.ari.world.default_media = seconds
    before = stack.ari.count("play")
    reply = await stack.play(call, **(TEXT | keys))
    assert reply.status == 200, reply
    await stack.ari.wait_for(lambda: stack.ari.count("play") > before)
    play_id: str = reply["play_id"]
    return play_id


def press(stack: Stack, call: str, keys: str) -> None:
    """The callee presses keys."""
    for key in keys:
        stack.ari.digit(f"{call}.leg1", key)


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("what", [TEXT, {"prompt_name": "welcome"}], ids=["text", "prompt_name"])
@pytest.mark.contract("enablex-voice", "play.request", "play.reply", "play.event")
async def test_reply_and_event_are_the_documented_ones(
    stack: Stack, method: str, what: dict[str, Any]
) -> None:
    """The example request gets the example's reply, then exactly one playfinished like it."""
    call = await stack.connected()
    body = what | {"prompt_ref": "welcom_ref", "start_timeout": 10, "recognizer_timeout": 1}
    reply = await stack.ask(method, f"/call/{call}/play", body)
    assert reply.status == 200
    matches(reply.body, voice_id=call, play_id=UUID, playstate="initiated", from_=RINGS, to=CALLEE)
    event = await stack.event(call, "playfinished")
    matches(
        event,
        voice_id=call,
        play_id=reply["play_id"],
        playstate="playfinished",
        prompt_ref="welcom_ref",
        from_=RINGS,
        to=CALLEE,
    )
    await stack.quiet()
    assert stack.names(call) == ["ringing", "connected", "playfinished"]


@pytest.mark.parametrize("voice", ["female", "FEMALE", "Male", "ann"])
@pytest.mark.parametrize("language", ["en-US", "en-us", "en-AU", "de-AT"])
async def test_voice_and_language(stack: Stack, voice: str, language: str) -> None:
    """`voice` in any case; `language` by its primary tag when the exact one has no voice."""
    known = {"de-AT": ("female",), "en-AU": ("female", "male", "ann")}
    reply = await stack.play(await stack.connected(), text="a", language=language, voice=voice)
    expected = 200 if voice.lower() in known.get(language, ("female", "male", "ann")) else 406
    assert reply.status == expected


@pytest.mark.parametrize("value", ["welcom_ref", "", 12, None, False, ["a", {"b": 1.5}], 2**70])
async def test_prompt_ref_keeps_its_type(stack: Stack, value: Any) -> None:
    """prompt_ref comes back with the outcome as it came."""
    call = await stack.connected()
    await stack.play(call, **TEXT, prompt_ref=value)
    echoed = (await stack.event(call, "playfinished"))["prompt_ref"]
    assert (type(echoed), echoed) == (type(value), value)


async def test_owner_ref_is_on_play_events(stack: Stack) -> None:
    """The call's owner_ref and custom_data are on its play events too."""
    call = await stack.connected(owner_ref=5, custom_data="x")
    await stack.say(call)
    event = await stack.event(call, "playfinished")
    assert (event["owner_ref"], event["custom_data"]) == (5, "x")


@pytest.mark.parametrize("digits", ["0", "007", "12345", "*9"])
@pytest.mark.parametrize("dtmf", [True, "true", 1])
@pytest.mark.contract("enablex-voice", "play.event")
async def test_digits_are_a_text(stack: Stack, digits: str, dtmf: Any) -> None:
    """digitcollected has `digit` and `digits` as strings, leading zeros kept, without the #."""
    call = await stack.connected()
    play_id = await playing(stack, call, dtmf=dtmf, prompt_ref="menu")
    press(stack, call, digits + "#")
    matches(
        await stack.event(call, "digitcollected"),
        voice_id=call,
        play_id=play_id,
        playstate="digitcollected",
        prompt_ref="menu",
        digit=digits,
        digits=digits,
        from_=RINGS,
        to=CALLEE,
    )
    await stack.quiet()
    assert "playfinished" not in stack.names(call)


async def test_key_stops_the_prompt(stack: Stack) -> None:
    """The first key stops the prompt; the digits end 2 s after the last without a #."""
    call = await stack.connected()
    await playing(stack, call, dtmf=True, inter_digit_timeout=0.5)
    press(stack, call, "4")
    await stack.ari.wait_for(lambda: stack.ari.count("stop_playback") == 1)
    press(stack, call, "2")
    assert (await stack.event(call, "digitcollected"))["digit"] == "42"


async def test_key_in_time_while_the_adapter_stands_still(stack: Stack) -> None:
    """The time for the next key is over when the adapter comes to read it: it counts."""
    call = await stack.connected()
    await playing(stack, call, dtmf=True, inter_digit_timeout=1)
    press(stack, call, "4")
    await stack.ari.wait_for(lambda: stack.ari.count("stop_playback") == 1)
    press(stack, call, "2#")
    await asyncio.sleep(0)  # the fake has sent them
    time.sleep(1.3)  # noqa: ASYNC251 - it is the stall
    assert (await stack.event(call, "digitcollected"))["digit"] == "42"


async def test_keys_are_kept_when_nothing_interrupts(stack: Stack) -> None:
    """interrupt false: the prompt plays to its end, and keys pressed meanwhile are not lost."""
    call = await stack.connected()
    await playing(stack, call, 0.3, dtmf=True, interrupt=False)
    press(stack, call, "15#")
    assert (await stack.event(call, "digitcollected"))["digit"] == "15"
    assert stack.ari.count("stop_playback") == 0
    assert not stack.ari.world.playbacks


@pytest.mark.contract("enablex-voice", "play.event")
async def test_nobody_presses_a_key(stack: Stack) -> None:
    """menutimeout after start_timeout from the end of the prompt, without `digit`."""
    call = await stack.connected()
    await stack.play(call, **TEXT, dtmf=True, start_timeout=1, prompt_ref=1)
    event = await stack.event(call, "menutimeout")
    matches(
        event,
        voice_id=call,
        play_id=UUID,
        playstate="menutimeout",
        prompt_ref=1,
        from_=RINGS,
        to=CALLEE,
    )


async def test_max_digits_and_finish_key(stack: Stack) -> None:
    """Our extensions: as many digits as asked for are enough, and # may be a digit."""
    call = await stack.connected()
    await playing(stack, call, dtmf=True, max_digits=2, finish_on_key="*")
    press(stack, call, "#7")
    assert (await stack.event(call, "digitcollected"))["digit"] == "#7"


@pytest.mark.parametrize("dtmf", [False, "false", 0, None, ""])
async def test_without_dtmf_keys_do_nothing(stack: Stack, dtmf: Any) -> None:
    """A prompt without a menu is not stopped by keys and ends with playfinished."""
    call = await stack.connected()
    await playing(stack, call, 0.1, dtmf=dtmf)
    press(stack, call, "1#")
    await stack.event(call, "playfinished")
    assert stack.ari.count("stop_playback") == 0


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.contract("enablex-voice", "play.request")
async def test_stop(stack: Stack, named: bool) -> None:
    """{"stop": true} ends the prompt, named by its play_id or not; one playfinished."""
    call = await stack.connected()
    play_id = await playing(stack, call)
    reply = await stack.play(call, stop=True, **({"play_id": play_id} if named else {}))
    matches(reply.body, voice_id=call, play_id=play_id, playstate="stopped", from_=RINGS, to=CALLEE)
    assert (await stack.event(call, "playfinished"))["play_id"] == play_id
    await stack.ari.wait_for(lambda: not stack.ari.world.playbacks)
    await stack.quiet()
    assert stack.names(call).count("playfinished") == 1


@pytest.mark.parametrize(("keys", "outcome"), [("12", "digitcollected"), ("", "menutimeout")])
async def test_stop_of_a_menu(stack: Stack, keys: str, outcome: str) -> None:
    """A stopped menu gives the digits so far, or menutimeout: never playfinished."""
    call = await stack.connected()
    await playing(stack, call, dtmf=True)
    press(stack, call, keys)
    await stack.ari.wait_for(lambda: stack.ari.count("stop_playback") == bool(keys))
    await stack.play(call, stop=True)
    event = await stack.event(call, outcome)
    assert event.get("digit") == (keys or None)


async def test_one_prompt_after_the_other(stack: Stack) -> None:
    """A prompt may be started as soon as the outcome of the one before is known."""
    call = await stack.connected()
    for number in (1, 2, 3):
        await stack.say(call, f"number {number}", prompt_ref=number)
        event = await stack.event(call, "playfinished", count=number)
        assert event["prompt_ref"] == number


async def test_same_text_is_spoken_once(stack: Stack) -> None:
    """Two calls that hear the same text share one synthesis."""
    for _ in range(2):
        call = await stack.connected()
        await stack.say(call, "good morning")
        await stack.event(call, "playfinished")
    assert [request.text for request in stack.speech.asked] == ["good morning"]


async def test_what_is_played_is_a_file(stack: Stack) -> None:
    """Asterisk is given a `sound:` path without ending, of a WAV file that is there."""
    call = await stack.connected()
    await stack.say(call)
    await stack.event(call, "playfinished")
    (played,) = stack.ari.seen("play")
    media = {**(played.body or {}), **played.query}["media"]
    (uri,) = media if isinstance(media, list) else [media]
    assert uri.startswith(f"sound:{stack.folder}/media/")
    assert (stack.folder / f"{uri.removeprefix('sound:')}.wav").stat().st_size > 44


async def test_reply_comes_before_the_outcome(stack: Stack) -> None:
    """Even with speech that is there and a playback that ends at once."""
    call = await stack.connected()
    for count in range(1, 11):
        reply = await stack.say(call, prompt_ref=count)
        ids = [body.get("play_id") for body in stack.told(call)]
        assert reply["play_id"] not in ids
        await stack.event(call, "playfinished", count=count)


async def test_slow_speech_goes_on_behind_the_reply(stack: Stack) -> None:
    """Speech that takes more than 2 s: initiated, and played when it is there; asked for once."""
    call = await stack.connected()
    stack.speech.gate.clear()
    reply = await stack.say(call)
    assert reply["playstate"] == "initiated"
    assert stack.ari.count("play") == 0
    stack.speech.gate.set()
    assert (await stack.event(call, "playfinished"))["play_id"] == reply["play_id"]
    assert len(stack.speech.asked) == 1


@pytest.mark.contract("enablex-voice", "play.event")
async def test_speech_that_fails_late(stack: Stack) -> None:
    """Synthesis that fails after the reply makes the event `failed`, once; the call lives on."""
    call = await stack.connected()
    stack.speech.gate.clear()
    stack.speech.faults = [BadRequest("no"), BadRequest("no")]
    reply = await stack.say(call, prompt_ref="r")
    assert reply.status == 200
    stack.speech.gate.set()
    matches(
        await stack.event(call, "failed"),
        voice_id=call,
        play_id=reply["play_id"],
        playstate="failed",
        prompt_ref="r",
        msg=str,
        from_=RINGS,
        to=CALLEE,
    )
    stack.speech.faults.clear()
    assert (await stack.say(call, "again")).status == 200
    await stack.event(call, "playfinished")


async def test_hang_up_does_not_wait_for_speech(stack: Stack) -> None:
    """While speech is made, DELETE ends the call at once: failed before disconnected."""
    stack.speech.gate.clear()
    call = await stack.connected(action_on_connect={"play": TEXT})
    await stack.speech.started.wait()
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call) == ["ringing", "connected", "failed", "disconnected"]
    stack.speech.gate.set()
    await stack.quiet()
    assert stack.ari.count("play") == 0


@pytest.mark.parametrize("dtmf", [True, False])
async def test_hang_up_during_a_prompt(stack: Stack, dtmf: bool) -> None:
    """A call that ends under a prompt: `failed` with its play_id, then disconnected."""
    call = await stack.connected()
    play_id = await playing(stack, call, dtmf=dtmf)
    stack.ari.remote_hangup(f"{call}.leg1")
    await stack.over(call)
    assert stack.names(call) == ["ringing", "connected", "failed", "disconnected"]
    assert (await stack.event(call, "failed"))["play_id"] == play_id


async def test_media_that_asterisk_cannot_play(stack: Stack) -> None:
    """A playback that Asterisk refuses makes `failed`, and the call lives on."""
    call = await stack.connected()
    stack.ari.fail("play", 500)
    await stack.say(call)
    await stack.event(call, "failed")
    await stack.say(call)
    await stack.event(call, "playfinished")
