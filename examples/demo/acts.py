"""The three calls of the demonstration, and what must have happened for it to be a success."""

from __future__ import annotations

import aiohttp

from examples.demo.errors import DemoFailed
from examples.demo.hearing import measure
from examples.demo.server import DOMAIN_NUMBER, NUMBER
from examples.demo.stage import Stage
from examples.demo.telling import Teller

CALLEE = "+15553061"
"""A number of the carrier's (docs/carrier.md): answers, waits 6 seconds, presses 1."""
CALLER = "+15557770001"
BEHAVIOUR = "wait:4,press:2"
LEAST_SOUND = 4.0
"""Seconds. The menu and each of the answers together take more."""


async def play(stage: Stage, teller: Teller) -> None:
    """Make all calls and prove them. Raises DemoFailed."""
    teller.heading(f"1. An outbound call: {CALLEE} answers, hears the menu and presses 1")
    outbound = await place(stage, teller)
    await ended(stage, outbound, digit="1", first=["connected"])
    teller.heading(f"2. An inbound call: the carrier calls {NUMBER} and presses 2 in the menu")
    await stage.carrier.call(to=NUMBER, caller=CALLER, behave=BEHAVIOUR)
    inbound = (await stage.webhooks.wait_for(state="incomingcall"))["voice_id"]
    await ended(stage, inbound, digit="2", first=["incomingcall", "connected"])
    teller.heading(
        f"3. The other contract: the carrier calls {DOMAIN_NUMBER} and presses 2; "
        "the application is asked, and answers"
    )
    await stage.carrier.call(to=DOMAIN_NUMBER, caller=CALLER, behave=BEHAVIOUR)
    session = await asked(stage, digit="2")
    for title, call in (("outbound", outbound), ("inbound", inbound), ("domain's", session)):
        teller.heading(f"ari-voice why {call}  (the {title} call)")
        teller.quote(await stage.server.command("why", call))
    teller.heading("What the far end heard, from the carrier's own recordings")
    await hearing(stage, teller, CALLEE)
    await hearing(stage, teller, NUMBER)
    await hearing(stage, teller, DOMAIN_NUMBER)


async def place(stage: Stage, teller: Teller) -> str:
    """`POST /call`; returns the voice_id."""
    account = stage.account
    headers = {"Authorization": aiohttp.encode_basic_auth(account.app_id, account.app_key)}
    body = {"from": NUMBER, "to": CALLEE}
    async with (
        aiohttp.ClientSession(stage.server.base_url, headers=headers) as api,
        api.post("/voice/v1/call", json=body) as answer,
    ):
        reply = await answer.json()
        teller.request("POST", "/voice/v1/call", body, answer.status)
    if answer.status != 200:
        raise DemoFailed(f"POST /call was answered with {answer.status}: {reply}")
    return str(reply["voice_id"])


async def ended(stage: Stage, call: str, *, digit: str, first: list[str]) -> None:
    """Wait for the end of a call; it must have gone as the example application has it."""
    last = await stage.webhooks.wait_for(voice_id=call, state="disconnected")
    events = stage.webhooks.of(call)
    names = [event.get("state") or event["playstate"] for event in events]
    if names != [*first, "digitcollected", "playfinished", "disconnected"]:
        raise DemoFailed(f"these are not the events of this call: {', '.join(names)}")
    pressed = next(event["digit"] for event in events if "digit" in event)
    if pressed != digit:
        raise DemoFailed(f"{digit!r} was pressed, and {pressed!r} arrived")
    if last["sip_code"] != 200:
        raise DemoFailed(f"the call ended with {last['disconnect_reason']}")


async def asked(stage: Stage, *, digit: str) -> str:
    """Wait for the end of the session; returns its id. It must have gone as the example has it."""
    over = await stage.questions.wait_for("sessionCompleted")
    received = stage.questions.received
    names = [question.name for question in received]
    if names != ["newCall", "getIvrCommand", "getIvrCommand", "sessionCompleted"]:
        raise DemoFailed(f"these are not the questions of this call: {', '.join(names)}")
    pressed = received[2].asked.get("dtmfParams", {}).get("dtmfMatch")
    if pressed != digit:
        raise DemoFailed(f"{digit!r} was pressed, and {pressed!r} arrived")
    if "reason" in over.asked:
        raise DemoFailed(f"the session ended with {over.asked['reason']}")
    return str(over.asked["sessionId"])


async def hearing(stage: Stage, teller: Teller, number: str) -> None:
    """Measure the recording of the call to this number."""
    recordings = await stage.carrier.heard(number)
    if len(recordings) != 1:
        raise DemoFailed(f"{len(recordings)} recordings for {number} instead of one")
    heard = measure(recordings[0])
    teller.line(f"call to {number}: {heard.sound:.1f} s of sound in {heard.length:.1f} s")
    if heard.sound < LEAST_SOUND:
        raise DemoFailed(f"that is less than {LEAST_SOUND} s: the prompts were not heard whole")
