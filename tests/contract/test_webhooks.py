"""Webhooks on the wire: signature, encryption, order, retries (enablex.md, "Webhooks")."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from typing import Any

import pytest

from tests.contract.stack import APP, KEY, SECRET, Stack
from tests.fakes.webhook_sink import DROP, Received, Reply

SEALED_APP, SEALED_KEY = "sealed-app", "key-of-the-sealed-app-03"
SEALED = """
[[app]]
id = "sealed-app"
key = "key-of-the-sealed-app-03"
event_url = "{hook}"
webhook_secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
webhook_encryption = %s
webhook_encryption_format = "%s"
allowed_destinations = ["*"]
[[number]]
number = "15553000"
app = "sealed-app"
trunk = "carrier"
"""


async def one_call(stack: Stack) -> str:
    """A call with a prompt, from its order to its end."""
    call = await stack.connected()
    await stack.say(call)
    await stack.event(call, "playfinished")
    await stack.hang_up(call)
    await stack.over(call)
    return call


async def test_every_webhook_is_signed(stack: Stack) -> None:
    """The standardwebhooks package verifies all; the ids are unique, the type is JSON."""
    await one_call(stack)
    stack.sink.verify(SECRET)
    assert len(set(stack.sink.ids)) == len(stack.sink.ids)
    assert {r.headers["Content-Type"] for r in stack.sink.received} == {"application/json"}
    assert not any("x-algoritm" in r.headers for r in stack.sink.received)


def openssl(received: Received, algorithm: str) -> Any:
    """Decrypt as the vendor's clients do: OpenSSL derives key and IV from the app id."""
    text = received.json["encrypted_data"]
    raw = bytes.fromhex(text) if received.headers["x-format"] == "hex" else base64.b64decode(text)
    command = ("openssl", "enc", "-d", f"-{algorithm}", "-md", "md5", "-nosalt")
    done = subprocess.run(
        (*command, "-pass", f"pass:{SEALED_APP}"), input=raw, capture_output=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("encoding", ["base64", "hex"])
@pytest.mark.parametrize(
    ("setting", "algorithm"),
    [
        ("true", "aes-128-cbc"),
        ('"aes-128-cbc"', "aes-128-cbc"),
        ('"aes-192-cbc"', "aes-192-cbc"),
        ('"aes-256-cbc"', "aes-256-cbc"),
    ],
)
async def test_encrypted(stack: Stack, setting: str, algorithm: str, encoding: str) -> None:
    """The openssl program decrypts every webhook; headers say how; the signature is there too."""
    stack.provision(SEALED % (setting, encoding))
    body = {"from": "15553000", "to": "+15550000", "owner_ref": "žlutý"}
    placed = await stack.ask("POST", "/call", body, auth=(SEALED_APP, SEALED_KEY))
    call = placed["voice_id"]
    await stack.sink.wait_for(2)
    await stack.ask("DELETE", f"/call/{call}", auth=(SEALED_APP, SEALED_KEY))
    received = await stack.sink.wait_for(3)
    for one in received:
        assert set(one.json) == {"encrypted_data"}
        assert one.headers["x-algoritm"] == one.headers["x-algorithm"] == algorithm
        assert (one.headers["x-format"], one.headers["x-encoding"]) == (encoding, "utf8")
    events = [openssl(one, algorithm) for one in received]
    assert [event["state"] for event in events] == ["ringing", "connected", "disconnected"]
    assert {(event["voice_id"], event["owner_ref"]) for event in events} == {(call, "žlutý")}
    stack.sink.verify(SECRET)


async def test_retried_until_acknowledged(stack: Stack) -> None:
    """Failures of every kind are tried again under the same id; nothing overtakes."""
    stack.sink.script(500, DROP, Reply(404), Reply(302, headers={"Location": "/elsewhere"}), 204)
    call = await one_call(stack)
    of_call = [r for r in stack.sink.received if r.json["voice_id"] == call]
    assert [r.json["state"] for r in of_call[:6]] == ["ringing"] * 5 + ["connected"]
    assert len({r.id for r in of_call[:5]}) == 1
    assert {r.path for r in of_call} == {"/hook"}
    stack.sink.verify(SECRET)


async def test_slow_customer_of_one_call(stack: Stack) -> None:
    """An application that does not answer for one call holds up neither the API nor others."""
    stuck = await stack.place()
    stack.sink.decide = lambda r: Reply(hang=r.json["voice_id"] == stuck["voice_id"])
    await one_call(stack)
    assert (await stack.hang_up(stuck["voice_id"])).status == 200
    stack.sink.decide = None
    stack.sink.resume()
    await stack.over(stuck["voice_id"])
    assert stack.names(stuck["voice_id"]) == ["ringing", "connected", "disconnected"]


async def test_application_away(stack: Stack) -> None:
    """What happens while the application is away is delivered afterwards, in order, once."""
    await stack.sink.down()
    calls = [(await stack.place())["voice_id"] for _ in range(5)]
    for call in calls:
        await stack.answered(call)
        await stack.hang_up(call)
    await stack.ari.wait_for(lambda: not stack.ari.channels)
    await stack.sink.up()
    for call in calls:
        await stack.over(call)
        assert stack.names(call) == ["ringing", "connected", "disconnected"]
    assert len(set(stack.sink.ids)) == len(stack.sink.ids)


async def test_call_without_any_url(stack: Stack) -> None:
    """An app without event_url gets no webhooks, and its calls work."""
    stack.provision(
        f'[[app]]\nid = "{APP}"\nkey = "{KEY}"\nallowed_destinations = ["*"]\n'
        f'webhook_secret = "{SECRET}"\n'
    )
    call = (await stack.place())["voice_id"]
    await stack.answered(call)
    await stack.hang_up(call)
    await stack.quiet()
    assert not stack.told(call)
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "disconnected"


async def test_webhook_in_the_order_of_the_call(stack: Stack) -> None:
    """Thirty calls at once: each gets its events in order, exactly one disconnected, last."""

    async def one() -> str:
        call: str = (await stack.place())["voice_id"]
        await stack.event(call, "connected")
        await stack.say(call, prompt_ref=1)
        await stack.hang_up(call)
        await stack.event(call, "disconnected")
        return call

    calls = await asyncio.gather(*(one() for _ in range(30)))
    await stack.quiet()
    for call in calls:
        names = stack.names(call)
        assert names[:2] == ["ringing", "connected"]
        assert names[2] in ("playfinished", "failed")
        assert names[3:] == ["disconnected"]
