"""`asr` of play: what was said becomes an event ("Receive Speech recognition results").

The way of the audio is the real one, from the fake's media WebSocket through the endpointing to a
recogniser that is a plug-in; only what that understands is scripted.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapter.plugin_api import Unavailable
from tests.contract.ears import BEGUN, said
from tests.contract.parties import bridged, connect, leg, of
from tests.contract.stack import Stack
from tests.contract.wording import TIMESTAMP, UUID, matches, refused

PHRASE = "No, I'm not available."
HEARD = {"reason": "RecognizedSpeech", "confidence": 0.75}
ASK = {"text": "may I?", "language": "en-US", "voice": "female", "asr": True}
OUT = ["ringing", "connected"]


async def asking(stack: Stack, **keys: Any) -> tuple[str, str]:
    """A call that is asked something, and somebody listens; its id and the play's."""
    call = await stack.connected()
    reply = await stack.play(call, **ASK | {"recognizer_timeout": 1} | keys)
    assert reply.status == 200, reply
    await listened_to(stack, call)
    return call, reply["play_id"]


async def listened_to(stack: Stack, call: str) -> None:
    """Wait until the caller's audio has its way."""
    sockets = stack.ari.media_sockets
    await stack.ari.wait_for(lambda: bool(sockets.listeners(leg(call, 1))))


async def no_ears_left(stack: Stack, call: str) -> None:
    """Wait until only the call's own channel is left of it in Asterisk."""
    ari = stack.ari
    await ari.wait_for(lambda: [*ari.channels] == [leg(call, 1)] and not ari.world.bridges)


def speech(call: str, play_id: str, **keys: Any) -> dict[str, Any]:
    """The keys of an event of speech."""
    return of(call) | {"play_id": play_id, "asr_id": UUID} | keys


@pytest.mark.contract("enablex-voice", "speech.event")
async def test_recognised(stack: Stack) -> None:
    """The example's keys, with both spellings of the phrase; never a playstate."""
    call, play_id = await asking(stack, prompt_ref="welcome-prompt")
    await stack.ari.say(leg(call, 1), said())
    matches(
        await stack.event(call, "recognized"),
        **speech(
            call,
            play_id,
            state="recognized",
            result=HEARD,
            recognised_phrase=PHRASE,
            recognized_phrase=PHRASE,
            prompt_ref="welcome-prompt",
        ),
    )
    await no_ears_left(stack, call)
    await stack.quiet()
    assert stack.names(call) == [*OUT, "recognized"]


@pytest.mark.contract("enablex-voice", "speech.event")
async def test_unrecognised(stack: Stack) -> None:
    """Something was said that is no word: unrecognized, NoMatch, empty phrases."""
    call, play_id = await asking(stack)
    stack.ears.text = ""
    await stack.ari.say(leg(call, 1), said())
    matches(
        await stack.event(call, "unrecognized"),
        **speech(
            call,
            play_id,
            state="unrecognized",
            result={"reason": "NoMatch", "confidence": 0.75},
            recognised_phrase="",
            recognized_phrase="",
        ),
    )


@pytest.mark.contract("enablex-voice", "speech.event")
async def test_nothing_is_said(stack: Stack) -> None:
    """After start_timeout from the end of the prompt: timeout, InitialSilenceTimeout."""
    call, play_id = await asking(stack, start_timeout=1)
    matches(
        await stack.event(call, "timeout"),
        **speech(
            call,
            play_id,
            state="timeout",
            result={"reason": "InitialSilenceTimeout"},
            recognised_phrase="",
            recognized_phrase="",
        ),
    )
    await no_ears_left(stack, call)


async def test_recogniser_fails(stack: Stack) -> None:
    """A recogniser that fails: unrecognized with the reason Error, and msg."""
    call, _ = await asking(stack)
    stack.ears.fault = Unavailable("away")
    await stack.ari.say(leg(call, 1), said())
    event = await stack.event(call, "unrecognized")
    assert event["result"] == {"reason": "Error"}
    assert event["msg"]
    assert (await stack.say(call)).status == 200


@pytest.mark.parametrize("verb", ["snoop", "external_media"])
async def test_asterisk_can_not_let_us_listen(stack: Stack, verb: str) -> None:
    """When there is no audio to be had: the same, and nothing is left."""
    stack.ari.fail(verb, 500, times=10)
    call = await stack.connected()
    await stack.play(call, **ASK)
    assert (await stack.event(call, "unrecognized"))["result"] == {"reason": "Error"}
    await no_ears_left(stack, call)


async def test_barge_in(stack: Stack) -> None:
    """Speech stops the prompt; the words are then recognised."""
    stack.ari.world.default_media = 60
    call, _ = await asking(stack)
    await stack.ari.say(leg(call, 1), BEGUN)
    await stack.ari.wait_for(lambda: stack.ari.count("stop_playback") == 1)
    assert (await stack.event(call, "recognized"))["recognized_phrase"] == PHRASE


async def test_without_interrupt(stack: Stack) -> None:
    """interrupt false: nobody listens before the prompt is over."""
    stack.ari.world.default_media = 0.3
    call = await stack.connected()
    await stack.play(call, **ASK | {"interrupt": False, "recognizer_timeout": 1})
    await stack.ari.wait_for(lambda: bool(stack.ari.world.playbacks))
    assert stack.ari.count("snoop") == 0
    await listened_to(stack, call)
    assert not stack.ari.world.playbacks
    await stack.ari.say(leg(call, 1), said())
    await stack.event(call, "recognized")
    assert stack.ari.count("stop_playback") == 0


async def test_digits_come_first(stack: Stack) -> None:
    """With asr and dtmf the first wins: keys make digitcollected, and nothing else."""
    call, _ = await asking(stack, dtmf=True)
    for key in "42#":
        stack.ari.digit(leg(call, 1), key)
    assert (await stack.event(call, "digitcollected"))["digit"] == "42"
    await no_ears_left(stack, call)
    await stack.quiet()
    assert stack.names(call) == [*OUT, "digitcollected"]


async def test_speech_comes_first(stack: Stack) -> None:
    """With both, words make recognized."""
    call, _ = await asking(stack, dtmf=True)
    await stack.ari.say(leg(call, 1), said())
    await stack.event(call, "recognized")
    await stack.quiet()
    assert stack.names(call) == [*OUT, "recognized"]


async def test_neither_comes(stack: Stack) -> None:
    """With both and nothing: one outcome, timeout."""
    call, _ = await asking(stack, dtmf=True, start_timeout=1)
    await stack.event(call, "timeout")
    await stack.quiet()
    assert stack.names(call) == [*OUT, "timeout"]


async def test_what_the_recogniser_is_told(stack: Stack) -> None:
    """Language and hints, our extension, are passed on."""
    call, _ = await asking(stack, language="en-US", asr_hints=["yes", "no"])
    await stack.ari.say(leg(call, 1), said())
    await stack.event(call, "recognized")
    (utterance,) = stack.ears.made
    assert (utterance.request.language, utterance.request.hints) == ("en-US", ("yes", "no"))


async def test_prompt_name_without_a_language(stack: Stack) -> None:
    """A stored prompt has no language: en-US then; with one, that one."""
    for given, wanted in (({}, "en-US"), ({"language": "de-DE"}, "de-DE")):
        call = await stack.connected()
        keys = {"prompt_name": "welcome", "asr": True, "recognizer_timeout": 1}
        assert (await stack.play(call, **keys | given)).status == 200
        await listened_to(stack, call)
        await stack.ari.say(leg(call, 1), said())
        await stack.event(call, "recognized")
        assert stack.ears.made[-1].request.language == wanted
        await stack.hang_up(call)
        await stack.over(call)


async def test_language_of_no_recogniser(stack: Stack) -> None:
    """406 with 6117, before anything is played."""
    call = await stack.connected()
    reply = await stack.play(call, prompt_name="welcome", asr=True, language="fr-FR")
    refused(reply, 406, 6117, **of(call), timeStamp=TIMESTAMP)
    assert stack.ari.count("play") == 0


@pytest.mark.parametrize("asr", [True, "true", 1, "yes"])
async def test_asr_is_truthy(stack: Stack, asr: Any) -> None:
    """As with dtmf, clients send a text or a number too."""
    call, _ = await asking(stack, asr=asr)
    await stack.ari.say(leg(call, 1), said())
    await stack.event(call, "recognized")


@pytest.mark.parametrize("asr", [False, "false", 0, None, ""])
async def test_without_asr(stack: Stack, asr: Any) -> None:
    """Switched off it is a prompt like any other."""
    call = await stack.connected()
    await stack.play(call, **ASK | {"asr": asr})
    await stack.event(call, "playfinished")
    assert stack.ari.count("snoop") == 0


async def test_action_on_connect(stack: Stack) -> None:
    """The document's example: asr in play, its time-outs beside it."""
    play = {"text": "your prompt here", "language": "en-US", "voice": "female", "asr": True}
    action = {"play": play, "start_timeout": 10, "recognizer_timeout": 1}
    call = await stack.connected(action_on_connect=action)
    await listened_to(stack, call)
    await stack.ari.say(leg(call, 1), said())
    await stack.event(call, "recognized")


async def test_stop(stack: Stack) -> None:
    """A prompt that listens and is stopped: timeout with the reason Stopped."""
    call, play_id = await asking(stack)
    assert (await stack.play(call, stop=True))["play_id"] == play_id
    assert (await stack.event(call, "timeout"))["result"] == {"reason": "Stopped"}
    await no_ears_left(stack, call)


async def test_connect_while_it_listens(stack: Stack) -> None:
    """connect ends it with its outcome, and then the call is bridged."""
    call, _ = await asking(stack)
    await connect(stack, call)
    await stack.event(call, "bridged")
    assert stack.names(call) == [*OUT, "timeout", "bridging", "bridged"]


@pytest.mark.parametrize("begun", [False, True])
async def test_hang_up(stack: Stack, begun: bool) -> None:
    """The call ends first: failed before disconnected, and nothing is left in Asterisk."""
    call, play_id = await asking(stack)
    if begun:
        await stack.ari.say(leg(call, 1), BEGUN)
    stack.ari.remote_hangup(leg(call, 1))
    await stack.over(call)
    assert stack.names(call) == [*OUT, "failed", "disconnected"]
    assert (await stack.event(call, "failed"))["play_id"] == play_id
    await stack.ari.wait_for(lambda: not stack.ari.channels and not stack.ari.world.bridges)


async def test_restart(stack: Stack) -> None:
    """Who listened is gone with the adapter that was; the next one listens anew, and hears."""
    call, play_id = await asking(stack)
    await stack.kill()
    await stack.start()
    await listened_to(stack, call)
    await stack.ari.say(leg(call, 1), said())
    assert (await stack.event(call, "recognized"))["play_id"] == play_id
    await no_ears_left(stack, call)
    await stack.quiet()
    assert stack.names(call) == [*OUT, "recognized"]


async def test_two_calls_at_once(stack: Stack) -> None:
    """Each hears its own caller."""
    (one, _), (other, _) = await asking(stack), await asking(stack, start_timeout=3)
    await stack.ari.say(leg(one, 1), said())
    await asyncio.gather(stack.event(one, "recognized"), stack.event(other, "timeout"))


async def test_bridged_call(stack: Stack) -> None:
    """A bridged call can't be asked: 405 with 6112, and nobody listens."""
    call = await bridged(stack)
    refused(await stack.play(call, **ASK), 405, 6112, **of(call), timeStamp=TIMESTAMP)
    assert stack.ari.count("snoop") == 0


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"recognizer_timeout": 0.9}, "recognizer_timeout"),
        ({"recognizer_timeout": 11}, "recognizer_timeout"),
        ({"start_timeout": 0}, "start_timeout"),
        ({"asr_hints": "yes"}, "asr_hints"),
        ({"asr_hints": [""]}, "asr_hints"),
        ({"asr_hints": ["a\x00b"]}, "asr_hints"),
        ({"asr_hints": ["x"] * 501}, "asr_hints"),
    ],
)
async def test_bad_request(stack: Stack, keys: dict[str, Any], named: str) -> None:
    """What is out of range or no list of phrases is 400, and named."""
    call = await stack.connected()
    reply = await stack.play(call, **ASK | keys)
    refused(reply, 400, 400, named, **of(call), timeStamp=TIMESTAMP)
