"""Hostile requests by hand: the documented error, the contract's JSON, and nothing is dialled."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.stack import CALLEE, RINGS, Stack
from tests.contract.wording import matches

GOOD = f'"from": "{RINGS}", "to": "{CALLEE}"'


@pytest.fixture
async def victim(stack: Stack, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Stack]:
    """Afterwards nothing was dialled, nothing raised, and calls still work."""
    yield stack
    assert stack.ari.count("create_channel") == 0
    assert not [record for record in caplog.records if record.exc_info]
    call = await stack.connected()
    await stack.hang_up(call)
    await stack.over(call)


def nested(depth: int, key: str = "owner_ref") -> str:
    return f'{{{GOOD}, "{key}": {"[" * depth}{"]" * depth}}}'


BAD_JSON = {
    "not json": "hello",
    "cut off": '{"from": "1',
    "two objects": f"{{{GOOD}}}{{{GOOD}}}",
    "array": f"[{{{GOOD}}}]",
    "number": "1",
    "null": "null",
    "string": '"call"',
    "single quotes": "{'from': '1'}",
    "trailing comma": f"{{{GOOD},}}",
    "nan": f'{{{GOOD}, "owner_ref": NaN}}',
    "infinity": f'{{{GOOD}, "owner_ref": Infinity}}',
    "huge exponent": f'{{{GOOD}, "owner_ref": 1e999}}',
    "huge integer": f'{{{GOOD}, "owner_ref": {"9" * 5000}}}',
    "lone surrogate": f'{{{GOOD}, "owner_ref": "\\ud800"}}',
    "surrogates the wrong way": f'{{{GOOD}, "owner_ref": "\\udc00\\ud800"}}',
    "raw NUL": f'{{{GOOD}, "owner_ref": "\x00"}}',
    "raw newline in a string": f'{{{GOOD}, "owner_ref": "a\nb"}}',
    "100k brackets": "[" * 100_000,
    "100k nested arrays": nested(100_000),
    "100k nested in a key that is ignored": nested(100_000, "ignored"),
    "100k nested objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "100k nested in play": f'{{{GOOD}, "action_on_connect": {{"play": {"[" * 100_000}',
}


@pytest.mark.parametrize("data", BAD_JSON.values(), ids=BAD_JSON)
async def test_what_is_no_json_of_ours(victim: Stack, data: str) -> None:
    """It is 400, in the contract's JSON, with a short message."""
    reply = await victim.ask("POST", "/call", data=data)
    assert reply.status == 400
    matches(reply.body, status="failed", state="failed", result=400, msg=str)
    assert len(reply["msg"]) < 300


@pytest.mark.parametrize(
    "data", [b"\xff\xfe{}", b'{"from": "\xff"}', b"\x00" * 100, b"\x1f\x8b\x08\x00"]
)
async def test_what_is_no_utf8(victim: Stack, data: bytes) -> None:
    """Bytes that are no text are 400."""
    assert (await victim.ask("POST", "/call", data=data)).status == 400


@pytest.mark.parametrize("size", [(1 << 20) + 1, 3 << 20])
async def test_too_large(victim: Stack, size: int) -> None:
    """More than 1 MiB is 413, wherever in the body it is."""
    for data in (b" " * size, b'{"from": "' + b"1" * size, b"[" * size):
        assert (await victim.ask("POST", "/call", data=data)).status == 413


@pytest.mark.parametrize(
    ("data", "status"), [(gzip.compress(b" " * (20 << 20)), 413), (b"rubbish", 400), (b"", 400)]
)
async def test_compressed(stack: Stack, data: bytes, status: int) -> None:
    """A compressed body that grows, or is none, is refused, and never unpacked whole."""
    headers = {"Content-Encoding": "gzip"}
    reply = await stack.ask("POST", "/call", data=data, headers=headers)
    assert reply.status == status
    assert stack.ari.count("create_channel") == 0


@pytest.mark.parametrize(
    "keys",
    [
        {"from": ["15551000"]},
        {"to": {"a": 1}},
        {"to": 15559001},
        {"to": True},
        {"auto_record": "yes"},
        {"voicemail_detection": 1},
        {"action_on_connect": []},
        {"action_on_connect": {"play": []}},
        {"action_on_connect": {"play": {"text": 5}}},
        {"action_on_connect": {"play": {"text": "a", "voice": {}, "language": "en"}}},
        {"event_url": 5},
        {"event_url": ["http://127.0.0.1/"]},
        {"event_url": "http://" + "a" * 5000},
        {"event_url": "http://127.0.0.1:99999/"},
        {"event_url": "http://[::1"},
        {"event_url": "http://127.0.0.1/\ud83d\ude00 x"},
        {"event_url": "javascript:alert(1)"},
        {"event_url": "file:///etc/passwd"},
        {"from": "1" * 5000},
        {"to": "1" * 5000},
    ],
)
async def test_wrong_types_and_sizes(victim: Stack, keys: dict[str, Any]) -> None:
    """Values of another type, or far too long, are 400."""
    assert (await victim.place(**keys)).status == 400


HOSTILE_TARGETS = [
    "sip:bob@callee.example?Replaces=1%40x",
    "sip:bob@callee.example?Route=%3Csip:evil%3E",
    "sip:bob@callee.example;maddr=evil.example",
    "sip:bob@callee.example\r\nContact: <sip:evil>",
    "sip:bob@callee.example%0d%0aX:1",
    "sip:bob@callee.example#fragment",
    "sip:bob@callee.example,sip:eve@evil.example",
    "sip:bob@callee.example&PJSIP/100",
    "sip:bob@callee.example@evil.example",
    "sip:b(o)b@callee.example",
    "sip:@callee.example",
    "sip:bob@",
    "<sip:bob@callee.example>",
    '"Bob" <sip:bob@callee.example>',
    "+15559001&PJSIP/evil",
    "+15559001@evil",
    "+15559001,30,G(inbound^s^1)",
    "${SHELL(id)}",
    "+1555${EXTEN}",
    "0003*210/evil",
    "+1555\u0660",
    "+1555\u202e9001",
    "+15559001 ",
    "\t+15559001",
    "+15559001\n",
    "\x7f+15559001",
    "",
    "+",
    "-" * 20,
]


@pytest.mark.parametrize("to", HOSTILE_TARGETS)
async def test_dial_string_injection(victim: Stack, to: str) -> None:
    """Nothing of the kind is ever dialled: 400, and the text is not repeated."""
    reply = await victim.place(to=to)
    assert reply.status == 400
    assert not to.strip() or len(to) < 4 or to not in reply["msg"]


@pytest.mark.parametrize("rule", ["+1555", "sip:callee.example"])
async def test_allowed_only_by_the_rules(victim: Stack, rule: str) -> None:
    """Look-alikes of what is allowed are 403, whatever their spelling."""
    targets = {
        "+1555": ["+1556000", "0015559001", "*1555", "#1555"],
        "sip:callee.example": [
            "sip:bob@callee.example.evil.example",
            "sip:bob@xcallee.example",
            "sip:bob@example",
            "sip:callee.example@evil.example",
            "sip:bob@127.0.0.1",
        ],
    }[rule]
    for to in targets:
        assert (await victim.place(to=to)).status == 403, to


DEPTHS = [1, 64, 65, 300, 900, *range(930, 1000, 10)]


@pytest.mark.parametrize("depth", DEPTHS)
async def test_deep_values_that_are_echoed(stack: Stack, depth: int) -> None:
    """Up to 64 levels are echoed whole, also after the end; more are 400."""
    reply = await stack.ask("POST", "/call", data=nested(depth, "owner_ref"))
    assert reply.status == (200 if depth <= 64 else 400)
    if reply.status == 200:
        call = reply["voice_id"]
        event = await stack.event(call, "connected")
        assert json.dumps(event["owner_ref"]) == "[" * depth + "]" * depth
        await stack.hang_up(call)
        await stack.over(call)
        assert (await stack.ask("GET", f"/call/{call}"))["state"] == "disconnected"


@pytest.mark.parametrize("depth", DEPTHS)
async def test_deep_prompt_ref(stack: Stack, depth: int) -> None:
    """The same of prompt_ref, which goes through the prompt and its outcome."""
    call = await stack.connected()
    data = f'{{"prompt_name": "welcome", "prompt_ref": {"[" * depth}{"]" * depth}}}'
    reply = await stack.ask("PUT", f"/call/{call}/play", data=data)
    assert reply.status == (200 if depth <= 64 else 400)
    if reply.status == 200:
        event = await stack.event(call, "playfinished")
        assert json.dumps(event["prompt_ref"]) == "[" * depth + "]" * depth


@pytest.mark.parametrize("name", ["", " ", "\x00", "a\x00b", "../welcome", "x" * 5000, "';--"])
async def test_hostile_prompt_names(stack: Stack, name: str) -> None:
    """A prompt's name is looked up as it is; what is none is 400 or 404."""
    call = await stack.connected()
    assert (await stack.play(call, prompt_name=name)).status in (400, 404)
    assert stack.ari.count("play") == 0


@pytest.mark.parametrize(
    "text",
    ["a\x00b", "\x1b[31m", "\x7f", "-f /etc/passwd", "--stdin", "<speak>&", "`id`", "\u202e"],
)
async def test_hostile_texts(stack: Stack, text: str) -> None:
    """A text is spoken as it is, or refused when it has control characters."""
    call = await stack.connected()
    reply = await stack.say(call, text)
    assert reply.status in (200, 400)
    asked = [request.text for request in stack.speech.asked]
    assert asked == ([text] if reply.status == 200 else [])


async def test_duplicate_keys(stack: Stack) -> None:
    """A key that is given twice cannot get around the checks: what is checked is dialled."""
    data = f'{{"from": "{RINGS}", "to": "{CALLEE}", "to": "+19990000"}}'
    assert (await stack.ask("POST", "/call", data=data)).status == 403
    assert stack.ari.count("create_channel") == 0
