"""adapter.ari.transport: addressing, failures, timing and limits, against real servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from adapter.ari.client import AriClient
from adapter.ari.errors import (
    InvalidArgument,
    NotFound,
    Refused,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from adapter.ari.transport import segment
from tests.fakes.ari_recorder import Recorder
from tests.fakes.ari_server import FakeAri


@pytest.fixture
async def ari() -> AsyncIterator[FakeAri]:
    """A fake Asterisk."""
    async with FakeAri() as fake:
        yield fake


@pytest.fixture
async def client(ari: FakeAri) -> AsyncIterator[AriClient]:
    """A client of it."""
    async with AriClient(ari.base_url, ari.username, ari.password, app="voice", timeout=2) as made:
        yield made


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    """A running Recorder."""
    async with Recorder() as made:
        yield made


@pytest.fixture
async def recorded(recorder: Recorder) -> AsyncIterator[AriClient]:
    """A client of the recorder."""
    async with AriClient(recorder.base_url, "u", "p", app="voice", timeout=0.5) as made:
        yield made


@pytest.mark.parametrize(
    "name", ["a/b", "../x", "a?b=c", "a#b", "a%2Fb", "a b", "ü", "a;b", "..", ".", "a&b=c", "a\\b"]
)
async def test_an_odd_id_stays_one_segment(
    name: str, recorded: AriClient, recorder: Recorder
) -> None:
    """Whatever an id holds, the request goes to that channel and nowhere else."""
    recorder.status = 204
    await recorded.answer(name)
    [(_, path, query, _)] = recorder.seen
    assert path == f"/ari/channels/{segment(name)}/answer"
    assert query == {}
    assert "/" not in segment(name)


@pytest.mark.parametrize("name", ["", "\x00", "a\x00b", "a\r\nb", "\ud800", "\x7f"])
async def test_a_bad_id_is_not_sent(name: str, recorded: AriClient, recorder: Recorder) -> None:
    """An empty id or a control character would address something else."""
    with pytest.raises(InvalidArgument):
        await recorded.hangup(name)
    assert recorder.seen == []


async def test_control_characters_are_sent_nowhere(recorded: AriClient, recorder: Recorder) -> None:
    """Header injection through a variable (lab.md, 2) is refused before the wire."""
    for call in (
        recorded.create_channel("PJSIP/1@t", "c", variables={"PJSIP_HEADER(add,X)": "a\r\nY: 1"}),
        recorded.create_channel("PJSIP/1@t\n", "c"),
        recorded.set_variable("c", "X", "a\nb"),
        recorded.play("c", ["sound:a\n"], "p"),
        recorded.put_config("aor", "x", {"contact": "sip:a\nb"}),
    ):
        with pytest.raises(InvalidArgument):
            await call
    assert recorder.seen == []


async def test_no_answer_is_unreachable(recorded: AriClient, recorder: Recorder) -> None:
    """A server that hangs costs the timeout and no more."""
    recorder.hang = True
    before = recorded.last_answer_at
    started = time.monotonic()
    with pytest.raises(Unreachable, match="in time"):
        await recorded.ping()
    assert time.monotonic() - started < 5
    assert recorded.last_answer_at == before


async def test_a_cut_or_refused_connection_is_unreachable(ari: FakeAri, client: AriClient) -> None:
    """A reset in the middle and a closed port are both Unreachable, and it comes back."""
    ari.fail("answer", 0)
    with pytest.raises(Unreachable):
        await client.answer("c")
    await ari.refuse_connections()
    with pytest.raises(Unreachable):
        await client.ping()
    await ari.listen()
    assert (await client.ping()).ping == "pong"


async def test_a_booting_asterisk_is_unavailable(ari: FakeAri, client: AriClient) -> None:
    """404 and 503 before ARI is loaded do not mean that a channel is gone."""
    ari.boot(404, 503)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await client.get_channel("c")
    assert await client.get_channel("c") is None


async def test_wrong_credentials_are_unauthorized(ari: FakeAri) -> None:
    """A wrong password is named as such, on requests and on the WebSocket."""
    async with AriClient(ari.base_url, ari.username, "wrong", app="voice") as stranger:
        with pytest.raises(Unauthorized):
            await stranger.ping()
        with pytest.raises(Unauthorized):
            await stranger.connect_events()


async def test_redirects_are_not_followed(recorded: AriClient, recorder: Recorder) -> None:
    """Credentials go to Asterisk only."""
    recorder.status = 302
    with pytest.raises(Refused):
        await recorded.ping()
    assert len(recorder.seen) == 1


async def test_requests_are_observed(ari: FakeAri) -> None:
    """The metrics hook gets verb, seconds and success: a refusal is none, gone already is one."""
    seen: list[tuple[str, float, bool]] = []
    async with AriClient(
        ari.base_url,
        ari.username,
        ari.password,
        app="voice",
        observe=lambda *one: seen.append(one),
    ) as client:
        await client.ping()
        await client.hangup("none")
        with pytest.raises(NotFound):
            await client.answer("none")
        await ari.refuse_connections()
        with pytest.raises(Unreachable):
            await client.ping()
    assert [(verb, ok) for verb, _, ok in seen] == [
        ("ping", True),
        ("hangup", True),
        ("answer", False),
        ("ping", False),
    ]
    assert all(0 <= seconds < 5 for _, seconds, _ in seen)


async def test_any_answer_counts_as_a_sign_of_life(ari: FakeAri) -> None:
    """A refusal is an answer too; the clock is the one given."""
    now = 100.0
    async with AriClient(
        ari.base_url, ari.username, ari.password, app="voice", clock=lambda: now
    ) as client:
        assert client.last_answer_at is None
        await client.hangup("none")
        assert client.last_answer_at == 100.0


async def test_no_more_connections_than_asterisk_can_queue(ari: FakeAri) -> None:
    """100 requests at once use at most limit + 1 connections, one of them for the WebSocket."""
    ari.slow("ping", 0.005)
    most = 0
    async with AriClient(ari.base_url, ari.username, ari.password, app="voice") as client:
        requests = [asyncio.ensure_future(client.ping()) for _ in range(100)]
        while not all(request.done() for request in requests):
            most = max(most, ari.connections)
            await asyncio.sleep(0.001)
        await asyncio.gather(*requests)
    assert 1 < most <= 9
