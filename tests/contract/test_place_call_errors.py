"""`POST /call` refused: nothing is written, nothing is dialled, no webhook is sent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.contract.stack import (
    ANOTHERS,
    CALLEE,
    INBOUND_ONLY,
    NO_TRUNK,
    RINGS,
    Stack,
)
from tests.contract.wording import matches, refused

SPOKEN = {"text": "hello", "language": "en-US", "voice": "female"}


@pytest.fixture
async def stack(stack: Stack) -> AsyncIterator[Stack]:
    """Whatever is refused leaves nothing behind."""
    yield stack
    assert all(reply.status != 200 for reply in stack.replies)
    assert stack.ari.count("create_channel") == 0
    assert not stack.sink.received


@pytest.mark.parametrize("key", ["from", "to"])
@pytest.mark.parametrize("given", [{}, {"value": ""}, {"value": None}, {"value": 15551000}])
async def test_from_and_to_are_texts(stack: Stack, key: str, given: dict[str, Any]) -> None:
    """A missing, empty, null or numeric `from` or `to` is 400 and named."""
    body: dict[str, Any] = {"from": RINGS, "to": CALLEE}
    del body[key]
    if given:
        body[key] = given["value"]
    refused(await stack.ask("POST", "/call", body), 400, 400, key)


@pytest.mark.parametrize("number", [ANOTHERS, "15558888", "++" + RINGS, " " + RINGS, "x"])
@pytest.mark.contract("enablex-voice", "dial.error", "dial.cli")
async def test_foreign_caller_id(stack: Stack, number: str) -> None:
    """`from` of another app, or of none, is 405 with 6133 and its event_code, as documented."""
    reply = await stack.place(**{"from": number})
    refused(
        reply,
        405,
        6133,
        event_code="6133",
        event_name="service_not_associated_with_number",
        description=str,
    )


@pytest.mark.parametrize("number", [INBOUND_ONLY, NO_TRUNK])
@pytest.mark.contract("enablex-voice", "dial.error")
async def test_number_without_outbound_service(stack: Stack, number: str) -> None:
    """A number without outbound service or trunk is 404 with "6110", in the document's words."""
    reply = await stack.place(**{"from": number})
    assert reply.status == 404
    matches(reply.body, result="6110", msg="Application Not Found", state="failed", status="failed")


@pytest.mark.parametrize(
    "to", ["+19995551000", "+15556661000", "sip:bob@other.example", "sip:bob@x.callee.example"]
)
async def test_forbidden_destination(stack: Stack, to: str) -> None:
    """What allowed_destinations does not allow is 403."""
    refused(await stack.place(to=to), 403, 403)


@pytest.mark.parametrize(
    "to",
    [
        "bob",
        "+1555 9001",
        "+15559001\r\nX-Evil: 1",
        "+15559001\x00",
        "1555" + "1" * 40,
        "PJSIP/15559001@trunk-carrier",
        "Local/s@inbound",
        "sip:callee.example",
        "sip:bob@callee.example?X-Header=1",
        "sip:bob:secret@callee.example",
        "sip:bob@callee.example;lr",
        "sip:bob@callee.example\r\nRoute: <sip:evil.example>",
        "sip:bob%0d%0a@callee.example",
        "tel:+15559001",
        "\uff11\uff15\uff15\uff15",
    ],
)
async def test_what_is_no_destination(stack: Stack, to: str) -> None:
    """Neither a number nor a plain SIP URI is 400; what was sent is not repeated."""
    reply = await stack.place(to=to)
    refused(reply, 400, 400, "'to'")
    assert to not in reply["msg"]


@pytest.mark.parametrize(
    ("play", "named"),
    [
        ({}, "prompt_name"),
        ({**SPOKEN, "prompt_name": "welcome"}, "prompt_name"),
        ({"text": "hello", "language": "en-US"}, "voice"),
        ({"text": "hello", "voice": "female"}, "language"),
        ({**SPOKEN, "text": " \n"}, "text"),
        ({**SPOKEN, "text": "a\x00b"}, "text"),
        ({**SPOKEN, "text": "x" * 5001}, "text"),
        ({"prompt_name": ""}, "prompt_name"),
        ({"prompt_name": "http://10.0.0.1/x.wav"}, "prompt_name"),
        ({**SPOKEN, "start_timeout": 0.5}, "start_timeout"),
        ({**SPOKEN, "start_timeout": 10.5}, "start_timeout"),
        ({**SPOKEN, "start_timeout": "soon"}, "start_timeout"),
        ({**SPOKEN, "recognizer_timeout": 11}, "recognizer_timeout"),
        ({**SPOKEN, "max_digits": 0}, "max_digits"),
        ({**SPOKEN, "finish_on_key": "##x"}, "finish_on_key"),
        ({**SPOKEN, "inter_digit_timeout": 0}, "inter_digit_timeout"),
        ("welcome", "play"),
    ],
)
async def test_bad_play(stack: Stack, play: Any, named: str) -> None:
    """What is wrong in action_on_connect.play is 400, and named."""
    refused(await stack.place(action_on_connect={"play": play}), 400, 400, named)


@pytest.mark.parametrize("key", ["start_timeout", "recognizer_timeout"])
@pytest.mark.parametrize("value", [0, 10.01, -1])
async def test_bad_timeout_beside_play(stack: Stack, key: str, value: float) -> None:
    """The timeouts beside play have the same limits as those within."""
    refused(await stack.place(action_on_connect={"play": SPOKEN, key: value}), 400, 400, key)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "nowhere",
        "",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest",
        "http://2130706433/",
        "http://user:secret@127.0.0.1/",
        "http://127.0.0.1/\r\nX: y",
        "http://[::1]/",
        "http:///path",
    ],
)
async def test_bad_event_url(stack: Stack, url: str) -> None:
    """An event_url that can never be called is 400, before anything is dialled."""
    refused(await stack.place(event_url=url), 400, 400, "event_url")


@pytest.mark.parametrize(
    ("action", "named"),
    [
        ({"room": {"room_id": "1"}}, "action_on_connect.room is not available"),
        ({"play": SPOKEN, "room": {}}, "one of play, room"),
        ({"play": SPOKEN, "connect": {"to": CALLEE}}, "one of play, connect"),
        ([], "action_on_connect"),
        ("play", "action_on_connect"),
    ],
)
async def test_bad_action(stack: Stack, action: Any, named: str) -> None:
    """One action at most; what a later version brings is 400 by name, never silently ignored."""
    refused(await stack.place(action_on_connect=action), 400, 400, named)


@pytest.mark.parametrize(("key", "value"), [("auto_record", "yes"), ("auto_record", None)])
async def test_bad_switch(stack: Stack, key: str, value: Any) -> None:
    """auto_record is true or false."""
    refused(await stack.place(**{key: value}), 400, 400, key)


@pytest.mark.parametrize("keys", [{"language": "xx-YY"}, {"voice": "robot"}, {"language": "e"}])
async def test_unknown_voice(stack: Stack, keys: dict[str, str]) -> None:
    """A voice or language that nobody speaks is 406 with 6117."""
    reply = await stack.place(action_on_connect={"play": SPOKEN | keys})
    refused(reply, 406, 6117)
    assert reply["msg"] == "Voice not supported for text-to-speech conversion"


@pytest.mark.parametrize("name", ["unheard", "secret", "../welcome", "welcome.wav"])
async def test_unknown_prompt(stack: Stack, name: str) -> None:
    """A prompt that this app does not have is 404; another app's too."""
    reply = await stack.place(action_on_connect={"play": {"prompt_name": name}})
    refused(reply, 404, 404)


async def test_draining(stack: Stack) -> None:
    """While draining new calls are 503, with a Retry-After; nothing else is said of why."""
    await stack.adapter.drain(0)
    reply = await stack.place()
    refused(reply, 503, 503)
    assert re.fullmatch(r"\d+", reply.headers["Retry-After"])
