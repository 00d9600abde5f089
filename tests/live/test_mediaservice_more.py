"""More of the Mediaservice slice with real calls: other phrases, interruption, headers, limits."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from adapter.media import wav
from tests.live import numbers
from tests.live.adapter_process import AdapterProcess
from tests.live.asterisk import Carrier
from tests.live.audio import loud_seconds
from tests.live.ivr_application import IvrApplication
from tests.live.mediaservice_calls import CALLER, NUMBER, bearer, request, say

pytestmark = pytest.mark.live

TONE = wav.write(
    b"".join((8000 if i % 8 < 4 else -8000).to_bytes(2, "little", signed=True) for i in range(8000))
)


async def test_google_and_url_phrases_are_heard(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """One command of two phrases: speech by Google's parameters, and a file that is fetched."""
    google = {"input": {"text": "One moment please."}, "voice": {"languageCode": "en-GB"}}
    ivr.file = TONE
    ivr.commands = [
        {
            "phrases": [
                {"format": "googletts", "googleTTSParameters": google},
                {"format": "url", "url": f"http://127.0.0.1:{ivr.port}/tone.wav"},
            ],
            "hangup": True,
        }
    ]
    channel = carrier.call(to=NUMBER, from_=CALLER, behave="wait:20")
    await ivr.wait_for("sessionCompleted")
    assert loud_seconds(carrier.heard(NUMBER, channel)) > 1.6
    assert ivr.bodies("alarm") == []


async def test_command_is_interrupted(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """interruptivrcommand stops the phrase and asks at once."""
    ivr.commands = [say("This goes on and on. " * 30), {"hangup": True}]
    carrier.call(to=NUMBER, from_=CALLER, behave="wait:40")
    first = await ivr.wait_for("getIvrCommand")
    await asyncio.sleep(1.5)
    body = {"sessionId": first["sessionId"], "replyId": first["replyId"]}
    status, reply = await request(server, "interruptivrcommand", body)
    assert (status, reply) == (200, {"success": True})
    await ivr.wait_for("getIvrCommand", 2, 3)
    await ivr.wait_for("sessionCompleted")


async def test_digits_are_hashed(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """In md5 mode the application gets hex md5 of salt and digits, and the log has no digits."""
    secret = {"type": "md5", "salt": "pepper"}
    ivr.commands = [
        say("Your secret please.", dtmf={"maxDigits": 4, "flush": True, "encryption": secret}),
        {"hangup": True},
    ]
    carrier.call(to=NUMBER, from_=CALLER, behave="wait:3,press:9876,wait:20")
    second = await ivr.wait_for("getIvrCommand", 2)
    hashed = hashlib.md5(b"pepper9876", usedforsecurity=False).hexdigest()
    assert second["dtmfParams"]["dtmfMatch"] == hashed
    await ivr.wait_for("sessionCompleted")
    assert "9876" not in server.log()


async def test_placed_call_on_the_wire(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """Caller id, display name, diversion and headers arrive; maxRingTime ends the attempt."""
    carrier.cli("pjsip set logger on")
    body = {
        "destAddr": numbers.RINGS_OUT,
        "sipFrom": "15551009",
        "displayName": "The Shop",
        "sipDiversion": "15550001",
        "xHeaders": {"X-Order": ["5", "6"]},
        "pHeaders": {"P-Charge": "yes"},
        "maxRingTime": 2,
    }
    status, reply = await request(server, "placeivrcall", body)
    assert (status, reply["success"]) == (200, True), reply
    event = await ivr.wait_for("callEvent", seconds=10)
    assert event["event"] == "calledPartyFailure"
    log = (carrier.dir / "log" / "console.log").read_text(errors="replace")
    carrier.cli("pjsip set logger off")
    invite = log[log.rindex(f"INVITE sip:{numbers.RINGS_OUT}") :].split("\n\n")[0]
    for part in ('"The Shop"', "15551009", "X-Order: 5", "X-Order: 6", "P-Charge: yes"):
        assert part in invite
    assert "Diversion: " in invite
    assert "15550001" in invite


async def test_private_call_hides_its_number(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """With callerPrivacy the far end's user sees no number."""
    carrier.cli("pjsip set logger on")
    body = {"destAddr": numbers.BUSY, "sipFrom": "15551009", "callerPrivacy": True}
    assert (await request(server, "placeivrcall", body))[0] == 200
    await ivr.wait_for("sessionCompleted")
    log = (carrier.dir / "log" / "console.log").read_text(errors="replace")
    carrier.cli("pjsip set logger off")
    invite = log[log.rindex(f"INVITE sip:{numbers.BUSY}") :].split("\n\n")[0]
    sender = next(line for line in invite.splitlines() if line.startswith("From:"))
    assert "15551009" not in sender
    assert "nonymous" in sender


async def test_fallback_is_asked_when_the_first_is_away(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """The base URL gives no answer: the fallback takes the call."""
    provision = (server.folder / "domain.toml").read_text()
    away = ivr.url.replace("/app", "/away")
    moved = provision.replace(
        f'callback_url = "{ivr.url}"', f'callback_url = "{away}"\nfallback_url = "{ivr.url}"'
    )
    (server.folder / "fallback.toml").write_text(moved)
    await server.cli("apply", "fallback.toml")
    await asyncio.sleep(1.5)
    ivr.commands = [{"hangup": True}]
    carrier.call(to=NUMBER, from_=CALLER, behave="wait:10")
    assert (await ivr.wait_for("newCall"))["callingParty"] == CALLER
    await ivr.wait_for("getIvrCommand")


async def test_a_key_stops_one_phrase(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """bargeIn current: the phrase that plays is cut, the next one is heard whole."""
    long = {"Text": "This goes on and on. " * 20, "VoiceId": "Joanna", "LanguageCode": "en-US"}
    assert (await request(server, "promptfile/tone.wav", TONE))[0] == 200
    ivr.commands = [
        {
            "phrases": [
                {"format": "awstts", "awsTTSParameters": long},
                {"format": "file", "fileName": "tone.wav"},
            ],
            "bargeIn": "current",
            "dtmf": {"maxDigits": 1, "flush": True},
        },
        {"hangup": True},
    ]
    carrier.call(to=NUMBER, from_=CALLER, behave="wait:3,press:5,wait:40")
    await ivr.wait_for("getIvrCommand")
    begun = asyncio.get_running_loop().time()
    second = await ivr.wait_for("getIvrCommand", 2, 20)
    assert second["dtmfParams"]["dtmfMatch"] == "5"
    assert 2.5 < asyncio.get_running_loop().time() - begun < 9


async def test_nobody_presses_a_key(
    server: AdapterProcess, carrier: Carrier, ivr: IvrApplication
) -> None:
    """firstTimeout counts from the end of the phrase, and is the reason that is given."""
    ivr.commands = [say("A key.", dtmf={"maxDigits": 1, "firstTimeout": 1}), {"hangup": True}]
    carrier.call(to=NUMBER, from_=CALLER, behave="wait:20")
    second = await ivr.wait_for("getIvrCommand", 2)
    assert second["dtmfParams"]["reason"] == "firstTimeout"


async def test_only_the_domains_own_token_opens_its_api(
    server: AdapterProcess, ivr: IvrApplication
) -> None:
    """A JWT of the application's key places a call; an expired one, or none, is 401."""
    body = {"destAddr": numbers.BUSY}
    assert (await request(server, "placeivrcall", body, bearer(server, -60)))[0] == 401
    assert (await request(server, "placeivrcall", body, "Bearer junk"))[0] == 401
    assert ivr.told == []
    assert (await request(server, "placeivrcall", body, bearer(server)))[0] == 200
    await ivr.wait_for("sessionCompleted")
