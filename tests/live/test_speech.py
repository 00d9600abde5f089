"""Speech recognition with real SIP audio: who speaks is understood (by pocketsphinx)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.fakes.webhook_sink import WebhookSink
from tests.live.adapter_process import AdapterProcess
from tests.live.audio import spoken
from tests.live.bridged_calls import answered, ended, over
from tests.live.conftest import Api, Phones

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

SILENT = 0  # Hz: telephones that say nothing but words
HINTS = ["yes", "no", "transfer me to sales"]
PHRASE = "transfer me to sales"
ASKING = {"asr": True, "asr_hints": HINTS, "recognizer_timeout": 1, "prompt_ref": "q"}
LONG = "Please say yes, or no, or ask for the department that you want. " * 4
OUTCOMES = {
    "recognized",
    "unrecognized",
    "timeout",
    "digitcollected",
    "menutimeout",
    "playfinished",
}


async def outcome(app: Api, play: str, seconds: float = 15.0) -> dict[str, Any]:
    """The one outcome of a prompt."""

    def found() -> list[dict[str, Any]]:
        return [e for e in app.events() if e.get("play_id") == play]

    await app.sink.wait_for(lambda _: bool(found()), timeout=seconds)
    await asyncio.sleep(0.2)
    (event,) = found()
    assert (event.get("state") or event["playstate"]) in OUTCOMES
    return event


@pytest.mark.contract("enablex-voice", "speech.event")
async def test_phrase_after_a_prompt(app: Api, phones: Phones) -> None:
    """Who answers the question is understood, word by word."""
    caller = await phones(SILENT)
    call = await answered(app, caller)
    play = await app.play(call, text="Yes or no?", **ASKING)
    await caller.hears("music")
    await caller.hears()
    await asyncio.sleep(0.5)
    caller.say(spoken(PHRASE))
    event = await outcome(app, play)
    assert event["state"] == "recognized"
    assert event["recognized_phrase"] == event["recognised_phrase"] == PHRASE
    assert (event["result"]["reason"], event["prompt_ref"]) == ("RecognizedSpeech", "q")
    assert "playstate" not in event
    await over(app, call)


async def test_speech_stops_a_long_prompt(app: Api, phones: Phones) -> None:
    """Who interrupts hears the prompt no more while still speaking, and is understood."""
    caller = await phones(SILENT)
    call = await answered(app, caller)
    play = await app.play(call, text=LONG, **ASKING)
    await caller.hears("music")
    await asyncio.sleep(1)
    caller.say(spoken(PHRASE))
    await caller.hears(seconds=2)
    event = await outcome(app, play)
    assert event["recognized_phrase"] == PHRASE
    await over(app, call)


async def test_prompt_that_is_not_interrupted(app: Api, phones: Phones) -> None:
    """With `interrupt` false only what is said behind the prompt counts."""
    caller = await phones(SILENT)
    call = await answered(app, caller)
    said = "One two three four five six seven eight."
    play = await app.play(call, text=said, **ASKING, interrupt=False, start_timeout=2)
    await caller.hears("music")
    caller.say(spoken("no"))
    assert (await outcome(app, play))["state"] == "timeout"
    await over(app, call)


@pytest.mark.contract("enablex-voice", "speech.event")
async def test_nobody_speaks(app: Api, phones: Phones) -> None:
    """`timeout`, so many seconds after the prompt's end."""
    caller = await phones(SILENT)
    call = await answered(app, caller)
    play = await app.play(call, text="Well?", **ASKING, start_timeout=1.5)
    await caller.hears("music")
    await caller.hears()
    quiet = asyncio.get_running_loop().time()
    event = await outcome(app, play)
    assert (event["state"], event["result"]["reason"]) == ("timeout", "InitialSilenceTimeout")
    assert 1.0 < asyncio.get_running_loop().time() - quiet < 2.5
    await over(app, call)


async def test_digits_are_first(app: Api, phones: Phones) -> None:
    """Keys and speech are both wanted: the keys come first and are the outcome."""
    caller = await phones(SILENT)
    call = await answered(app, caller)
    play = await app.play(call, text="Say or press.", **ASKING, dtmf=True)
    await caller.hears("music")
    await caller.press("4")
    caller.say(spoken(PHRASE))
    await caller.press("2#")
    event = await outcome(app, play)
    assert (event["playstate"], event["digit"]) == ("digitcollected", "42")
    await over(app, call)


async def test_speech_is_first(app: Api, phones: Phones) -> None:
    """Both are wanted and the caller speaks: a phrase, and no menutimeout."""
    caller = await phones(SILENT)
    call = await answered(app, caller)
    play = await app.play(call, text="Say or press.", **ASKING, dtmf=True)
    await caller.hears("music")
    await caller.hears()
    caller.say(spoken(PHRASE))
    assert (await outcome(app, play))["recognized_phrase"] == PHRASE
    await over(app, call)


@pytest.mark.contract("enablex-voice", "speech.event")
async def test_other_words_and_no_hints(app: Api, phones: Phones) -> None:
    """What was not expected is `unrecognized` or some phrase; without hints it is never refused."""
    caller = await phones(SILENT)
    call = await answered(app, caller)
    for hints in (HINTS, []):
        play = await app.play(call, text="Well?", **{**ASKING, "asr_hints": hints})
        await caller.hears("music")
        await caller.hears()
        caller.say(spoken("the weather in Reykjavik is quite something today"))
        event = await outcome(app, play)
        assert event["state"] in ("recognized", "unrecognized")
        assert bool(event["recognized_phrase"]) == (event["state"] == "recognized")
        assert event["recognized_phrase"] in [*HINTS, ""] or not hints
    await over(app, call)


async def test_two_calls_at_once(app: Api, phones: Phones) -> None:
    """Each is understood for itself."""
    one, other = await phones(SILENT), await phones(SILENT)
    calls = [await answered(app, phone) for phone in (one, other)]
    plays = [await app.play(call, text="Yes or no?", **ASKING) for call in calls]
    await other.hears("music")
    await asyncio.gather(one.hears(), other.hears())
    one.say(spoken(PHRASE))
    other.say(spoken("yes"))
    heard = [(await outcome(app, play))["recognized_phrase"] for play in plays]
    assert heard == [PHRASE, "yes"]
    for call in calls:
        await over(app, call)


async def test_caller_leaves_while_speaking(app: Api, phones: Phones) -> None:
    """The prompt has one outcome, `failed`, before the end."""
    caller = await phones(SILENT)
    call = await answered(app, caller)
    await app.play(call, text="Yes or no?", **ASKING)
    await caller.hears("music")
    caller.say(spoken("transfer me to sales and then to somebody else"))
    await asyncio.sleep(1)
    caller.hang_up()
    assert [name for name, _ in await ended(app, call)] == ["failed"]


@pytest.mark.crash
async def test_killed_while_listening(
    app: Api, joining_adapter: tuple[AdapterProcess, WebhookSink], phones: Phones
) -> None:
    """The restarted adapter listens anew: who speaks then is understood, once."""
    caller = await phones(SILENT)
    call = await answered(app, caller)
    play = await app.play(call, text="Yes or no?", **ASKING)
    await caller.hears("music")
    await caller.hears()
    await joining_adapter[0].kill()
    await joining_adapter[0].start()
    await asyncio.sleep(0.5)
    caller.say(spoken(PHRASE))
    assert (await outcome(app, play))["recognized_phrase"] == PHRASE
    await over(app, call)
