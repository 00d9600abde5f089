"""Numbers that several apps share: the PIN says whose a call is (enablex.md, "Inbound"); and what
else a number says by default."""

from __future__ import annotations

from typing import Any

import pytest

from adapter.contracts.enablex.guesses import MOST
from adapter.contracts.enablex.inbound import ASK, ASK_AGAIN, GOODBYE
from adapter.core.model import Call, CallState
from tests.contract.stack import APP, KEY, OTHER_APP, OTHER_KEY, Stack, eventually
from tests.contract.test_operations import samples, total
from tests.contract.wording import UUID, matches, refused
from tests.fakes.ari_model import HUMAN, MACHINE, Callee

SHARED = "15551099"
CALLER = "+15557777"
NUMBERS = f"""
[[number]]
number = "{SHARED}"
pin = "0471"
app = "{APP}"
trunk = "carrier"
[[number]]
number = "{SHARED}"
pin = "9"
app = "{OTHER_APP}"
trunk = "carrier"
greeting = "default"
"""


async def caller(stack: Stack, number: str = SHARED) -> str:
    """Somebody calls the shared number and hears the question; his channel."""
    before = stack.ari.count("play")
    channel = stack.ari.inbound(number, caller=CALLER)
    await stack.ari.wait_for(lambda: stack.ari.count("play") > before)
    return channel


async def asked(stack: Stack, numbers: str = NUMBERS) -> str:
    """The same, with the shared number declared."""
    stack.provision(numbers)
    return await caller(stack)


def row(stack: Stack, channel: str) -> Call:
    """The call of a channel that is nobody's yet."""
    engine = stack.adapter._engine
    return next(call for call in engine.live.values() if call.channel == channel)


def spoken(stack: Stack) -> list[str]:
    """What was made into speech: each text once."""
    return [request.text for request in stack.speech.asked]


def press(stack: Stack, channel: str, keys: str) -> None:
    for key in keys:
        stack.ari.digit(channel, key)


async def named(stack: Stack, pin: str, numbers: str = NUMBERS) -> str:
    """A call whose caller has named a PIN that is right; its id."""
    channel = await asked(stack, numbers)
    call = row(stack, channel).id
    press(stack, channel, f"{pin}#")
    await stack.event(call, "incomingcall")
    return call


async def wrong(stack: Stack, channel: str, pin: str) -> None:
    """A PIN that is nobody's, and what is said of it."""
    played = stack.ari.count("play")
    press(stack, channel, f"{pin}#")
    await stack.ari.wait_for(lambda: stack.ari.count("play") > played)


@pytest.mark.contract("enablex-voice", "incoming.pin")
async def test_until_the_pin_nobody_knows_of_the_call(stack: Stack) -> None:
    """Answered and asked: no webhook, and no app sees the call or can end it."""
    channel = await asked(stack)
    call = row(stack, channel)
    assert (call.state, call.owner) == (CallState.ADMITTING, "")
    assert (stack.ari.count("answer"), spoken(stack)) == (1, [ASK.text])
    for auth in ((APP, KEY), (OTHER_APP, OTHER_KEY)):
        for method, path in (("GET", ""), ("DELETE", ""), ("PUT", "/accept")):
            refused(await stack.ask(method, f"/call/{call.id}{path}", auth=auth), 404, 404)
    stack.ari.remote_hangup(channel)
    await eventually(lambda: call.id not in stack.adapter._engine.live)
    await stack.quiet()
    assert stack.names(call.id) == []


@pytest.mark.contract("enablex-voice", "incoming.pin", "incoming.event")
async def test_ringback_until_accept(stack: Stack) -> None:
    """Without a greeting: incomingcall, ringback on the answered channel, accept, connected."""
    call = await named(stack, "0471")
    incoming = await stack.event(call, "incomingcall")
    matches(
        incoming,
        voice_id=UUID,
        state="incomingcall",
        from_=CALLER,
        to=SHARED,
        channel_id=str,
    )
    await stack.ari.wait_for(lambda: stack.ari.count("ring") == 1)
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "In progress"
    refused(await stack.say(call), 409, 409, voice_id=call, from_=CALLER, to=SHARED, timeStamp=str)
    reply = await stack.ask("PUT", f"/call/{call}/accept")
    matches(reply.body, voice_id=call, status="success", from_=CALLER, to=SHARED)
    await stack.event(call, "connected")
    await stack.ari.wait_for(lambda: stack.ari.count("stop_ringing") == 1)
    await stack.say(call)
    await stack.event(call, "playfinished")
    await stack.ask("PUT", f"/call/{call}/accept")
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call) == ["incomingcall", "connected", "playfinished", "disconnected"]
    assert stack.ari.count("answer") == 1


@pytest.mark.contract("enablex-voice", "incoming.pin", "incoming.greeting")
async def test_greeting_of_the_app_that_has_the_pin(stack: Stack) -> None:
    """With a greeting: incomingcall, connected, greeting, playfinished, for the other app alone."""
    call = await named(stack, "9")
    await stack.event(call, "playfinished")
    assert stack.names(call) == ["incomingcall", "connected", "playfinished"]
    assert stack.ari.count("ring") == 0
    refused(await stack.ask("GET", f"/call/{call}"), 404, 404)
    theirs = (OTHER_APP, OTHER_KEY)
    assert (await stack.ask("GET", f"/call/{call}", auth=theirs))["state"] == "connected"
    assert (await stack.ask("DELETE", f"/call/{call}", auth=theirs)).status == 200
    await stack.over(call)


async def test_reject(stack: Stack) -> None:
    """DELETE while it waits rejects it, as without a PIN; it was never connected."""
    call = await named(stack, "0471")
    await stack.hang_up(call)
    ended = await stack.over(call)
    assert (ended["sip_code"], ended["disconnect_reason"]) == (603, "Call rejected")
    assert (ended["call_duration"], stack.names(call)) == (0.0, ["incomingcall", "disconnected"])


async def test_nobody_accepts(stack: Stack) -> None:
    """After the accept_timeout of the number with this PIN the call is dropped."""
    call = await named(
        stack, "0471", NUMBERS.replace(f'app = "{APP}"', f'app = "{APP}"\naccept_timeout = 1')
    )
    ended = await stack.over(call)
    assert (ended["sip_code"], ended["disconnect_reason"]) == (480, "Not accepted in time")


async def test_caller_gives_up_while_it_rings(stack: Stack) -> None:
    """The app is told that the call it was offered is over."""
    call = await named(stack, "0471")
    stack.ari.remote_hangup(next(iter(stack.ari.channels)))
    assert (await stack.over(call))["sip_code"] == 487


async def test_second_try(stack: Stack) -> None:
    """After a wrong PIN the caller is asked again; then the right one counts."""
    channel = await asked(stack)
    call = row(stack, channel).id
    await wrong(stack, channel, "0472")
    assert spoken(stack) == [ASK.text, ASK_AGAIN.text]
    assert stack.names(call) == []
    press(stack, channel, "0471#")
    await stack.event(call, "incomingcall")


@pytest.mark.contract("enablex-voice", "incoming.pin")
async def test_wrong_three_times(stack: Stack) -> None:
    """Goodbye, then the end; nobody is told, and the metrics have it."""
    channel = await asked(stack)
    call = row(stack, channel).id
    for pin in ("1", "", "04710"):
        await wrong(stack, channel, pin)
    assert spoken(stack) == [ASK.text, ASK_AGAIN.text, GOODBYE.text]
    await eventually(lambda: call not in stack.adapter._engine.live)
    await stack.quiet()
    assert stack.names(call) == []
    found = await samples(stack)
    assert total(found, "ari_voice_admission_codes_total", result="refused") == 2.0


async def test_guessing_is_slowed_down(stack: Stack) -> None:
    """A caller who named too many wrong PINs is refused before the answer; another one is not."""
    stack.provision(NUMBERS)
    for _ in range(MOST // 3):
        channel = await caller(stack)
        for pin in ("1", "2", "3"):
            await wrong(stack, channel, pin)
        await stack.ari.wait_for(lambda: not stack.ari.channels)
    answered = stack.ari.count("answer")
    stack.ari.inbound(SHARED, caller=CALLER)
    await stack.ari.wait_for(lambda: not stack.ari.channels)
    assert stack.ari.seen("hangup")[-1].query["reason"] == "rejected"
    assert stack.ari.count("answer") == answered
    stack.ari.inbound(SHARED, caller="+15558888")
    await stack.ari.wait_for(lambda: stack.ari.count("answer") == answered + 1)


def suspended(stack: Stack) -> bool:
    """Whether the adapter knows it."""
    app = stack.adapter._directory.app(APP)
    return app is not None and app.suspended


async def test_suspended_app(stack: Stack) -> None:
    """The right PIN of an app that takes no calls: goodbye at once, nobody is told."""
    stack.provision(NUMBERS)
    assert stack.command("app", "suspend", APP)[0] == 0
    await eventually(lambda: suspended(stack))
    channel = await caller(stack)
    await wrong(stack, channel, "0471")
    assert spoken(stack) == [ASK.text, GOODBYE.text]


async def test_stored_prompt_asks(stack: Stack) -> None:
    """A prompt of the app takes the place of the shipped one."""
    stack.provision(NUMBERS.replace('pin = "9"', 'pin = "9"\npin_prompt = "secret"'))
    await caller(stack)
    assert spoken(stack) == []
    assert "/media/prompts/" in str(stack.ari.seen("play")[0].body)


@pytest.mark.parametrize("state", ["asked", "waiting"])
async def test_killed(stack: Stack, state: str) -> None:
    """Question and ringback go on after `kill -9` and a start; incomingcall comes once."""
    channel = await asked(stack)
    call = row(stack, channel).id
    if state == "waiting":
        press(stack, channel, "0471#")
        await stack.event(call, "incomingcall")
    await stack.kill()
    await stack.start()
    if state == "asked":
        press(stack, channel, "0471#")
        await stack.event(call, "incomingcall")
    await stack.ask("PUT", f"/call/{call}/accept")
    await stack.event(call, "connected")
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call) == ["incomingcall", "connected", "disconnected"]


async def test_why_and_replay(stack: Stack) -> None:
    """The story of a call does not have the PIN; its journal leads to the row."""
    call = await named(stack, "0471")
    await stack.hang_up(call)
    await stack.over(call)
    status, story = stack.command("why", call)
    assert status == 0
    for word in ("OfferCall", "DigitPressed", "Admitted", "admitting/", "waiting", "Admit"):
        assert word in story, word
    assert "0471" not in story
    assert stack.command("replay", call) == (0, "the journal leads to the row\n")


async def test_shared_caller_id(stack: Stack) -> None:
    """Each app that shares the number may call under it, by the settings of its own; no other."""
    others = f'app = "{OTHER_APP}"'
    stack.provision(NUMBERS.replace(others, f"{others}\noutbound = false"))
    assert (await stack.place(**{"from": f"+{SHARED}"})).status == 200
    body = {"from": SHARED, "to": "+15550000"}
    reply = await stack.ask("POST", "/call", body, auth=(OTHER_APP, OTHER_KEY))
    assert (reply.status, reply["result"]) == (404, "6110")


DETECTING = f"""
[[number]]
number = "15551098"
app = "{APP}"
trunk = "carrier"
voicemail_detection = true
"""


@pytest.mark.parametrize(
    ("said", "event"),
    [({}, "voicemail"), ({"voicemail_detection": False}, "connected")],
)
async def test_voicemail_detection_of_the_number(
    stack: Stack, said: dict[str, Any], event: str
) -> None:
    """The number's calls look for an answering machine, unless the request says no."""
    stack.provision(DETECTING)
    stack.ari.callee("+15559010", Callee(amd=MACHINE))
    call = (await stack.place(**{"from": "15551098", "to": "+15559010", **said}))["voice_id"]
    await stack.event(call, event)
    stack.ari.callee("+15559011", Callee(amd=HUMAN))
    human = (await stack.place(**{"from": "15551098", "to": "+15559011"}))["voice_id"]
    await stack.event(human, "connected")
