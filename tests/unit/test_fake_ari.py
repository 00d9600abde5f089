"""The fake Asterisk does what the lab and live runs say; contract tests rest on it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from adapter.ari.client import AriClient
from adapter.ari.errors import Conflict, NotFound, Refused, Unauthorized, Unreachable
from tests.fakes.ari_model import Callee
from tests.fakes.ari_server import FakeAri


@pytest.fixture
async def ari() -> AsyncIterator[FakeAri]:
    """A fake Asterisk."""
    async with FakeAri() as fake:
        yield fake


@pytest.fixture
async def client(ari: FakeAri) -> AsyncIterator[AriClient]:
    """A client, with a WebSocket that hears everything, so that all events are logged."""
    pair = base64.b64encode(f"{ari.username}:{ari.password}".encode()).decode()
    async with (
        AriClient(ari.base_url, ari.username, ari.password, app="voice") as made,
        aiohttp.ClientSession(headers={"Authorization": f"Basic {pair}"}) as session,
        session.ws_connect(f"{ari.base_url}/ari/events?app=voice&subscribeAll=true"),
    ):
        yield made


def _story(ari: FakeAri, *hidden: str) -> list[str]:
    noise = {"ChannelCreated", "ChannelVarset", "ChannelDialplan", *hidden}
    return [_word(event) for event in ari.events if event["type"] not in noise]


def _word(event: dict[str, Any]) -> str:
    kind: str = event["type"]
    if kind == "Dial":
        return f"Dial {event['dialstatus']}".strip()
    if kind == "ChannelStateChange":
        return str(event["channel"]["state"])
    if kind == "ChannelDestroyed":
        return f"Destroyed {event['cause']}/{event.get('tech_cause')}"
    if kind == "ChannelHangupRequest":
        soft = " soft" if event.get("soft") else ""
        return f"Hangup {event.get('cause')}/{event.get('tech_cause')}{soft}"
    if kind.startswith("Playback"):
        playback = event["playback"]
        return f"{kind} {playback['id']} {playback['state']}"
    return kind


async def _dialled(
    ari: FakeAri, client: AriClient, callee: Callee, channel: str = "c", seconds: float = 30
) -> None:
    ari.callee("100", callee)
    await client.create_channel("PJSIP/100@trunk", channel)
    await ari.wait_for(lambda: ari.channels[channel].in_stasis)
    await client.dial(channel, seconds)


async def _up(ari: FakeAri, client: AriClient, channel: str = "c") -> None:
    await _dialled(ari, client, Callee(), channel)
    await ari.wait_for(lambda: ari.channels[channel].state == "Up")


async def test_an_answered_call_tells_its_story(ari: FakeAri, client: AriClient) -> None:
    """Create, dial, ring, answer, our hangup: the events of the live run, in its order."""
    await _up(ari, client)
    await client.hangup("c")
    await ari.wait_for(lambda: not ari.channels)
    assert _story(ari) == [
        "StasisStart", "Dial", "Ringing", "Dial RINGING", "Up", "Dial ANSWER",
        "Hangup 32/None soft", "StasisEnd", "Destroyed 16/None",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "cause"), [(486, 17), (603, 21), (404, 1), (480, 19), (408, 18), (503, 34)]
)
async def test_a_refusal_shows_as_causes(
    status: int, cause: int, ari: FakeAri, client: AriClient
) -> None:
    """With create and dial there is no final Dial event: the causes tell."""
    await _dialled(ari, client, Callee.refuses(status))
    await ari.wait_for(lambda: not ari.channels)
    assert _story(ari) == [
        "StasisStart", "Dial", f"Hangup {cause}/{status}", "StasisEnd",
        f"Destroyed {cause}/{status}",
    ]  # fmt: skip


async def test_ringing_out_looks_like_a_480(ari: FakeAri, client: AriClient) -> None:
    """The dial timeout ends the channel with 19/480 after a soft request."""
    await _dialled(ari, client, Callee.rings_out(), seconds=1)
    await ari.wait_for(lambda: not ari.channels)
    assert _story(ari)[2:] == [
        "Ringing", "Dial RINGING", "Hangup 32/None soft", "StasisEnd", "Destroyed 19/480",
    ]  # fmt: skip


async def test_a_leg_without_rtp_port_dies_like_a_hangup(ari: FakeAri, client: AriClient) -> None:
    """Cause 16 without a SIP status, right after dial (lab2.md, 28)."""
    await _dialled(ari, client, Callee(no_rtp_port=True))
    await ari.wait_for(lambda: not ari.channels)
    assert _story(ari) == ["StasisStart", "Dial", "Hangup None/None", "StasisEnd",
                           "Destroyed 16/None"]  # fmt: skip


async def test_a_callee_can_hang_up(ari: FakeAri, client: AriClient) -> None:
    """After its time the far end ends the call, with its cause."""
    await _dialled(ari, client, Callee(hangup_after=0.01, hangup_cause=31))
    await ari.wait_for(lambda: not ari.channels)
    assert _story(ari)[-3:] == ["Hangup 31/None", "StasisEnd", "Destroyed 31/None"]


async def test_dial_wants_stasis_and_only_once(ari: FakeAri, client: AriClient) -> None:
    """409 before StasisStart and on a second dial."""
    ari.world.stasis_delay = 60
    await client.create_channel("PJSIP/100@trunk", "early")
    with pytest.raises(Conflict):
        await client.dial("early", 30)
    ari.world.stasis_delay = 0
    await _up(ari, client)
    with pytest.raises(Conflict):
        await client.dial("c", 30)


async def test_an_inbound_call_rings_is_answered_and_ends(ari: FakeAri, client: AriClient) -> None:
    """BYE without Reason: no cause in the request, cause 0 in the end."""
    call = ari.inbound("1001", caller="+15551234", name="Alice", trunk="my-trunk")
    await client.ring(call)
    await client.answer(call)
    await client.answer(call)
    ari.digit(call, "5", 160)
    ari.remote_hangup(call, cause=0)
    assert _story(ari) == [
        "StasisStart", "Up", "ChannelDtmfReceived", "Hangup None/None", "StasisEnd",
        "Destroyed 0/None",
    ]  # fmt: skip
    start = next(event for event in ari.events if event["type"] == "StasisStart")
    assert start["args"] == ["inbound"]
    assert start["channel"]["caller"] == {"name": "Alice", "number": "+15551234"}
    assert start["channel"]["dialplan"]["exten"] == "1001"
    assert start["channel"]["name"].startswith("PJSIP/my-trunk-")


async def test_playbacks_queue_and_finish(ari: FakeAri, client: AriClient) -> None:
    """FIFO on a channel; between two items both Continuing and Started; one Finished."""
    await _up(ari, client)
    ari.media("sound:a", 0.01)
    ari.media("sound:missing", None)
    await client.play("c", ["sound:a", "sound:b"], "p1")
    await client.play("c", ["sound:missing"], "p2")
    await ari.wait_for(lambda: "PlaybackFinished p2 failed" in _story(ari))
    assert [word for word in _story(ari) if word.startswith("Playback")] == [
        "PlaybackStarted p1 playing",
        "PlaybackContinuing p1 continuing",
        "PlaybackStarted p1 playing",
        "PlaybackFinished p1 done",
        "PlaybackStarted p2 playing",
        "PlaybackFinished p2 failed",
    ]
    assert await client.get_playback("p1") is None


async def test_stopping_looks_like_an_end(ari: FakeAri, client: AriClient) -> None:
    """A stopped playback is "done"; a stopped queued one finishes without a start."""
    await _up(ari, client)
    ari.media("sound:long", 60)
    await client.play("c", ["sound:long"], "p1")
    await client.play("c", ["sound:long"], "p2")
    await ari.wait_for(lambda: "PlaybackStarted p1 playing" in _story(ari))
    await client.stop_playback("p2")
    await client.stop_playback("p1")
    await ari.wait_for(lambda: "PlaybackFinished p2 done" in _story(ari))
    assert [word for word in _story(ari) if word.startswith("Playback")] == [
        "PlaybackStarted p1 playing",
        "PlaybackFinished p1 done",
        "PlaybackFinished p2 done",
    ]


async def test_an_unknown_scheme_never_finishes(ari: FakeAri, client: AriClient) -> None:
    """It starts, and only a stop ends it (lab.md, 4)."""
    await _up(ari, client)
    await client.play("c", ["bogus:x"], "p1")
    await ari.wait_for(lambda: "PlaybackStarted p1 playing" in _story(ari))
    await client.play("c", ["sound:a"], "p2")
    playback = await client.get_playback("p1")
    assert playback is not None
    assert playback.state == "playing"
    await client.stop_playback("p1")
    await ari.wait_for(lambda: "PlaybackFinished p2 done" in _story(ari))


async def test_a_hangup_fails_what_plays_and_waits(ari: FakeAri, client: AriClient) -> None:
    """Running and queued playbacks end as failed before StasisEnd; later verbs get 404."""
    await _up(ari, client)
    ari.media("sound:long", 60)
    await client.play("c", ["sound:long"], "p1")
    await client.play("c", ["sound:long"], "p2")
    await ari.wait_for(lambda: "PlaybackStarted p1 playing" in _story(ari))
    await client.hangup("c")
    await ari.wait_for(lambda: not ari.channels)
    assert _story(ari)[-6:] == [
        "Hangup 32/None soft",
        "PlaybackFinished p1 failed",
        "PlaybackStarted p2 playing",
        "PlaybackFinished p2 failed",
        "StasisEnd",
        "Destroyed 16/None",
    ]
    with pytest.raises(NotFound):
        await client.play("c", ["sound:a"], "p3")


async def test_bridges_hold_and_move_channels(ari: FakeAri, client: AriClient) -> None:
    """Adding moves; a hangup leaves; deleting keeps the channels."""
    await _up(ari, client, "a")
    await _up(ari, client, "b")
    await client.create_bridge("one")
    await client.create_bridge("two")
    with pytest.raises(Conflict):
        await client.create_bridge("one")
    for channel in ("a", "b"):
        await client.add_channel("one", channel)
    await client.add_channel("two", "a")
    await client.hangup("b")
    await ari.wait_for(lambda: "b" not in ari.channels)
    await client.delete_bridge("two")
    assert list(ari.channels) == ["a"]
    assert [bridge.channels for bridge in await client.list_bridges()] == [()]
    kinds = [event["type"] for event in ari.events if "bridge" in event]
    assert kinds == [
        "BridgeCreated", "BridgeCreated", "ChannelEnteredBridge", "ChannelEnteredBridge",
        "ChannelLeftBridge", "ChannelEnteredBridge", "ChannelLeftBridge", "ChannelLeftBridge",
        "BridgeDestroyed",
    ]  # fmt: skip


async def test_without_subscribe_all_an_inbound_end_is_unheard(ari: FakeAri) -> None:
    """After StasisEnd nothing comes, unless the channel was subscribed to (lab.md, 1)."""
    pair = base64.b64encode(f"{ari.username}:{ari.password}".encode()).decode()
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Basic {pair}"}) as session,
        session.ws_connect(f"{ari.base_url}/ari/events?app=voice"),
        AriClient(ari.base_url, ari.username, ari.password, app="voice") as client,
    ):
        first = ari.inbound("1001")
        ari.remote_hangup(first)
        assert _story(ari) == ["StasisStart", "Hangup 16/None", "StasisEnd"]
        ari.events.clear()
        second = ari.inbound("1001")
        await client.subscribe(f"channel:{second}")
        ari.remote_hangup(second)
        assert _story(ari)[-1] == "Destroyed 16/None"


async def test_a_failure_happens_as_often_as_said(ari: FakeAri, client: AriClient) -> None:
    """fail() is used up; "after" carries out all the same; 0 cuts the connection."""
    ari.fail("create_channel", 503, times=2)
    for _ in range(2):
        with pytest.raises(Refused):
            await client.create_channel("PJSIP/100@trunk", "c")
    assert "c" not in ari.channels
    ari.fail("create_channel", 0, stage="after")
    with pytest.raises(Unreachable):
        await client.create_channel("PJSIP/100@trunk", "c")
    with pytest.raises(Conflict):
        await client.create_channel("PJSIP/100@trunk", "c")


async def test_slow_answers_let_events_pass(ari: FakeAri, client: AriClient) -> None:
    """By default the effect comes first and the answer later; "before" delays both."""
    await _up(ari, client)
    ari.slow("hangup", 0.1)
    task = asyncio.ensure_future(client.hangup("c"))
    await ari.wait_for(lambda: "Destroyed 16/None" in _story(ari))
    assert not task.done()
    await task
    ari.slow("create_channel", 0.1, stage="before")
    creating = asyncio.ensure_future(client.create_channel("PJSIP/100@trunk", "d"))
    await ari.wait_for(lambda: ari.count("create_channel") == 2)
    assert "d" not in ari.channels
    await creating
    assert "d" in ari.channels


async def test_a_cut_keeps_calls_and_a_crash_forgets_them(ari: FakeAri, client: AriClient) -> None:
    """A network cut is not a crash: channels, filters and objects tell the difference."""
    await _up(ari, client)
    await client.put_config("aor", "x", {"contact": "sip:a@b"})
    await client.event_filter(["Dial"])
    port = ari.port
    await ari.refuse_connections()
    with pytest.raises(Unreachable):
        await client.ping()
    await ari.listen()
    assert ari.port == port
    assert await client.get_channel("c") is not None
    assert await client.get_application() is not None
    await ari.crash()
    await ari.listen()
    assert await client.list_channels() == []
    assert await client.get_config("aor", "x") is None
    assert await client.get_application() is None


async def test_requests_are_logged_as_they_came(ari: FakeAri, client: AriClient) -> None:
    """Verb, encoded path, query, decoded ids and body."""
    await client.get_channel("a/b")
    [seen] = ari.seen("get_channel")
    assert (seen.method, seen.path) == ("GET", "/channels/a%2Fb")
    assert seen.ids == {"channel": "a/b"}
    await client.create_channel("PJSIP/1@t", "c", variables={"A": "b"})
    [created] = ari.seen("create_channel")
    assert created.query == {"endpoint": "PJSIP/1@t", "app": "voice", "channelId": "c"}
    assert created.body == {"variables": {"A": "b"}}


async def test_a_verb_it_has_not_is_loud(ari: FakeAri, client: AriClient) -> None:
    """An unsimulated request is a 501, not something that looks like an answer."""
    with pytest.raises(Refused, match="the fake has no"):
        await client.record("c", "r")


async def test_waiting_gives_up(ari: FakeAri) -> None:
    """wait_for raises TimeoutError instead of hanging a test run."""
    with pytest.raises(TimeoutError):
        await ari.wait_for(lambda: False, seconds=0.02)


async def test_credentials_are_asked_for(ari: FakeAri) -> None:
    """Without the right password nothing is carried out or logged."""
    async with AriClient(ari.base_url, "adapter", "no", app="voice") as stranger:
        with pytest.raises(Unauthorized):
            await stranger.ping()
    assert ari.requests == []
