"""The Mediaservice contract with real calls: an application is asked, its answers are heard."""

from __future__ import annotations

import asyncio

import pytest

from adapter.media import wav
from tests.live import numbers
from tests.live.adapter_process import AdapterProcess
from tests.live.asterisk import Carrier
from tests.live.audio import loud_seconds
from tests.live.conftest import Eventually
from tests.live.ivr_application import IvrApplication
from tests.live.mediaservice_calls import CALLER, NUMBER, request, say

pytestmark = pytest.mark.live


async def test_spoken_menu_with_digits(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """newCall, a menu, its digits, an answer that is heard, hang-up, sessionCompleted."""
    ivr.commands = [
        say(
            "Please enter your number, then press pound. " * 3,
            bargeIn="all",
            dtmf={"flush": True, "terminationKey": "#", "maxDigits": 8},
            sessionReferenceId={"visit": 1},
        ),
        say("Thank you very much for this number.", hangup=True),
    ]
    channel = carrier.call(to=NUMBER, from_=CALLER, behave="wait:2,press:42#,wait:20")
    asked = await ivr.wait_for("newCall")
    assert (asked["callingParty"], asked["calledParty"]) == (CALLER, NUMBER)
    assert isinstance(asked["sipCallId"], str)
    second = await ivr.wait_for("getIvrCommand", 2)
    assert second["dtmfParams"] == {
        "dtmfMatch": "42",
        "reason": "terminationKey",
        "matchedTerminationKey": "#",
    }
    assert second["sessionReferenceId"] == {"visit": 1}
    completed = await ivr.wait_for("sessionCompleted")
    assert completed["sessionId"] == asked["sessionId"]
    assert completed["sessionDuration"] > 3
    names = [name for name, _ in ivr.told]
    assert names == ["newCall", "getIvrCommand", "getIvrCommand", *names[3:]]
    assert names.count("sessionCompleted") == 1
    assert names[-1] == "sessionCompleted"
    assert loud_seconds(carrier.heard(NUMBER, channel)) > 2


@pytest.mark.parametrize(("code", "status"), [("busy", "486"), ("numberNotFound", "404")])
async def test_dropped_call(
    server: AdapterProcess,
    carrier: Carrier,
    ivr: IvrApplication,
    eventually: Eventually,
    code: str,
    status: str,
) -> None:
    """`drop` turns the caller away with the SIP answer of its code."""
    ivr.new_call = {"action": "drop", "dropCode": code}
    carrier.cli("pjsip set logger on")
    carrier.call(to=NUMBER, from_=CALLER, behave="wait:5")
    await ivr.wait_for("sessionCompleted")
    log = carrier.dir / "log" / "console.log"
    await eventually(lambda: f"SIP/2.0 {status}" in log.read_text(errors="replace"), 5)
    carrier.cli("pjsip set logger off")
    assert ivr.bodies("getIvrCommand") == []


async def test_no_answer_of_the_application(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """An answer without an action: the documented alarm, and a defined end."""
    ivr.new_call = {}
    carrier.call(to=NUMBER, from_=CALLER, behave="wait:5")
    alarm = await ivr.wait_for("alarm")
    assert alarm["type"] == "newCallEventError"
    assert alarm["error"] in ("newCall response empty", "newCall response without action")
    await ivr.wait_for("sessionCompleted")


async def test_prompt_files_background_and_digits_ahead(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """A file of the domain is heard, the background in the pause; keys ahead of the menu count."""
    tone = wav.write(b"".join((8000 if i % 8 < 4 else -8000).to_bytes(2, "little", signed=True)
                              for i in range(8000)))  # fmt: skip
    assert (await request(server, "promptfile/tone.wav", tone))[0] == 200
    ivr.commands = [
        {
            "phrases": [{"format": "file", "fileName": "tone"}],
            "backgroundPrompt": {"fileName": "tone.wav", "repeatPause": 0.5},
            "getIVRCommandAfter": 4,
        },
        say("Your number please.", dtmf={"maxDigits": 2, "flush": False}),
        {"backgroundPrompt": {"stop": True}, "hangup": True},
    ]
    channel = carrier.call(to=NUMBER, from_=CALLER, behave="wait:3,press:78,wait:20")
    third = await ivr.wait_for("getIvrCommand", 3, 20)
    assert third["dtmfParams"]["dtmfMatch"] == "78"
    assert third["dtmfBuffer"] == "78"
    await ivr.wait_for("sessionCompleted")
    assert loud_seconds(carrier.heard(NUMBER, channel)) > 2.5


async def test_placed_call(server: AdapterProcess, ivr: IvrApplication) -> None:
    """placeivrcall: ringing is notified, the answer too, then the application is asked."""
    ivr.commands = [say("This is a call from the server. " * 5)]
    status, reply = await request(
        server,
        "placeivrcall",
        {
            "destAddr": numbers.RINGS_THEN_ANSWERS,
            "sipFrom": "15551009",
            "sessionReferenceId": {"order": 5},
            "xHeaders": {"X-Order": ["5", "6"]},
        },
    )
    assert (status, reply["success"]) == (200, True)
    ringing = await ivr.wait_for("callNotify")
    assert ringing["event"] == "ringing"
    answered = await ivr.wait_for("callAnswered")
    assert answered["sessionReferenceId"] == {"order": 5}
    asked = await ivr.wait_for("getIvrCommand")
    status, reply = await request(
        server,
        "hangupparticipant",
        {"sessionId": asked["sessionId"], "participantId": answered["calleeParticipantId"]},
    )
    assert (status, reply["success"]) == (200, True), reply
    await ivr.wait_for("sessionCompleted")


async def test_placed_call_fails(server: AdapterProcess, ivr: IvrApplication) -> None:
    """A busy destination is a callEvent with its SIP status; a forbidden one is not dialled."""
    assert (await request(server, "placeivrcall", {"destAddr": numbers.BUSY}))[0] == 200
    event = await ivr.wait_for("callEvent")
    assert (event["event"], event["sipResponseCode"]) == ("calledPartyFailure", 486)
    await ivr.wait_for("sessionCompleted")
    status, reply = await request(server, "placeivrcall", {"destAddr": "sip:x@198.51.100.7"})
    assert status in (400, 401, 404)
    assert reply["success"] is False


@pytest.mark.crash
async def test_killed_while_a_question_is_open(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """kill -9 between question and answer: it is asked again, and the call goes on."""
    ivr.slow = 3.0
    ivr.commands = [say("lost"), say("Hello again.", hangup=True)]
    carrier.call(to=NUMBER, from_=CALLER, behave="wait:40")
    await ivr.wait_for("getIvrCommand")
    await server.kill()
    ivr.slow = 0.0
    await server.start()
    await ivr.wait_for("getIvrCommand", 2)
    await ivr.wait_for("sessionCompleted", seconds=20)
    assert len(ivr.bodies("sessionCompleted")) == 1


@pytest.mark.crash
async def test_killed_while_a_phrase_plays_and_digits_are_collected(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """Keys before and after two kills make one match."""
    dtmf = {"terminationKey": "#", "betweenTimeout": 20, "firstTimeout": 20, "flush": True}
    ivr.commands = [say("Please enter your number now. " * 2, dtmf=dtmf), {"hangup": True}]
    carrier.call(to=NUMBER, from_=CALLER, behave="wait:6,press:1,wait:6,press:2#,wait:20")
    await ivr.wait_for("getIvrCommand")
    await asyncio.sleep(1)
    await server.kill()
    await server.start()
    await asyncio.sleep(5)
    await server.kill()
    await server.start()
    second = await ivr.wait_for("getIvrCommand", 2, 20)
    assert second["dtmfParams"]["dtmfMatch"] == "12"
    await ivr.wait_for("sessionCompleted")
    assert len(ivr.bodies("sessionCompleted")) == 1


@pytest.mark.crash
async def test_application_is_down_for_a_minute(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """A question that nobody hears ends the call; what is to be told is told afterwards, once."""
    ivr.commands = [say("Hello. ", getIVRCommandAfter=1)]
    carrier.call(to=NUMBER, from_=CALLER, behave="wait:90")
    await ivr.wait_for("getIvrCommand")
    await ivr.down()
    await asyncio.sleep(60)
    await ivr.up()
    completed = await ivr.wait_for("sessionCompleted", seconds=30)
    assert completed["sessionId"] == ivr.bodies("newCall")[0]["sessionId"]
    alarm = await ivr.wait_for("alarm")
    assert alarm["type"] == "ivrCommandError"
    assert len(ivr.bodies("sessionCompleted")) == 1
