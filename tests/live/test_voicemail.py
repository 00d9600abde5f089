"""Voicemail detection with real SIP audio: who greets like a machine, and who does not."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from tests.fakes.webhook_sink import WebhookSink
from tests.live import numbers
from tests.live.adapter_process import AdapterProcess
from tests.live.asterisk import Carrier
from tests.live.audio import loud_seconds, spoken
from tests.live.bridged_calls import PARTY, connect, told
from tests.live.conftest import Api, Phones
from tests.live.telephone import Telephone

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

SILENT = 0  # Hz: telephones that say nothing but words
GREETING = "Nobody can take your call now. Please leave a message after the tone, thank you. "
ON_CONNECT = {
    "play": {"text": "For people.", "language": "en", "voice": "female", "prompt_ref": "people"}
}
VERDICTS = {"voicemail", "connected"}


async def judged(app: Api, to: str, **more: Any) -> str:
    """A call that is judged."""
    return await app.place(to, **{"voicemail_detection": True, **more})


async def verdict(app: Api, call: str) -> str:
    """What the callee is taken for."""

    def found() -> set[str]:
        return VERDICTS & set(app.names(call))

    await app.sink.wait_for(lambda _: bool(found()), timeout=12)
    (name,) = found()
    return name


def greet(phone: Telephone, said: str) -> None:
    """Say something half a second after the answer."""
    phone.say(np.append(np.zeros(4000), spoken(said)))


@pytest.mark.parametrize(
    ("said", "taken_for", "within"),
    [
        pytest.param(GREETING, "voicemail", 3.0, id="long greeting"),
        pytest.param("Hello?", "connected", 3.0, id="hello"),
        pytest.param("", "voicemail", 4.0, id="dead air"),
    ],
)
@pytest.mark.contract("enablex-voice", "dial.event")
async def test_who_answers(
    app: Api, phones: Phones, said: str, taken_for: str, within: float
) -> None:
    """A long greeting or dead air is a machine, a short hello a person; action only for people."""
    phone = await phones(SILENT)
    call = await judged(app, phone.uri, action_on_connect=ON_CONNECT)
    await phone.wait(phone.up)
    begun = asyncio.get_running_loop().time()
    if said:
        greet(phone, said)
    assert await verdict(app, call) == taken_for
    assert asyncio.get_running_loop().time() - begun < within
    expected = ["ringing", taken_for]
    if taken_for == "connected":
        assert (await told(app, call, "playfinished"))["prompt_ref"] == "people"
        expected.append("playfinished")
    else:
        await phone.keeps_hearing(seconds=0.5)
    await app.hang_up(call)
    await told(app, call, "disconnected")
    assert app.names(call) == [*expected, "disconnected"]


async def test_drop_message(app: Api, phones: Phones, carrier: Carrier) -> None:
    """The carrier's machine hears the message that is left, and then the call ends."""
    drop = {
        "text": "This is a message for you. Please call us back when you have the time.",
        "language": "en-US",
        "voice": "female",
        "prompt_ref": "drop",
    }
    call = await judged(
        app,
        numbers.MACHINE,
        voicemail_detection={"drop": drop},
        action_on_connect=ON_CONNECT,
    )
    assert (await told(app, call, "playfinished", seconds=15))["prompt_ref"] == "drop"
    await told(app, call, "disconnected")
    assert app.names(call) == ["ringing", "voicemail", "playfinished", "disconnected"]
    assert loud_seconds(carrier.heard(numbers.MACHINE)) > 2.5


async def test_connect_before_the_verdict(app: Api, phones: Phones) -> None:
    """A machine: whoever was to be connected is told as failed, and rings when asked for again."""
    machine, party = await phones(SILENT), await phones(PARTY)
    call = await judged(app, machine.uri)
    await machine.wait(machine.up)
    greet(machine, GREETING)
    await connect(app, call, party)
    failed = await told(app, call, "bridging_failed", party)
    assert (failed["msg"], failed["sip_code"]) == ("Cancelled", 487)
    await asyncio.sleep(0.5)
    assert not party.rings.is_set()
    assert app.names(call) == ["ringing", "voicemail", "bridging_failed"]
    await connect(app, call, party)
    await told(app, call, "bridged", party)
    await machine.hears(PARTY)
    await app.hang_up(call)
    await told(app, call, "disconnected")
    last = ["bridging", "bridged", "disconnected"]
    assert app.names(call) == ["ringing", "voicemail", "bridging_failed", *last]


async def test_connect_before_the_verdict_of_a_person(app: Api, phones: Phones) -> None:
    """A short hello: the connection that was asked for is made with `connected`."""
    phone, party = await phones(SILENT), await phones(PARTY)
    call = await judged(app, phone.uri)
    await phone.wait(phone.up)
    greet(phone, "Hello?")
    await connect(app, call, party)
    await told(app, call, "bridged", party)
    await phone.hears(PARTY)
    await app.hang_up(call)
    await told(app, call, "disconnected")
    assert app.names(call) == ["ringing", "connected", "bridging", "bridged", "disconnected"]


async def test_nobody_sends_audio(app: Api) -> None:
    """No verdict can be: it counts as a person, after the time for the verdict."""
    call = await judged(app, numbers.ANSWERS, voicemail_detection={"total_time": 2})
    assert await verdict(app, call) == "connected"
    await app.hang_up(call)
    await told(app, call, "disconnected")
    assert app.names(call) == ["connected", "disconnected"]


async def test_hung_up_while_it_is_judged(app: Api, phones: Phones) -> None:
    """Whoever leaves before the verdict: neither `connected` nor `voicemail`."""
    phone = await phones(SILENT)
    call = await judged(app, phone.uri)
    await phone.wait(phone.up)
    await asyncio.sleep(0.5)
    phone.hang_up()
    await told(app, call, "disconnected")
    assert app.names(call) == ["ringing", "disconnected"]


@pytest.mark.crash
async def test_killed_while_it_is_judged(
    app: Api, joining_adapter: tuple[AdapterProcess, WebhookSink], phones: Phones
) -> None:
    """The verdict comes while we are away: it is found out, and told once."""
    phone = await phones(SILENT)
    call = await judged(app, phone.uri)
    await phone.wait(phone.up)
    greet(phone, GREETING)
    await asyncio.sleep(0.5)
    await joining_adapter[0].kill()
    await asyncio.sleep(2)
    await joining_adapter[0].start()
    assert await verdict(app, call) == "voicemail"
    await app.hang_up(call)
    await told(app, call, "disconnected")
    assert app.names(call) == ["ringing", "voicemail", "disconnected"]


@pytest.mark.crash
async def test_back_before_the_verdict(
    app: Api, joining_adapter: tuple[AdapterProcess, WebhookSink], phones: Phones
) -> None:
    """The detection still runs when we are back: it is not begun anew, and its verdict is heard."""
    slowly = {"initial_silence": 6, "total_time": 9}
    phone = await phones(SILENT)
    call = await judged(app, phone.uri, voicemail_detection=slowly)
    await phone.wait(phone.up)
    begun = asyncio.get_running_loop().time()
    await asyncio.sleep(0.5)
    await joining_adapter[0].kill()
    await joining_adapter[0].start()
    assert await verdict(app, call) == "voicemail"
    assert 5.5 < asyncio.get_running_loop().time() - begun < 7
    await app.hang_up(call)
    await told(app, call, "disconnected")
    assert app.names(call) == ["ringing", "voicemail", "disconnected"]
