"""`GET /events`: the webhooks of an app, to be read in an order that never changes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.contract.stack import ANOTHERS, APP, KEY, OTHER_APP, OTHER_KEY, SECRET, Stack, name_of

ALONE = f"""
[[app]]
id = "{APP}"
key = "{KEY}"
webhook_secret = "{SECRET}"
allowed_destinations = ["*"]
[[app]]
id = "{OTHER_APP}"
key = "{OTHER_KEY}"
event_url = "{{hook}}"
webhook_secret = "{SECRET}"
webhook_encryption = true
allowed_destinations = ["*"]
[[trunk]]
name = "carrier"
uri = "sip:127.0.0.1:5080"
[[number]]
number = "15551000"
app = "{APP}"
trunk = "carrier"
[[number]]
number = "{ANOTHERS}"
app = "{OTHER_APP}"
trunk = "carrier"
"""
WHOLE = ["ringing", "connected", "disconnected"]
OTHER = (OTHER_APP, OTHER_KEY)


async def read(
    stack: Stack, after: int = 0, auth: tuple[str, str] = (APP, KEY), **query: int
) -> dict[str, Any]:
    """One request; what must hold for every reply is looked at."""
    text = "".join(f"&{name}={value}" for name, value in query.items())
    reply = await stack.ask("GET", f"/events?after={after}{text}", auth=auth)
    assert reply.status == 200
    cursors = [event["cursor"] for event in reply["events"]]
    assert cursors == sorted(set(cursors))
    assert reply["next"] == (cursors[-1] if cursors else after)
    assert after < cursors[0] if cursors else True
    body: dict[str, Any] = reply.body
    return body


async def whole_calls(stack: Stack, count: int) -> list[str]:
    """Calls that go from their order to their end, at the same time."""

    async def one() -> str:
        call = await stack.connected()
        await stack.hang_up(call)
        await stack.event(call, "disconnected")
        return call

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def test_the_webhooks_of_all_calls(stack: Stack) -> None:
    """The same ids and bodies as the webhooks; each call's in their order."""
    calls = await whole_calls(stack, 5)
    events = (await read(stack))["events"]
    sent = {received.id: received.json for received in stack.sink.received}
    assert {event["id"]: event["body"] for event in events} == sent
    assert [event["event"] for event in events] == [name_of(event["body"]) for event in events]
    assert all(event["created_at"] == event["body"]["timestamp"] for event in events)
    for call in calls:
        told = [event["event"] for event in events if event["body"]["voice_id"] == call]
        assert told == WHOLE == stack.names(call)


@pytest.mark.parametrize("limit", [1, 2, 5, 500])
async def test_page_by_page(stack: Stack, limit: int) -> None:
    """Pages of any size are the same events in the same order, none twice and none left out."""
    await whole_calls(stack, 3)
    found: list[Any] = []
    cursor = 0
    while page := (await read(stack, cursor, limit=limit))["events"]:
        assert len(page) <= limit
        found += page
        cursor = page[-1]["cursor"]
    assert found == (await read(stack))["events"]
    assert len(found) == 9


async def test_what_was_read_stays_as_it_was(stack: Stack) -> None:
    """Later events come behind the ones that were read; those do not move."""
    await whole_calls(stack, 2)
    before = await read(stack)
    call = await stack.connected()
    after = await read(stack)
    assert after["events"][: len(before["events"])] == before["events"]
    new = (await read(stack, before["next"]))["events"]
    assert [event["body"]["voice_id"] for event in new] == [call, call]


async def test_before_they_are_delivered(stack: Stack) -> None:
    """An application that is away for webhooks reads all the same, and nothing changes later."""
    await stack.sink.down()
    call = (await stack.place())["voice_id"]
    await stack.answered(call)
    await stack.hang_up(call)
    await stack.ari.wait_for(lambda: not stack.ari.channels)
    pulled = await read(stack)
    assert [event["event"] for event in pulled["events"]] == WHOLE
    await stack.sink.up()
    await stack.over(call)
    assert await read(stack) == pulled
    assert [event["id"] for event in pulled["events"]] == list(dict.fromkeys(stack.sink.ids))[:3]


async def test_the_same_after_a_restart(stack: Stack) -> None:
    """Cursors are of the database: the next process goes on with them."""
    await whole_calls(stack, 2)
    call = await stack.connected()
    before = await read(stack)
    await stack.kill()
    await stack.start()
    assert await read(stack) == before
    await stack.hang_up(call)
    await stack.event(call, "disconnected")
    new = (await read(stack, before["next"]))["events"]
    assert [(event["event"], event["body"]["voice_id"]) for event in new] == [
        ("disconnected", call)
    ]


async def test_nobody_elses(stack: Stack) -> None:
    """An app reads its own events only, whatever cursor it names."""
    await stack.connected()
    await stack.quiet()
    ours, theirs = await read(stack), await read(stack, auth=OTHER)
    assert {event["body"]["from"] for event in ours["events"]} == {"15551000"}
    assert {event["body"]["from"] for event in theirs["events"]} == {ANOTHERS}
    assert [event["event"] for event in theirs["events"]] == WHOLE


async def test_without_any_url(stack: Stack) -> None:
    """An app without event_url reads all of its events; nothing is sent, and nothing waits."""
    stack.provision(ALONE)
    call = (await stack.place(owner_ref={"n": 1}))["voice_id"]
    await stack.answered(call)
    await stack.hang_up(call)
    await stack.ari.wait_for(lambda: not stack.ari.channels)
    events = (await read(stack))["events"]
    assert [(event["event"], event["body"]["owner_ref"]) for event in events] == [
        (name, {"n": 1}) for name in WHOLE
    ]
    assert stack.sink.received == []
    assert stack.command("outbox", "list")[1].count("feed only") == 3
    assert stack.command("outbox", "retry", "--all") == (0, "0 due now\n")
    assert "webhook" not in stack.command("why", call)[1]


async def test_of_an_app_with_encryption(stack: Stack) -> None:
    """Its webhooks are encrypted, its feed is not: the request proved the key."""
    stack.provision(ALONE)
    await stack.ask("POST", "/call", {"from": ANOTHERS, "to": "+15550000"}, auth=OTHER)
    await stack.sink.wait_for(2)
    assert all("encrypted_data" in body for body in stack.sink.bodies)
    events = (await read(stack, auth=OTHER))["events"]
    assert [event["body"]["state"] for event in events] == WHOLE[:2]
    assert [event["id"] for event in events] == stack.sink.ids


async def test_a_wait_ends_with_the_event(stack: Stack) -> None:
    """Whoever waits has the event at once, and so has everybody who waits."""
    call = await stack.connected()
    cursor = (await read(stack))["next"]
    waiting = [asyncio.create_task(read(stack, cursor, wait=30)) for _ in range(3)]
    await asyncio.sleep(0.1)
    assert not any(task.done() for task in waiting)
    begun = time.monotonic()
    await stack.hang_up(call)
    pages = await asyncio.gather(*waiting)
    assert time.monotonic() - begun < 5
    assert pages[0] == pages[1] == pages[2]
    assert [event["event"] for event in pages[0]["events"]] == ["disconnected"]


async def test_a_wait_that_ends_without_one(stack: Stack) -> None:
    """Nothing within the time: no events, and the cursor that was given; others' do not wake."""
    begun = time.monotonic()
    waiting = asyncio.create_task(read(stack, 7, wait=1))
    await stack.quiet()
    assert await waiting == {"events": [], "next": 7}
    assert 0.9 < time.monotonic() - begun < 10


async def test_no_wait_when_there_is_something(stack: Stack) -> None:
    """A wait is for when there is nothing."""
    await stack.connected()
    begun = time.monotonic()
    assert (await read(stack, wait=30))["events"]
    assert time.monotonic() - begun < 5


async def test_a_stop_ends_the_waits(stack: Stack) -> None:
    """A server that stops answers those who wait, instead of waiting with them."""
    waiting = asyncio.create_task(read(stack, wait=30))
    await asyncio.sleep(0.1)
    begun = time.monotonic()
    await stack.adapter.close()
    assert await waiting == {"events": [], "next": 0}
    assert time.monotonic() - begun < 4
    await stack.kill()
    await stack.start()


@pytest.mark.parametrize(
    "query",
    [
        "after=-1",
        "after=x",
        "after=9223372036854775808",
        "after=",
        "limit=0",
        "limit=501",
        "wait=31",
        "wait=-1",
        "wait=nan",
    ],
)
async def test_parameters_that_are_wrong(stack: Stack, query: str) -> None:
    """400, naming the parameter."""
    reply = await stack.ask("GET", f"/events?{query}")
    assert reply.status == 400
    assert query.partition("=")[0] in reply["msg"]


async def test_without_the_key(stack: Stack) -> None:
    """No credentials and wrong ones are 401, as everywhere."""
    assert (await stack.ask("GET", "/events", auth=None)).status == 401
    assert (await stack.ask("GET", "/events", auth=(APP, OTHER_KEY))).status == 401


async def test_both_bases_and_a_slash(stack: Stack) -> None:
    """The route is where the others are."""
    await stack.connected()
    pages = [
        (await stack.ask("GET", path, base=base)).body
        for path, base in (("/events", "/voice/v1"), ("/events", "/v1"), ("/events/", "/v1"))
    ]
    assert pages[0] == pages[1] == pages[2]
    assert len(pages[0]["events"]) == 2
