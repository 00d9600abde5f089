"""Limits, the kill switch, premium ranges and slowed-down guesses (docs/limits.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapter.contracts import throttle
from tests.contract.stack import (
    APP,
    CALLEE,
    GREETS,
    KEY,
    OTHER_APP,
    OTHER_KEY,
    PROVISIONING,
    RINGS,
    Reply,
    Stack,
    eventually,
)
from tests.contract.test_operations import samples, total
from tests.contract.wording import refused

OTHER = (OTHER_APP, OTHER_KEY)


def limited(*lines: str) -> str:
    """The provisioning with further lines for the first app."""
    key = f'key = "{KEY}"\n'
    assert key in PROVISIONING
    return PROVISIONING.replace(key, key + "\n".join(lines) + "\n")


async def declare(stack: Stack, *lines: str) -> None:
    """`ari-voice apply` beside the running server; it looks now, and not within a second."""
    stack.provision(limited(*lines))
    stack.adapter._directory.refresh()


async def turned_away(stack: Stack, number: str = "15551000") -> str | None:
    """What Asterisk is told of an inbound call that is turned away."""
    before = stack.ari.count("hangup")
    stack.ari.inbound(number, caller="+15557777")
    await stack.ari.wait_for(lambda: stack.ari.count("hangup") == before + 1)
    return stack.ari.seen("hangup")[before].query["reason"]


async def test_concurrent_calls(stack: Stack) -> None:
    """One more than the limit is 429 with Retry-After 1; when one has ended the next may come."""
    await declare(stack, "max_concurrent_calls = 2")
    first = await stack.connected()
    await stack.connected()
    reply = await stack.place()
    refused(reply, 429, 429, "concurrent")
    assert reply.headers["Retry-After"] == "1"
    assert stack.ari.count("create_channel") == 2
    other = await stack.ask("POST", "/call", {"from": "15552000", "to": CALLEE}, auth=OTHER)
    assert other.status == 200
    await stack.hang_up(first)
    await stack.over(first)
    assert (await stack.place()).status == 200
    assert total(await samples(stack), "ari_voice_limit_refusals_total", limit="concurrent") == 1


async def test_inbound_calls_count(stack: Stack) -> None:
    """They take a place; without one the caller hears busy (486), and no webhook is sent."""
    await declare(stack, "max_concurrent_calls = 1")
    call = await stack.offered()
    refused(await stack.place(), 429, 429)
    sent = len(stack.sink.received)
    for number in ("15551000", GREETS):
        assert await turned_away(stack, number) == "busy"
    assert len(stack.sink.received) == sent
    await stack.hang_up(call)
    await stack.over(call)
    await stack.offered()


@pytest.mark.parametrize("action", ["transfer", "forward"])
async def test_further_parties_count(stack: Stack, action: str) -> None:
    """connect, transfer and forward ask for one more leg each; what is refused calls nobody."""
    await declare(stack, "max_concurrent_calls = 2")
    call = await stack.connected()
    other = await stack.connected()
    refused(await further(stack, "connect", call), 429, 429, "concurrent", **named(call))
    assert stack.ari.count("create_channel") == 2
    await stack.hang_up(other)
    await stack.over(other)
    assert (await further(stack, "connect", call)).status == 200
    await stack.event(call, "bridged")
    dialled = stack.ari.count("create_channel")
    refused(await stack.place(), 429, 429, "concurrent")
    refused(await further(stack, action, call), 429, 429, "concurrent", **named(call))
    assert stack.ari.count("create_channel") == dialled
    await declare(stack, "max_concurrent_calls = 3")
    assert (await further(stack, action, call)).status == 200
    await stack.hang_up(call)
    await stack.over(call)
    await declare(stack, "max_concurrent_calls = 1")
    assert (await stack.place()).status == 200


async def test_further_parties_take_tokens(stack: Stack) -> None:
    """They are calls of the rate; an order that the call does not take takes none."""
    call = await stack.connected()
    await declare(stack, "calls_per_second = 0.01")
    refused(await further(stack, "transfer", call), 409, 409, **named(call))
    assert (await further(stack, "connect", call)).status == 200
    refused(await further(stack, "forward", call), 409, 409, **named(call))
    refused(await stack.place(), 429, 429, "per second")


def named(call: str) -> dict[str, str]:
    """The keys of a failure that is about a call."""
    return {"voice_id": call, "from_": RINGS, "to": CALLEE}


async def further(stack: Stack, action: str, call: str) -> Reply:
    """An order to call one more party."""
    to = "transfer_to" if action == "transfer" else "to"
    body = {"from": RINGS, to: CALLEE}
    return await stack.ask("PUT", f"/call/{call}/{action}", body)


async def test_concurrent_calls_after_a_restart(idle: Stack) -> None:
    """The live calls that the server finds in its database count."""
    idle.provision(limited("max_concurrent_calls = 1"))
    await idle.start()
    call = await idle.connected()
    await idle.kill()
    await idle.start()
    refused(await idle.place(), 429, 429)
    await idle.hang_up(call)
    await idle.over(call)
    assert (await idle.place()).status == 200
    await idle.stop()


async def test_calls_per_second(stack: Stack) -> None:
    """Faster than the rate is 429 with the seconds until the next; the other app is not slowed."""
    await declare(stack, "calls_per_second = 0.01")
    assert (await stack.place()).status == 200
    reply = await stack.place()
    refused(reply, 429, 429, "per second")
    assert 98 <= int(reply.headers["Retry-After"]) <= 100
    for _ in range(3):
        placed = await stack.ask("POST", "/call", {"from": "15552000", "to": CALLEE}, auth=OTHER)
        assert placed.status == 200


async def test_a_refused_request_takes_no_token(stack: Stack) -> None:
    """What is wrong with a request is said first, and does not count as a call."""
    await declare(stack, "calls_per_second = 0.01")
    assert (await stack.place(to="nobody")).status == 400
    assert (await stack.place(to="+4612345")).status == 403
    assert (await stack.place()).status == 200


async def test_suspended(stack: Stack) -> None:
    """Orders are 403, GET and DELETE are not; inbound calls are turned away; live calls go on."""
    call = await stack.connected()
    assert stack.command("app", "suspend", APP) == (0, f"{APP} suspended\n")
    await eventually(lambda: suspended(stack))
    refused(await stack.place(), 403, 403, "suspended")
    reply = await stack.say(call)
    refused(reply, 403, 403, timeStamp=str)
    refused(await stack.ask("POST", f"/call/{call}/accept"), 403, 403)
    assert await turned_away(stack) == "rejected"
    await asyncio.sleep(1.2)  # a look of the server at the provisioning
    assert (await stack.ask("GET", f"/call/{call}"))["state"] == "connected"
    assert (await stack.hang_up(call)).status == 200
    await stack.over(call)
    found = await samples(stack)
    assert total(found, "ari_voice_limit_refusals_total", limit="suspended") == 4
    other = await stack.ask("POST", "/call", {"from": "15552000", "to": CALLEE}, auth=OTHER)
    assert other.status == 200


async def suspended(stack: Stack) -> bool:
    """Whether the server has seen it."""
    return stack.adapter._directory.app(APP).suspended  # type: ignore[union-attr]


async def test_suspended_with_hang_up(stack: Stack) -> None:
    """The running server ends the app's calls, whatever they are doing, and no other's."""
    other = await stack.ask("POST", "/call", {"from": "15552000", "to": CALLEE}, auth=OTHER)
    up, offered = await stack.connected(), await stack.offered()
    status, said = stack.command("app", "suspend", APP, "--hangup")
    assert (status, said) == (0, f"{APP} suspended; its live calls are ended\n")
    for call in (up, offered):
        await stack.event(call, "disconnected")
        assert stack.names(call).count("disconnected") == 1
    state = await stack.ask("GET", f"/call/{other['voice_id']}", auth=OTHER)
    assert state["state"] == "connected"


async def test_resumed(stack: Stack) -> None:
    """A resumed app works as before; `apply` alone does not resume it."""
    stack.command("app", "suspend", APP, "--hangup")
    await eventually(lambda: suspended(stack))
    stack.provision(limited("calls_per_second = 100"))
    await asyncio.sleep(1.2)
    refused(await stack.place(), 403, 403)
    assert stack.command("app", "resume", APP) == (0, f"{APP} resumed\n")
    await eventually(lambda: resumed(stack))
    await stack.connected()


async def resumed(stack: Stack) -> bool:
    """Whether the server has seen it."""
    return not await suspended(stack)


async def test_app_list(stack: Stack) -> None:
    """Each app with its state, its live calls and its limits."""
    stack.provision(limited("max_concurrent_calls = 7", "calls_per_second = 0.5"))
    await stack.connected()
    stack.command("app", "suspend", OTHER_APP, "--hangup")
    status, listed = stack.command("app", "list")
    mine, other = sorted(listed.splitlines(), key=lambda line: not line.startswith(APP))
    assert status == 0
    assert mine == f"{APP}  active  calls 1 of 7, 0.5 a second"
    assert other.startswith(f"{OTHER_APP}  suspended since 20")
    assert other.endswith("calls are ended  calls 0")


@pytest.mark.parametrize("action", ["suspend", "resume"])
async def test_no_such_app(stack: Stack, action: str) -> None:
    """An app that is not there is exit code 1."""
    assert stack.command("app", action, "nobody")[0] == 1


@pytest.mark.parametrize("to", ["+870773111111", "00870773111111", "0118705551234567"])
async def test_premium_ranges(stack: Stack, to: str) -> None:
    """Under `*` a satellite number is 403 all the same, until a rule names it."""
    body = {"from": "15552000", "to": to}
    refused(await stack.ask("POST", "/call", body, auth=OTHER), 403, 403)
    named = to.removeprefix("+")[:6]
    rules = f'allowed_destinations = ["*", "{named}"]'
    stack.provision(PROVISIONING.replace('allowed_destinations = ["*"]', rules))
    stack.adapter._directory.refresh()
    assert (await stack.ask("POST", "/call", body, auth=OTHER)).status == 200


@pytest.fixture
async def quick(idle: Stack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    """An adapter whose throttle waits hundredths of seconds, behind a trusted proxy."""
    monkeypatch.setattr(throttle, "FIRST", 0.01)
    monkeypatch.setattr(throttle, "LONGEST", 0.02)
    file = idle.folder / "ari-voice.toml"
    file.write_text(
        file.read_text().replace("port = 0", 'port = 0\ntrusted_proxies = ["127.0.0.1"]')
    )
    await idle.start()
    yield idle
    await idle.stop()


async def guess(stack: Stack, key: str, source: str) -> Reply:
    """A look at a call, through the proxy."""
    headers = {"X-Forwarded-For": f"203.0.113.1, {source}"}
    return await stack.ask("GET", "/call/x", auth=(APP, key), headers=headers)


async def test_guesses_are_slowed_down(quick: Stack) -> None:
    """After five wrong keys the next wait, too many at once are 429; another address is not."""
    for _ in range(throttle.FREE + 1):
        refused(await guess(quick, "wrong", "192.0.2.1"), 401, 401)
    replies = await asyncio.gather(*(guess(quick, "wrong", "192.0.2.1") for _ in range(40)))
    many = [reply for reply in replies if reply.status == 429]
    assert many
    assert all(reply.headers["Retry-After"] == "1" for reply in many)
    refused(many[0], 429, 429)
    before = await throttled(quick)
    assert (await guess(quick, KEY, "192.0.2.2")).status == 404
    assert await throttled(quick) == before
    assert (await guess(quick, KEY, "192.0.2.1")).status == 404
    found = await samples(quick)
    assert total(found, "ari_voice_authentications_throttled_total", result="turned_away") == len(
        many
    )
    assert total(found, "ari_voice_authentication_failures_total") == 46 - len(many)


async def throttled(stack: Stack) -> float:
    """How often somebody had to wait."""
    return total(await samples(stack), "ari_voice_authentications_throttled_total", result="slowed")
