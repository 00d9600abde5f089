"""Webhooks through the admin API: what waits, what went, what was given up; and again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.admin_api import SETTINGS, AdminApi
from tests.contract.stack import APP, OTHER_APP, Stack, eventually


@pytest.fixture
async def api(idle: Stack) -> AsyncIterator[AdminApi]:
    """An adapter with the admin API that gives webhooks up after two attempts."""
    idle.configure(SETTINGS, retry=(0.02,))
    await idle.start()
    yield AdminApi(idle)
    await idle.stop()


async def listed(api: AdminApi, query: str) -> list[str]:
    return [one["event"] for one in (await api.done("GET", f"/webhooks?{query}"))["webhooks"]]


async def dead_call(api: AdminApi) -> str:
    """A call whose three webhooks were given up."""
    stack = api.stack
    stack.sink.script(*[503] * 6, path="/dead?token=hush")
    call: str = (await stack.place(event_url=stack.sink.url("/dead?token=hush")))["voice_id"]
    await stack.answered(call)
    await stack.hang_up(call)

    async def given_up() -> bool:
        return len(await listed(api, f"state=dead&call={call}")) == 3

    await eventually(given_up)
    return call


async def test_delivered(api: AdminApi) -> None:
    """With its attempt; the query of its URL, where customers keep tokens, is not shown."""
    call = await api.stack.connected(event_url=api.stack.sink.url("/x?token=hush"))
    await api.stack.sink.wait_acknowledged(2)
    await api.stack.settled()
    rows = (await api.done("GET", f"/webhooks?call={call}"))["webhooks"]
    assert [row["event"] for row in rows] == ["connected", "ringing"]
    assert {row["state"] for row in rows} == {"delivered"}
    assert rows[0]["url"] == api.stack.sink.url("/x")
    assert {received.id for received in api.stack.sink.received} == {row["id"] for row in rows}
    shown = await api.done("GET", f"/webhooks/{rows[0]['id']}")
    assert shown["webhook"] == rows[0]
    (attempt,) = shown["attempts"]
    assert (attempt["status"], attempt["error"]) == (200, None)
    await api.stack.hang_up(call)


async def test_conditions_and_pages(api: AdminApi) -> None:
    """By state, app and call; the latest first; `after` leads on."""
    call = await dead_call(api)
    assert await listed(api, "state=dead") == ["disconnected", "connected", "ringing"]
    assert await listed(api, f"state=dead&app={OTHER_APP}") == []
    assert await listed(api, f"app={APP}&call={call}&limit=2") == ["disconnected", "connected"]
    page = await api.done("GET", f"/webhooks?call={call}&limit=2")
    assert await listed(api, f"call={call}&limit=2&after={page['next']}") == ["ringing"]
    assert await listed(api, "state=pending") == []
    error = await api.refused(400, "GET", "/webhooks?state=x")
    assert error["message"] == "state: one of dead, delivered, pending"


async def test_a_dead_letter_again(api: AdminApi) -> None:
    """It goes out with the id that it had, and its attempts go on counting."""
    call = await dead_call(api)
    sink = api.stack.sink
    (first, *_) = reversed((await api.done("GET", f"/webhooks?call={call}"))["webhooks"])
    sink.clear()
    assert await api.done("POST", f"/webhooks/{first['id']}/replay") == {"replayed": 1}
    await sink.wait_acknowledged(1)
    assert sink.ids == [first["id"]]
    await api.stack.settled()
    shown = await api.done("GET", f"/webhooks/{first['id']}")
    assert shown["webhook"]["state"] == "delivered"
    assert [attempt["status"] for attempt in shown["attempts"]] == [503, 503, 200]
    assert len(await listed(api, f"state=dead&call={call}")) == 2


async def test_a_delivered_one_again(api: AdminApi) -> None:
    """The customer gets the same message a second time."""
    call = await api.stack.connected()
    sink = api.stack.sink
    await sink.wait_acknowledged(2)
    await api.stack.settled()
    webhook = sink.received[0]
    await api.done("POST", f"/webhooks/{webhook.id}/replay")
    await sink.wait_for(lambda all_: [one.id for one in all_].count(webhook.id) == 2)
    assert sink.received[2].json == webhook.json
    await api.stack.hang_up(call)


async def test_all_dead_letters_again(api: AdminApi) -> None:
    """Of one app, since a time; others stay dead. A second time there are none."""
    call = await dead_call(api)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert await api.done("POST", f"/webhooks/replay?app={OTHER_APP}") == {"replayed": 0}
    assert await api.done("POST", f"/webhooks/replay?since={tomorrow}") == {"replayed": 0}
    api.stack.sink.clear()
    path = f"/webhooks/replay?app={APP}&since=2026-01-01"
    assert await api.done("POST", path) == {"replayed": 3}
    await api.stack.sink.wait_acknowledged(3)
    assert api.stack.names(call) == ["ringing", "connected", "disconnected"]
    assert await api.done("POST", path) == {"replayed": 0}
    error = await api.refused(400, "POST", "/webhooks/replay?since=yesterday")
    assert error["field"] == "since"


async def test_an_endpoint_that_was_gone(api: AdminApi) -> None:
    """After a 410 nothing goes there, until a replay says that it is back."""
    stack = api.stack
    stack.sink.script(410, path="/gone")
    call: str = (await stack.place(event_url=stack.sink.url("/gone")))["voice_id"]

    async def given_up() -> bool:
        return len(await listed(api, f"state=dead&call={call}")) >= 2

    await stack.answered(call)
    await eventually(given_up)
    stack.sink.clear()
    assert (await api.done("POST", "/webhooks/replay"))["replayed"] >= 2
    await stack.sink.wait_acknowledged(2)
    await stack.hang_up(call)
    await stack.over(call)


async def test_what_cannot_be_replayed(idle: Stack) -> None:
    """One that waits for its next attempt is 409, one that is not there 404."""
    idle.configure(SETTINGS, retry=(600,))
    await idle.start()
    api = AdminApi(idle)
    await api.refused(404, "POST", "/webhooks/nothing/replay")
    await api.refused(404, "GET", "/webhooks/nothing")
    idle.sink.script(503)
    call = (await idle.place())["voice_id"]
    await idle.sink.wait_for(1)

    async def tried() -> bool:
        rows = (await api.done("GET", f"/webhooks?call={call}&state=pending"))["webhooks"]
        return any(row["attempts"] == 1 for row in rows)

    await eventually(tried)
    rows = (await api.done("GET", f"/webhooks?call={call}&state=pending"))["webhooks"]
    assert rows[-1]["next_at"] > rows[-1]["created_at"]
    error = await api.refused(409, "POST", f"/webhooks/{rows[-1]['id']}/replay")
    assert error["code"] == "conflict"
    await idle.hang_up(call)
    await idle.stop()
