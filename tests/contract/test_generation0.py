"""The older form of the call routes, under `/calls` (enablex.md, the table of generations)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.stack import CALLEE, OTHER_APP, OTHER_KEY, RINGS, Reply, Stack
from tests.contract.wording import TIMESTAMP, UUID, matches, refused

PLACE = {"from": RINGS, "to": CALLEE}
PARTY = "+15559002"
TEXT = {"text": "hello", "language": "en-US", "voice": "FEMALE"}


async def act(stack: Stack, call: str, body: Any, **more: Any) -> Reply:
    """`POST /calls/{id}`."""
    return await stack.ask("POST", f"/calls/{call}", body, **more)


async def bridged(stack: Stack) -> str:
    """A call that is joined with another party, by the older routes; its id."""
    call: str = (await stack.ask("POST", "/calls", PLACE))["voice_id"]
    await stack.event(call, "connected")
    reply = await act(stack, call, {"connect": {"from": RINGS, "to": PARTY}})
    assert reply.status == 200, reply
    await stack.event(call, "bridged")
    return call


@pytest.mark.parametrize("base", ["/voice/v1", "/v1"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_call_from_its_order_to_its_end(stack: Stack, base: str, slash: str) -> None:
    """Placed, looked at and hung up under /calls: replies and webhooks are those of /call."""
    placed = await stack.ask("POST", f"/calls{slash}", PLACE | {"owner_ref": 7}, base=base)
    assert placed.status == 200
    matches(
        placed.body,
        voice_id=UUID,
        state="initiated",
        msg="",
        owner_ref=7,
        time_stamp=TIMESTAMP,
        from_=RINGS,
        to=CALLEE,
    )
    call = placed["voice_id"]
    await stack.event(call, "connected")
    path = f"/calls/{call}{slash}"
    seen = await stack.ask("GET", path, base=base)
    assert (seen.status, seen["state"], seen["direction"]) == (200, "connected", "Outbound")
    ended = await stack.ask("DELETE", path, base=base)
    assert (ended.status, ended["state"], ended["status"]) == (200, "success", "success")
    await stack.over(call)
    assert (await stack.ask("DELETE", path, base=base)).status == 200
    assert stack.names(call) == ["ringing", "connected", "disconnected"]


async def test_play_and_stop(stack: Stack) -> None:
    """`play` starts and stops a prompt, with the reply of the later route."""
    call = await stack.connected()
    stack.ari.world.default_media = 60
    reply = await act(stack, call, {"play": TEXT | {"prompt_ref": "one"}})
    assert reply.status == 200
    matches(reply.body, voice_id=call, play_id=UUID, playstate="initiated", from_=RINGS, to=CALLEE)
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    stopped = await act(stack, call, {"play": {"stop": True}})
    assert (stopped.status, stopped["playstate"]) == (200, "stopped")
    assert stopped["play_id"] == reply["play_id"]
    assert (await stack.event(call, "playfinished"))["prompt_ref"] == "one"


@pytest.mark.parametrize("value", [True, {}, "", None, "true", 1])
async def test_accept(stack: Stack, value: Any) -> None:
    """`accept` with whatever a client sends in it answers the call."""
    call = await stack.offered()
    reply = await act(stack, call, {"accept": value})
    assert reply.status == 200
    matches(reply.body, voice_id=call, status="success", from_="+15557777", to=RINGS)
    await stack.event(call, "connected")


@pytest.mark.parametrize("value", [False, "false"])
async def test_accept_false_is_no_accept(stack: Stack, value: Any) -> None:
    """`accept: false` is refused with a hint; the call goes on ringing."""
    call = await stack.offered()
    about = {"voice_id": call, "from_": "+15557777", "to": RINGS}
    refused(await act(stack, call, {"accept": value}), 400, 400, "DELETE", **about)
    assert (await stack.ask("GET", f"/calls/{call}"))["state"] == "In progress"


async def test_connect_and_hold(stack: Stack) -> None:
    """`connect` joins another party, `hold` parts them and joins them again."""
    call = await bridged(stack)
    for on in (True, False):
        reply = await act(stack, call, {"hold": on})
        assert (reply.status, reply["status"]) == (200, "success")
    assert stack.names(call) == ["ringing", "connected", "bridging", "bridged"]


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"transfer": {"from": RINGS, "transfer_to": "+15559003"}}, "channel_id"),
        ({"forward": {"from": RINGS, "to": "+15559003"}}, "status"),
    ],
    ids=["transfer", "forward"],
)
async def test_transfer_and_forward(stack: Stack, body: Any, key: str) -> None:
    """Both are taken on a bridged call, and end with the other number bridged."""
    call = await bridged(stack)
    reply = await act(stack, call, body)
    assert reply.status == 200, reply
    assert (reply["from"], reply["to"]) == (RINGS, "+15559003")
    assert reply[key]


async def test_not_bridged(stack: Stack) -> None:
    """What needs a bridged call is refused in the words of the later routes."""
    call = await stack.connected()
    about = {"voice_id": call, "from_": RINGS, "to": CALLEE}
    for body in (
        {"transfer": {"from": RINGS, "transfer_to": PARTY}},
        {"forward": {"from": RINGS, "to": PARTY}},
        {"hold": True},
    ):
        refused(await act(stack, call, body), 409, 409, "not bridged", **about)


async def test_failures_are_those_of_the_later_routes(stack: Stack) -> None:
    """Status, code and keys of a refused action are the same, time alias included."""
    call = await stack.connected()
    for key, path, body in (
        ("play", "play", {"text": "x"}),
        ("play", "play", {"prompt_name": "nowhere"}),
        ("play", "play", TEXT | {"language": "xx-XX"}),
        ("record", "recording", {}),
        ("record", "recording", {"stop": True}),
        ("connect", "connect", {"from": RINGS}),
        ("connect", "connect", {"from": "15550099", "to": PARTY}),
        ("connect", "connect", {"from": RINGS, "to": "+15556661"}),
    ):
        old = await act(stack, call, {key: body})
        new = await stack.ask("PUT", f"/call/{call}/{path}", body)
        assert old.status == new.status >= 400
        times = ("timestamp", "timeStamp")
        assert set(old.body) == set(new.body)
        for name in set(old.body) - set(times):
            assert old[name] == new[name], name


@pytest.mark.parametrize(
    "body",
    [{}, {"unknown": 1}, {"play": TEXT, "hold": True}, {"play": {"stop": True}, "accept": None}],
)
async def test_one_action_at_a_time(stack: Stack, body: Any) -> None:
    """None or several actions are 400, and nothing is done."""
    call = await stack.connected()
    about = {"voice_id": call, "from_": RINGS, "to": CALLEE}
    refused(await act(stack, call, body), 400, 400, "exactly one", **about)
    assert stack.ari.count("play") == 0


async def test_unknown_keys_are_ignored(stack: Stack) -> None:
    """Beside the action and inside of it."""
    call = await stack.connected()
    body = {"play": TEXT | {"colour": "blue"}, "name": "service", "prompts": [1]}
    assert (await act(stack, call, body)).status == 200
    await stack.event(call, "playfinished")


@pytest.mark.parametrize("value", ["text", 1, [], True, None])
async def test_an_action_of_another_form(stack: Stack, value: Any) -> None:
    """What is no object where one is asked for is 400; the message says where."""
    call = await stack.connected()
    about = {"voice_id": call, "from_": RINGS, "to": CALLEE}
    refused(await act(stack, call, {"play": value}), 400, 400, "$.play", **about)


async def test_another_apps_call(stack: Stack) -> None:
    """Another app's call is unknown here too, and so is one that never was."""
    call = await stack.connected()
    for method in ("GET", "DELETE", "POST"):
        body = {"play": TEXT} if method == "POST" else None
        reply = await stack.ask(method, f"/calls/{call}", body, auth=(OTHER_APP, OTHER_KEY))
        refused(reply, 404, 404)
    assert (await stack.ask("GET", f"/calls/{call}", auth=None)).status == 401


async def test_an_action_that_is_repeated(stack: Stack) -> None:
    """An Idempotency-Key works here: the call is dialled once, the prompt played once."""
    headers = {"Idempotency-Key": "key-1"}
    placed = [await stack.ask("POST", "/calls", PLACE, headers=headers) for _ in range(2)]
    assert placed[0].body == placed[1].body
    call = placed[0]["voice_id"]
    await stack.event(call, "connected")
    headers = {"Idempotency-Key": "key-2"}
    played = [await act(stack, call, {"play": TEXT}, headers=headers) for _ in range(2)]
    assert played[0].body == played[1].body
    other = await act(stack, call, {"play": TEXT | {"text": "x"}}, headers=headers)
    assert (other.status, other["result"]) == (409, 409)
    await stack.event(call, "playfinished")
    await stack.quiet()
    assert stack.ari.count("play") == 1
    assert stack.ari.count("dial") == 2  # this call, and the one of `quiet`
