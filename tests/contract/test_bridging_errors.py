"""connect, transfer, forward and hold refused: each documented error, and nothing is dialled."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.parties import (
    PARTY,
    TARGET,
    Action,
    bridged,
    connect,
    forward,
    hold,
    leg,
    of,
    rings,
    together,
    transfer,
)
from tests.contract.stack import (
    ANOTHERS,
    CALLEE,
    INBOUND_ONLY,
    NO_TRUNK,
    OTHER_APP,
    OTHER_KEY,
    RINGS,
    Stack,
    eventually,
)
from tests.contract.wording import TIMESTAMP, matches, refused

LEGS = pytest.mark.parametrize("action", [connect, transfer, forward])
ROUTES = ["connect", "transfer", "forward", "hold"]
BODIES: dict[str, dict[str, Any]] = {
    "connect": {"from": RINGS, "to": PARTY},
    "transfer": {"from": RINGS, "transfer_to": PARTY},
    "forward": {"from": RINGS, "to": PARTY},
    "hold": {"hold": True},
}


async def usable(stack: Stack, action: Action) -> str:
    """A call that the action could be done with."""
    return await (stack.connected() if action is connect else bridged(stack))


async def untouched(stack: Stack, call: str, legs: int) -> None:
    """Nothing was dialled, and nothing told."""
    before = stack.names(call)
    await stack.quiet()
    assert stack.names(call) == before
    assert [channel for channel in stack.ari.channels if channel.startswith(call)] == [
        leg(call, number) for number in range(1, legs + 1)
    ]


@pytest.mark.parametrize("action", [transfer, forward])
@pytest.mark.contract("enablex-voice", "transfer.error.409", "forward.error.409")
async def test_not_bridged(stack: Stack, action: Action) -> None:
    """409 in the document's words, with the keys of its example."""
    call = await stack.connected()
    reply = await action(stack, call)
    refused(reply, 409, 409, **of(call))
    assert reply["msg"] == "Call is not bridged yet"
    await untouched(stack, call, 1)


async def test_hold_not_bridged(stack: Stack) -> None:
    """The same for hold, before a bridge and while the party still rings."""
    rings(stack, PARTY)
    call = await stack.connected()
    refused(await hold(stack, call, True), 409, 409, "not bridged", **of(call))
    await connect(stack, call)
    await stack.event(call, "bridging")
    refused(await hold(stack, call, True), 409, 409, "not bridged", **of(call))


@LEGS
async def test_while_bridging(stack: Stack, action: Action) -> None:
    """connect, transfer or forward while the party rings: 409, and it goes on ringing."""
    rings(stack, PARTY)
    call = await stack.connected()
    await connect(stack, call)
    await stack.event(call, "bridging")
    refused(await action(stack, call), 409, 409, **of(call))
    await untouched(stack, call, 2)
    stack.ari.world.answer(leg(call, 2))
    await stack.event(call, "bridged")


@LEGS
@pytest.mark.parametrize("before", [transfer, forward])
async def test_while_transferring(stack: Stack, action: Action, before: Action) -> None:
    """The same, and hold, while a transfer or forward is under way."""
    rings(stack, TARGET)
    call = await bridged(stack)
    await before(stack, call)
    await stack.event(call, "bridging", count=2)
    refused(await action(stack, call), 409, 409, **of(call))
    refused(await hold(stack, call, True), 409, 409, **of(call))
    await untouched(stack, call, 3)


async def test_connect_while_bridged(stack: Stack) -> None:
    """409; the bridge stays."""
    call = await bridged(stack)
    refused(await connect(stack, call, TARGET), 409, 409, "already bridged", **of(call))
    await together(stack, leg(call, 1), leg(call, 2))


async def test_second_connect_before_the_answer(stack: Stack) -> None:
    """One connect is kept; another is 409."""
    rings(stack, CALLEE)
    call = (await stack.place())["voice_id"]
    await stack.event(call, "ringing")
    assert (await connect(stack, call)).status == 200
    refused(await connect(stack, call, TARGET), 409, 409, **of(call))


@pytest.mark.parametrize("route", ["transfer", "forward", "hold"])
async def test_before_the_answer(stack: Stack, route: str) -> None:
    """Nothing else than connect can be asked for before the answer: 409."""
    rings(stack, CALLEE)
    call = (await stack.place())["voice_id"]
    await stack.event(call, "ringing")
    reply = await stack.ask("PUT", f"/call/{call}/{route}", BODIES[route])
    refused(reply, 409, 409, **of(call))


@pytest.mark.parametrize("state", ["bridging", "bridged", "held", "transferring"])
@pytest.mark.contract("enablex-voice", "play.error.405")
async def test_play_while_bridged(stack: Stack, state: str) -> None:
    """405 with 6112 in the document's words, in whatever state of the bridge."""
    rings(stack, TARGET)
    call = await (stack.connected() if state == "bridging" else bridged(stack))
    match state:
        case "bridging":
            await connect(stack, call, TARGET)
        case "held":
            await hold(stack, call, True)
        case "transferring":
            await transfer(stack, call)
    reply = await stack.say(call)
    refused(reply, 405, 6112, **of(call), timeStamp=TIMESTAMP)
    assert reply["msg"] == "Call is in bridged mode, can't play media"
    assert not stack.speech.asked


@LEGS
@pytest.mark.parametrize("number", [ANOTHERS, "15558888", "x"])
@pytest.mark.contract("enablex-voice", "connect.error.6118")
async def test_foreign_caller_id(stack: Stack, action: Action, number: str) -> None:
    """`from` that is no number of this app: 404 with "6118" in the document's words."""
    call = await usable(stack, action)
    reply = await action(stack, call, **{"from": number})
    assert reply.status == 404
    matches(
        reply.body,
        result="6118",
        msg="Phone number not found for the service",
        state="failed",
        status="failed",
        **of(call),
    )
    await untouched(stack, call, 1 if action is connect else 2)


@LEGS
@pytest.mark.parametrize("number", [INBOUND_ONLY, NO_TRUNK])
@pytest.mark.contract("enablex-voice", "connect.error.6110")
async def test_no_outbound_service(stack: Stack, action: Action, number: str) -> None:
    """`from` without outbound service or trunk: 404 with "6110" in the document's words."""
    call = await usable(stack, action)
    reply = await action(stack, call, **{"from": number})
    refused(reply, 404, "6110", **of(call))
    assert reply["msg"] == "Application Not Found"


@LEGS
@pytest.mark.parametrize("to", ["+19995551000", "+15556661000", "sip:bob@other.example"])
async def test_forbidden_destination(stack: Stack, action: Action, to: str) -> None:
    """What allowed_destinations does not allow is 403, for further parties too."""
    call = await usable(stack, action)
    refused(await action(stack, call, to), 403, 403, **of(call))
    await untouched(stack, call, 1 if action is connect else 2)


@LEGS
@pytest.mark.parametrize(
    "to",
    [
        "bob",
        "+15559001\r\nX-Evil: 1",
        "PJSIP/15559001@trunk-carrier",
        "Local/s@inbound",
        "sip:bob@callee.example?X-Header=1",
        "sip:bob%0d%0a@callee.example",
        "1" * 301,
    ],
)
async def test_what_is_no_destination(stack: Stack, action: Action, to: str) -> None:
    """Neither a number nor a plain SIP URI is 400; what was sent is not repeated."""
    call = await usable(stack, action)
    reply = await action(stack, call, to)
    refused(reply, 400, 400, **of(call))
    assert to not in reply["msg"]


@LEGS
@pytest.mark.parametrize("missing", ["from", "to"])
@pytest.mark.parametrize("value", [None, "", 15551000])
async def test_missing_number(stack: Stack, action: Action, missing: str, value: Any) -> None:
    """A missing, empty, null or numeric `from` or destination is 400."""
    call = await usable(stack, action)
    key = "transfer_to" if action is transfer and missing == "to" else missing
    reply = await action(stack, call, **{key: value})
    refused(reply, 400, 400, key, **of(call))


@LEGS
@pytest.mark.parametrize("timeout", [0, 601, "soon", True])
async def test_bad_timeout(stack: Stack, action: Action, timeout: Any) -> None:
    """`timeout`, our extension, has limits: else 400, and named."""
    call = await usable(stack, action)
    refused(await action(stack, call, timeout=timeout), 400, 400, "timeout", **of(call))


@pytest.mark.parametrize("body", [{}, {"hold": "yes"}, {"hold": 1}, {"hold": None}, [], "true"])
async def test_bad_hold(stack: Stack, body: Any) -> None:
    """`hold` is true or false: anything else is 400."""
    call = await bridged(stack)
    refused(await stack.ask("PUT", f"/call/{call}/hold", body), 400, 400, **of(call))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("data", [b"{", b"[]", b'"x"', b"null", b"\xff"])
async def test_bad_body(stack: Stack, route: str, data: bytes) -> None:
    """What is no JSON object is 400, with the call."""
    call = await stack.connected()
    refused(await stack.ask("PUT", f"/call/{call}/{route}", data=data), 400, 400, **of(call))


@pytest.mark.parametrize("route", ROUTES)
async def test_whose_call(stack: Stack, route: str) -> None:
    """An unknown call, another app's and one that has ended are 404; nothing of another's shown."""
    call = await bridged(stack)
    unknown = "9ae0f8c0-850f-4b61-943e-00ff8a7b54ea"
    refused(await stack.ask("PUT", f"/call/{unknown}/{route}", BODIES[route]), 404, 404)
    other = await stack.ask(
        "PUT", f"/call/{call}/{route}", BODIES[route], auth=(OTHER_APP, OTHER_KEY)
    )
    refused(other, 404, 404)
    await stack.hang_up(call)
    await stack.over(call)
    ended = await stack.ask("PUT", f"/call/{call}/{route}", BODIES[route])
    refused(ended, 404, 404, **of(call))


@pytest.mark.parametrize(("method", "route"), [("POST", "transfer"), ("POST", "forward")])
async def test_other_methods(stack: Stack, method: str, route: str) -> None:
    """A method that the route does not have is 405 with Allow."""
    call = await bridged(stack)
    reply = await stack.ask(method, f"/call/{call}/{route}", BODIES[route])
    assert (reply.status, reply["result"], reply.headers["Allow"]) == (405, 405, "PUT")


@pytest.mark.contract("enablex-voice", "transfer.error.500", "forward.error.500")
async def test_asterisk_is_away(stack: Stack) -> None:
    """transfer and forward are 500 with 500, as documented; connect and hold 503."""
    call, free = await bridged(stack), await stack.connected()
    await stack.ari.refuse_connections()
    await eventually(lambda: bool(stack.adapter.not_ready()))
    for action in (transfer, forward):
        reply = await action(stack, call)
        refused(reply, 500, 500, **of(call))
        assert reply["msg"] == "Internal Server Error"
    for reply, about in ((await hold(stack, call, True), call), (await connect(stack, free), free)):
        refused(reply, 503, 503, **of(about))
        assert int(reply.headers["Retry-After"]) > 0
    await stack.ari.listen()
    await eventually(lambda: not stack.adapter.not_ready())
    assert (await forward(stack, call)).status == 200
    await stack.event(call, "bridged", count=2)


@pytest.mark.parametrize(
    ("connection", "status", "result"),
    [
        ({"from": ANOTHERS, "to": PARTY}, 404, "6118"),
        ({"from": NO_TRUNK, "to": PARTY}, 404, "6110"),
        ({"to": "+19995551000"}, 403, 403),
        ({"to": "bob"}, 400, 400),
        ({}, 400, 400),
        ({"to": PARTY, "timeout": 0}, 400, 400),
    ],
)
async def test_bad_action_on_connect(
    stack: Stack, connection: dict[str, Any], status: int, result: int | str
) -> None:
    """action_on_connect.connect is checked before the first leg is dialled."""
    reply = await stack.place(action_on_connect={"connect": connection})
    refused(reply, status, result)
    await stack.quiet()
    assert stack.ari.count("dial") == 1  # the one of `quiet`
