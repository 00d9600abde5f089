"""`PUT /call/{id}/play` refused: each documented error, and nothing is played."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapter.plugin_api import BadRequest, Timeout
from tests.contract.stack import CALLEE, RINGS, Stack
from tests.contract.wording import TIMESTAMP, UUID, refused
from tests.fakes.ari_model import Callee

TEXT = {"text": "hello", "language": "en-US", "voice": "female"}


def of(call: str) -> dict[str, Any]:
    """The keys of an error about a call; timeStamp is the alias of the document's example."""
    return {"voice_id": call, "from_": RINGS, "to": CALLEE, "timeStamp": TIMESTAMP}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "prompt_name"),
        (TEXT | {"prompt_name": "welcome"}, "prompt_name"),
        ({"text": "hello", "language": "en-US"}, "voice"),
        ({"text": "hello", "voice": "female"}, "language"),
        ({"text": None}, "prompt_name"),
        (TEXT | {"text": ""}, "text"),
        (TEXT | {"text": ["a"]}, "text"),
        (TEXT | {"start_timeout": 0}, "start_timeout"),
        (TEXT | {"start_timeout": 11}, "start_timeout"),
        (TEXT | {"recognizer_timeout": 0.9}, "recognizer_timeout"),
        (TEXT | {"interrupt": "maybe"}, "interrupt"),
        ({"prompt_name": " "}, "prompt_name"),
        ([TEXT], "object"),
        ("welcome", "object"),
    ],
)
@pytest.mark.contract("enablex-voice", "play.error")
async def test_bad_request(stack: Stack, body: Any, named: str) -> None:
    """What is wrong with the body is 400 and named, with the call."""
    call = await stack.connected()
    refused(await stack.ask("PUT", f"/call/{call}/play", body), 400, 400, named, **of(call))
    assert stack.ari.count("play") == 0


async def test_unknown_prompt(stack: Stack) -> None:
    """A prompt that this app does not have, such as another app's, is 404."""
    call = await stack.connected()
    for name in ("unheard", "secret", "../../etc/passwd"):
        refused(await stack.play(call, prompt_name=name), 404, 404, name, **of(call))


@pytest.mark.parametrize("keys", [{"voice": "robot"}, {"language": "xx"}, {"language": "x" * 64}])
@pytest.mark.contract("enablex-voice", "play.error.406")
async def test_unknown_voice(stack: Stack, keys: dict[str, str]) -> None:
    """406 with 6117 in the document's words."""
    call = await stack.connected()
    reply = await stack.play(call, **(TEXT | keys))
    refused(reply, 406, 6117, **of(call))
    assert reply["msg"] == "Voice not supported for text-to-speech conversion"


@pytest.mark.contract("enablex-voice", "play.error.408")
async def test_second_play(stack: Stack) -> None:
    """While a prompt runs another is 408 with 6114; the first goes on."""
    call = await stack.connected()
    stack.ari.world.default_media = 60
    assert (await stack.say(call)).status == 200
    reply = await stack.say(call, "another")
    refused(reply, 408, 6114, **of(call))
    assert reply["msg"] == "Play request pending"
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "IVR"
    assert [request.text for request in stack.speech.asked] == ["hello"]


async def test_before_the_answer(stack: Stack) -> None:
    """A call that is not answered yet cannot be played to: 409."""
    stack.ari.callee(CALLEE, Callee.rings_out())
    call = (await stack.place())["voice_id"]
    await stack.event(call, "ringing")
    refused(await stack.say(call), 409, 409, **of(call))
    assert not stack.speech.asked


async def test_offered_call(stack: Stack) -> None:
    """An inbound call that nobody has accepted cannot be played to either."""
    call = await stack.offered()
    keys = {"voice_id": call, "from_": "+15557777", "to": RINGS, "timeStamp": TIMESTAMP}
    refused(await stack.say(call), 409, 409, **keys)


@pytest.mark.parametrize("body", [TEXT, {"stop": True}])
async def test_ended_call(stack: Stack, body: dict[str, Any]) -> None:
    """An action on a call that has ended is 404."""
    call = await stack.connected()
    await stack.hang_up(call)
    await stack.over(call)
    refused(await stack.ask("PUT", f"/call/{call}/play", body), 404, 404, **of(call))


@pytest.mark.parametrize("fault", [BadRequest("no"), Timeout("slow", retryable=False)])
@pytest.mark.contract("enablex-voice", "play.error.503")
async def test_speech_that_fails_at_once(stack: Stack, fault: Exception) -> None:
    """Synthesis that fails within 2 s is 503 with 6107, and leaves no event and no prompt."""
    call = await stack.connected()
    stack.speech.faults = [fault]  # type: ignore[list-item]
    reply = await stack.say(call)
    refused(reply, 503, 6107, **of(call))
    assert reply["msg"] == "Error doing text to speech conversion"
    await stack.quiet()
    assert stack.names(call) == ["ringing", "connected"]
    assert (await stack.say(call)).status == 200


async def test_text_that_is_too_long_to_speak(stack: Stack) -> None:
    """A text that the synthesiser does not take (it says 300 characters) is 503 with 6107."""
    call = await stack.connected()
    refused(await stack.say(call, "x" * 301), 503, 6107, **of(call))


@pytest.mark.contract("enablex-voice", "play.error.400")
async def test_prompt_file_that_is_gone(stack: Stack) -> None:
    """A stored prompt whose file cannot be played is 400, "Media Request Failed"."""
    call = await stack.connected()
    for file in (stack.folder / "media" / "prompts").rglob("*.wav"):
        file.write_bytes(b"no WAV file")
    reply = await stack.play(call, prompt_name="welcome")
    refused(reply, 400, 400, "Media Request Failed", **of(call))


@pytest.mark.parametrize("play_id", [None, "8610e43d-f7c5-4eeb-9571-00ffe6ec5c31"])
async def test_stop_without_a_prompt(stack: Stack, play_id: str | None) -> None:
    """Nothing to stop is 409, with the play_id that was asked for."""
    call = await stack.connected()
    named = {"play_id": play_id} if play_id else {}
    refused(await stack.play(call, stop=True, play_id=play_id), 409, 409, **of(call), **named)


@pytest.mark.contract("enablex-voice", "play.error")
async def test_stop_of_another_prompt(stack: Stack) -> None:
    """Another play_id than the running one's is 409, and the prompt goes on."""
    call = await stack.connected()
    stack.ari.world.default_media = 60
    running = (await stack.say(call))["play_id"]
    assert UUID.fullmatch(running)
    reply = await stack.play(call, stop=True, play_id="x")
    refused(reply, 409, 409, **of(call), play_id="x")
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "IVR"


async def test_two_plays_at_once(stack: Stack) -> None:
    """Of two requests at the same time one is taken, the other is 408."""
    call = await stack.connected()
    stack.ari.world.default_media = 60
    replies = await asyncio.gather(stack.say(call, "one"), stack.say(call, "two"))
    assert sorted(reply.status for reply in replies) == [200, 408]
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)


async def test_hang_up_while_the_reply_waits(stack: Stack) -> None:
    """A call that ends while play waits for its speech: 404, and no outcome event."""
    call = await stack.connected()
    stack.speech.gate.clear()
    asking = asyncio.create_task(stack.say(call))
    await stack.speech.started.wait()
    stack.ari.remote_hangup(f"{call}.leg1")
    await stack.over(call)
    stack.speech.gate.set()
    refused(await asking, 404, 404, **of(call))
    assert stack.names(call) == ["ringing", "connected", "disconnected"]
