"""`POST /call` and the events of an outbound call (enablex-voice.txt, "Dial Out a Number")."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contract.stack import ANOTHERS, CALLEE, GREETS_CALLEES, RINGS, Stack, name_of
from tests.contract.wording import TIMESTAMP, UUID, matches
from tests.fakes.ari_model import Callee
from tests.fakes.webhook_sink import Received
from tests.fakes.webhook_sink import Reply as Answer

SPOKEN = {"text": "your prompt here", "language": "en-US", "voice": "female"}


def documented(stack: Stack, play: dict[str, Any]) -> dict[str, Any]:
    """The document's example request; with `asr` it is in test_speech."""
    return {
        "name": "service name",
        "owner_ref": "xzy",
        "auto_record": False,
        "from": RINGS,
        "to": CALLEE,
        "action_on_connect": {"play": play, "start_timeout": 10, "recognizer_timeout": 1},
        "event_url": stack.sink.url("/webhook"),
    }


@pytest.mark.contract("enablex-voice", "dial.request", "dial.reply", "dial.reply.keys")
async def test_reply_is_the_documented_one(stack: Stack) -> None:
    """The example with `text` is answered with the example's keys, and time_stamp as an alias."""
    reply = await stack.ask("POST", "/call", documented(stack, SPOKEN))
    assert reply.status == 200
    matches(
        reply.body,
        voice_id=UUID,
        state="initiated",
        msg="",
        owner_ref="xzy",
        time_stamp=TIMESTAMP,
        from_=RINGS,
        to=CALLEE,
    )
    assert reply["time_stamp"] == reply["timestamp"]


@pytest.mark.parametrize("play", [SPOKEN, {"prompt_name": "welcome"}], ids=["text", "prompt_name"])
async def test_call_goes_from_ringing_to_disconnected(stack: Stack, play: Any) -> None:
    """ringing, connected, the prompt's outcome, disconnected: each once and in this order."""
    call = (await stack.ask("POST", "/call", documented(stack, play)))["voice_id"]
    await stack.event(call, "playfinished")
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.names(call) == ["ringing", "connected", "playfinished", "disconnected"]


@pytest.mark.contract("enablex-voice", "dial.event", "dial.event.keys")
async def test_call_events_have_the_documented_keys(stack: Stack) -> None:
    """ringing and connected have the document's keys; owner_ref comes back on each."""
    call = await stack.connected(owner_ref="xzy", custom_data={"a": [1]})
    for name in ("ringing", "connected"):
        matches(
            await stack.event(call, name),
            voice_id=call,
            state=name,
            from_=RINGS,
            to=CALLEE,
            channel_id=str,
            owner_ref="xzy",
            custom_data={"a": [1]},
        )


@pytest.mark.contract("enablex-voice", "dial.event", "hangup.event")
async def test_disconnected_says_how(stack: Stack) -> None:
    """disconnected carries duration, reason and SIP code, with timeStamp as an alias."""
    call = await stack.connected()
    stack.ari.remote_hangup(f"{call}.leg1")
    ended = await stack.over(call)
    matches(
        ended,
        voice_id=call,
        state="disconnected",
        from_=RINGS,
        to=CALLEE,
        channel_id=str,
        call_duration=float,
        disconnect_reason="Normal clearing",
        sip_code=200,
        timeStamp=TIMESTAMP,
    )
    assert 0 <= ended["call_duration"] < 5


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (486, "User busy"),
        (480, "No answer"),
        (404, "Number not found"),
        (603, "Call rejected"),
        (503, "Network congestion"),
    ],
)
async def test_refused_call_is_disconnected_with_its_code(
    stack: Stack, status: int, reason: str
) -> None:
    """A callee that refuses: one disconnected with the SIP status, no connected."""
    stack.ari.callee(CALLEE, Callee.refuses(status))
    call = (await stack.place())["voice_id"]
    ended = await stack.over(call)
    assert (ended["sip_code"], ended["disconnect_reason"]) == (status, reason)
    assert ended["call_duration"] == 0
    assert stack.names(call) == ["disconnected"]


async def test_nobody_answers(idle: Stack) -> None:
    """After calls.ring_timeout the call is given up: ringing, then disconnected with 480."""
    idle.configure("[calls]\nring_timeout = 1")
    idle.ari.callee(CALLEE, Callee.rings_out())
    await idle.start()
    call = (await idle.place())["voice_id"]
    assert (await idle.over(call))["sip_code"] == 480
    assert idle.names(call) == ["ringing", "disconnected"]
    await idle.stop()


@pytest.mark.parametrize(
    "value", ["xzy", "", 7, 2**70, 1.5, True, None, {"deep": [{"a": None}]}, "žlutý \U0001f600"]
)
async def test_owner_ref_keeps_its_type(stack: Stack, value: Any) -> None:
    """owner_ref comes back in the reply and the events as it came, null and huge ones too."""
    reply = await stack.place(owner_ref=value)
    connected = await stack.event(reply["voice_id"], "connected")
    for body in (reply.body, connected):
        assert (type(body["owner_ref"]), body["owner_ref"]) == (type(value), value)


async def test_without_owner_ref_there_is_none(stack: Stack) -> None:
    """A request without owner_ref makes no such key."""
    call = await stack.connected()
    assert "owner_ref" not in await stack.event(call, "connected")


async def test_event_url_of_the_call_goes_first(stack: Stack) -> None:
    """Events go to the request's event_url instead of the app's."""
    call = await stack.connected(event_url=stack.sink.url("/mine?x=1"))
    await stack.hang_up(call)
    await stack.over(call)
    paths = {r.path for r in stack.sink.received if r.json["voice_id"] == call}
    assert paths == {"/mine?x=1"}


async def test_event_url_of_the_number_goes_before_the_app(stack: Stack) -> None:
    """Without one in the request, the number's event_url is taken."""
    url = stack.sink.url("/number")
    stack.provision(f"""
[[number]]
number = "{ANOTHERS}9"
app = "5f1c8a52e4b0"
trunk = "carrier"
event_url = "{url}"
""")
    call = await stack.connected(**{"from": ANOTHERS + "9"})
    paths = {r.path for r in stack.sink.received if r.json["voice_id"] == call}
    assert paths == {"/number"}


async def test_menu_on_connect(stack: Stack) -> None:
    """action_on_connect.play with dtmf collects, and echoes its prompt_ref."""
    play = SPOKEN | {"dtmf": True, "prompt_ref": {"menu": 1}}
    call = await stack.connected(action_on_connect={"play": play})
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    for key in "007#":
        stack.ari.digit(f"{call}.leg1", key)
    event = await stack.event(call, "digitcollected")
    assert (event["digit"], event["prompt_ref"]) == ("007", {"menu": 1})


@pytest.mark.parametrize("inner", [{"start_timeout": 1}, {}], ids=["inner", "outer"])
async def test_inner_start_timeout_wins(stack: Stack, inner: dict[str, int]) -> None:
    """start_timeout is taken from play, else from beside it: here 1 s either way."""
    action = {"play": SPOKEN | {"dtmf": "true"} | inner, "start_timeout": 10 if inner else 1}
    call = await stack.connected(action_on_connect=action)
    await stack.event(call, "menutimeout")


async def test_outbound_greeting_comes_before_the_action(stack: Stack) -> None:
    """A number's outbound greeting is played first; its outcome has no prompt_ref."""
    call = await stack.connected(
        **{"from": GREETS_CALLEES}, action_on_connect={"play": SPOKEN | {"prompt_ref": "second"}}
    )
    await stack.event(call, "playfinished", count=2)
    first, second = (body for body in stack.told(call) if name_of(body) == "playfinished")
    assert "prompt_ref" not in first
    assert second["prompt_ref"] == "second"


@pytest.mark.parametrize(
    ("to", "endpoint"),
    [
        ("+15559001", "PJSIP/+15559001@trunk-carrier"),
        ("15559001", "PJSIP/15559001@trunk-carrier"),
        ("sip:bob@callee.example", "PJSIP/sip-uri/sip:bob@callee.example"),
        ("sips:bob@CALLEE.example:5071", "PJSIP/sip-uri/sips:bob@callee.example:5071"),
        ("0003*210", "PJSIP/0003*210"),
    ],
)
async def test_dial_string(stack: Stack, to: str, endpoint: str) -> None:
    """Numbers go through the number's trunk, SIP URIs and own phones do not."""
    await stack.connected(to=to)
    (created,) = stack.ari.seen("create_channel")
    assert {**(created.body or {}), **created.query}["endpoint"] == endpoint


async def test_caller_id_is_the_number(stack: Stack) -> None:
    """The far end sees `from`, as it was given, plus or not."""
    await stack.connected(**{"from": f"+{RINGS}"})
    (created,) = stack.ari.seen("create_channel")
    assert created.body["variables"]["CONNECTEDLINE(num,i)"] == f"+{RINGS}"


async def test_unknown_keys_are_ignored(stack: Stack) -> None:
    """Clients of other generations send keys that we do not know."""
    reply = await stack.place(amd=True, action_on_connect={"unheard_of": 1}, foo={"bar": []})
    assert reply.status == 200


async def test_reply_comes_before_the_first_webhook(stack: Stack) -> None:
    """Each of 20 calls at once is answered before any webhook names its voice_id."""
    seen: list[tuple[str, str]] = []

    def note(received: Received) -> Answer:
        seen.append(("webhook", received.json["voice_id"]))
        return Answer()

    async def one() -> None:
        reply = await stack.place()
        seen.append(("reply", reply["voice_id"]))

    stack.sink.decide = note
    await asyncio.gather(*(one() for _ in range(20)))
    calls = {call for what, call in seen if what == "reply"}
    assert len(calls) == 20
    for call in calls:
        await stack.event(call, "connected")
        assert next(what for what, named in seen if named == call) == "reply"
