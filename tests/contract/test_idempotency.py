"""Idempotency-Key: a repeated request is carried out once, and answered as the first time.

Source: draft-ietf-httpapi-idempotency-key-header, with adapter/decisions/0013-idempotency.md.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict

from tests.contract.stack import (
    ANOTHERS,
    APP,
    CALLEE,
    KEY,
    OTHER_APP,
    OTHER_KEY,
    RINGS,
    Reply,
    Stack,
    eventually,
)
from tests.fakes.ari_model import Callee

PLACE = {"from": RINGS, "to": CALLEE}
TEXT = {"text": "hello", "language": "en-US", "voice": "female"}


async def keyed(
    stack: Stack,
    method: str,
    path: str,
    json: Any = None,
    *,
    key: str = "key-1",
    auth: tuple[str, str] = (APP, KEY),
) -> Reply:
    """A request with a key."""
    return await stack.ask(method, path, json, auth=auth, headers={"Idempotency-Key": key})


def same(one: Reply, other: Reply) -> bool:
    """Whether two answers are the same one."""
    return (one.status, one.body) == (other.status, other.body)


async def test_a_call_is_placed_once(stack: Stack) -> None:
    """The repetition has the same call in the same words; it is dialled once and told of once."""
    first = await keyed(stack, "POST", "/call", PLACE)
    call = first["voice_id"]
    await stack.event(call, "connected")
    assert same(first, await keyed(stack, "POST", "/call", PLACE))
    await stack.hang_up(call)
    await stack.over(call)
    assert same(first, await keyed(stack, "POST", "/call", PLACE))
    assert stack.ari.count("dial") == 2  # this one, and the one of `over`
    assert stack.names(call) == ["ringing", "connected", "disconnected"]


async def test_other_keys_and_no_key_are_other_calls(stack: Stack) -> None:
    """Only the key makes a repetition: the same body alone is a call of its own."""
    calls = {
        (await keyed(stack, "POST", "/call", PLACE))["voice_id"],
        (await keyed(stack, "POST", "/call", PLACE, key="key-2"))["voice_id"],
        (await stack.place())["voice_id"],
        (await stack.place())["voice_id"],
    }
    assert len(calls) == 4


async def test_a_prompt_is_played_once(stack: Stack) -> None:
    """The repetition has the same play_id, while it plays and after its end."""
    call = await stack.connected()
    first = await keyed(stack, "PUT", f"/call/{call}/play", TEXT)
    assert same(first, await keyed(stack, "PUT", f"/call/{call}/play", TEXT))
    assert (await stack.event(call, "playfinished"))["play_id"] == first["play_id"]
    assert same(first, await keyed(stack, "PUT", f"/call/{call}/play", TEXT))
    await stack.quiet()
    assert stack.ari.count("play") == 1
    assert stack.names(call).count("playfinished") == 1


async def test_a_stop_that_is_repeated(stack: Stack) -> None:
    """Without a key there would be nothing to stop any more."""
    call = await stack.connected()
    stack.ari.world.default_media = 60
    await stack.say(call)
    await stack.ari.wait_for(lambda: stack.ari.count("play") == 1)
    stop = {"stop": True}
    first = await keyed(stack, "PUT", f"/call/{call}/play", stop)
    assert (first.status, first["playstate"]) == (200, "stopped")
    assert same(first, await keyed(stack, "PUT", f"/call/{call}/play", stop))
    assert (await stack.play(call, stop=True)).status == 409


async def test_an_accept_that_is_repeated(stack: Stack) -> None:
    """The same words, timestamp included; also of one that found the call accepted already."""
    call = await stack.offered()
    path = f"/call/{call}/accept"
    replies = [await keyed(stack, "PUT", path, key=key) for key in ("a", "b", "a", "b")]
    assert {reply.status for reply in replies} == {200}
    assert same(replies[0], replies[2])
    assert same(replies[1], replies[3])
    await stack.event(call, "connected")
    assert stack.ari.count("answer") == 1


@pytest.mark.parametrize("request_", ["body", "path", "method", "base"])
async def test_another_request_under_the_key(stack: Stack, request_: str) -> None:
    """Another body, path or method is 409 and is not carried out; the first answer stands."""
    call = await stack.connected()
    path = f"/call/{call}/play"
    first = await keyed(stack, "PUT", path, TEXT)
    await stack.event(call, "playfinished")
    headers = {"Idempotency-Key": "key-1"}
    match request_:
        case "body":
            other = await keyed(stack, "PUT", path, TEXT | {"text": "good bye"})
        case "path":
            other = await keyed(stack, "POST", "/call", PLACE)
        case "method":
            other = await keyed(stack, "POST", path, TEXT)
        case _:
            other = await stack.ask("PUT", path, TEXT, base="/v1", headers=headers)
    assert (other.status, other["result"], other["status"]) == (409, 409, "failed")
    assert "another request" in other["msg"]
    assert "Retry-After" not in other.headers
    assert same(first, await keyed(stack, "PUT", path, TEXT))
    assert stack.ari.count("play") == 1


async def test_while_the_first_is_under_way(stack: Stack) -> None:
    """409 with Retry-After until the first is answered; then the same answer, and one prompt."""
    call = await stack.connected()
    path = f"/call/{call}/play"
    stack.speech.gate.clear()
    first = asyncio.create_task(keyed(stack, "PUT", path, TEXT))
    await stack.speech.started.wait()
    early = await keyed(stack, "PUT", path, TEXT)
    assert (early.status, early["result"], early.headers["Retry-After"]) == (409, 409, "1")
    other = await keyed(stack, "PUT", path, TEXT | {"text": "good bye"})
    assert "another request" in other["msg"]
    stack.speech.gate.set()
    assert (await first).status == 200
    assert same(await first, await keyed(stack, "PUT", path, TEXT))
    await stack.event(call, "playfinished")
    assert stack.ari.count("play") == 1


async def test_many_at_once(stack: Stack) -> None:
    """Twenty at the same time: one call, and whoever is not told to wait has it."""
    replies = await asyncio.gather(*(keyed(stack, "POST", "/call", PLACE) for _ in range(20)))
    assert {reply.status for reply in replies} <= {200, 409}
    assert len({reply["voice_id"] for reply in replies if reply.status == 200}) == 1
    await stack.quiet()
    assert stack.ari.count("dial") == 2  # this one, and the one of `quiet`


async def test_another_app_has_keys_of_its_own(stack: Stack) -> None:
    """Two apps with the same key do not know of each other, even with the same body."""
    ours = await keyed(stack, "POST", "/call", PLACE)
    body = {"from": ANOTHERS, "to": CALLEE}
    theirs = await keyed(stack, "POST", "/call", body, auth=(OTHER_APP, OTHER_KEY))
    assert (ours.status, theirs.status) == (200, 200)
    refused = await keyed(stack, "POST", "/call", PLACE, auth=(OTHER_APP, OTHER_KEY), key="key-2")
    assert refused.status == 405
    assert (await keyed(stack, "POST", "/call", PLACE, key="key-2")).status == 200


async def test_a_refusal_is_judged_anew(stack: Stack) -> None:
    """What was refused did nothing, so the same request under the same key may succeed later."""
    stack.ari.callee(CALLEE, Callee.rings_out())
    call = (await stack.place())["voice_id"]
    await stack.event(call, "ringing")
    assert (await keyed(stack, "PUT", f"/call/{call}/play", TEXT)).status == 409
    stack.ari.world.answer(f"{call}.leg1")
    await stack.event(call, "connected")
    assert (await keyed(stack, "PUT", f"/call/{call}/play", TEXT)).status == 200


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "schlüssel", "tab\tkey"])
async def test_a_key_of_another_form(stack: Stack, key: str) -> None:
    """1 to 255 visible ASCII characters; anything else is 400, and nothing is done."""
    reply = await keyed(stack, "POST", "/call", PLACE, key=key)
    assert (reply.status, reply["result"]) == (400, 400)
    assert "Idempotency-Key" in reply["msg"]
    await stack.quiet()
    assert stack.ari.count("dial") == 1  # the one of `quiet`


@pytest.mark.parametrize("key", ["!", "~" * 255, '"8e03978e-40d5-43e8-bc93-6894a57f9324"'])
async def test_a_key_of_the_right_form(stack: Stack, key: str) -> None:
    """The shortest, the longest, and a quoted one as the draft writes it."""
    first = await keyed(stack, "POST", "/call", PLACE, key=key)
    assert first.status == 200
    assert same(first, await keyed(stack, "POST", "/call", PLACE, key=key))


async def test_two_keys_are_none(stack: Stack) -> None:
    """Two header lines: nobody can say which was meant."""
    given = [("Authorization", aiohttp.encode_basic_auth(APP, KEY))]
    given += [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    async with (
        aiohttp.ClientSession(headers=CIMultiDict(given)) as session,
        session.post(f"{stack.url}/voice/v1/call", json=PLACE) as answer,
    ):
        assert answer.status == 400
        assert (await answer.json())["msg"].startswith("Idempotency-Key is one value")


async def test_delete_and_get_take_no_key(stack: Stack) -> None:
    """They may be repeated as they are, under whatever key; and they keep nothing under it."""
    call = await stack.connected()
    state = await keyed(stack, "GET", f"/call/{call}")
    assert state["state"] == "connected"
    assert (await keyed(stack, "DELETE", f"/call/{call}")).status == 200
    await stack.over(call)
    assert (await keyed(stack, "DELETE", f"/call/{call}")).status == 200
    assert (await keyed(stack, "GET", f"/call/{call}"))["state"] == "disconnected"
    assert (await keyed(stack, "POST", "/call", PLACE)).status == 200


async def test_over_a_restart(stack: Stack) -> None:
    """The next process gives the same answers, and neither dials nor plays again."""
    placed = await keyed(stack, "POST", "/call", PLACE)
    call = placed["voice_id"]
    await stack.event(call, "connected")
    played = await keyed(stack, "PUT", f"/call/{call}/play", TEXT, key="key-2")
    await stack.event(call, "playfinished")
    await stack.kill()
    await stack.start()
    assert same(placed, await keyed(stack, "POST", "/call", PLACE))
    assert same(played, await keyed(stack, "PUT", f"/call/{call}/play", TEXT, key="key-2"))
    assert (await keyed(stack, "POST", "/call", PLACE | {"name": "x"})).status == 409
    await stack.hang_up(call)
    await stack.over(call)
    assert stack.ari.count("dial") == 2  # this one, and the one of `over`
    assert stack.ari.count("play") == 1


async def test_a_client_that_did_not_wait(stack: Stack) -> None:
    """One that gave up while its request was carried out finds the outcome under its key."""
    call = await stack.connected()
    path = f"/call/{call}/play"
    stack.speech.gate.clear()
    first = asyncio.create_task(keyed(stack, "PUT", path, TEXT))
    await stack.speech.started.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    stack.speech.gate.set()
    played = await stack.event(call, "playfinished")
    again = await keyed(stack, "PUT", path, TEXT)
    assert (again.status, again["play_id"]) == (200, played["play_id"])
    assert stack.ari.count("play") == 1


async def test_a_key_is_forgotten_in_time(stack: Stack) -> None:
    """After retention.answers_hours the key is free, and the request another one."""
    first = await keyed(stack, "POST", "/call", PLACE)
    await stack.kill()
    stack.configure("[retention]\nanswers_hours = 1e-9")
    await stack.start()

    async def forgotten() -> bool:
        reply = await keyed(stack, "POST", "/call", PLACE)
        return bool(reply["voice_id"] != first["voice_id"])

    await eventually(forgotten)
