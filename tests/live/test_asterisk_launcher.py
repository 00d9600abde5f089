"""The launcher's instances, run for real: an Asterisk as the adapter has it, and the carrier."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from tests.live.asterisk import Carrier, Instance, LauncherFailed
from tests.live.audio import loud_seconds
from tests.live.conftest import Eventually

pytestmark = pytest.mark.live

Event = dict[str, Any]
TRUNK = {
    "context": "inbound",
    "allow": "!all,ulaw,alaw",
    "direct_media": "no",
    "send_connected_line": "no",
    "redirect_method": "uri_core",
    "timers": "no",
}


class Watch:
    """One Stasis application on an Asterisk: requests, and events as they come."""

    def __init__(self, session: aiohttp.ClientSession, instance: Instance) -> None:
        self._session = session
        self._instance = instance
        self.events: list[Event] = []
        self._more = asyncio.Condition()

    async def hang_up(self, channel: str) -> None:
        """End a channel, or find it ended."""
        async with self._session.delete(f"{self._instance.ari_url}/channels/{channel}") as answer:
            assert answer.status in (204, 404), await answer.text()

    async def request(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """One request to ARI; fails the test on an error."""
        url = f"{self._instance.ari_url}/{path}"
        async with self._session.request(method, url, params=query, json=body) as answer:
            text = await answer.text()
            assert answer.status < 300, f"{method} {path}: {answer.status} {text}"
            return json.loads(text) if text else None

    async def read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Collect events until the socket closes."""
        async for message in socket:
            async with self._more:
                self.events.append(json.loads(message.data))
                self._more.notify_all()

    async def event(
        self, kind: str, channel: str = "", seconds: float = 15.0, **keys: Any
    ) -> Event:
        """The first event of a type, of a channel and with these keys; waited for."""

        def found() -> Event | None:
            for event in self.events:
                party = event.get("channel") or event.get("peer") or {}
                fits = all(event.get(key) == value for key, value in keys.items())
                if event["type"] == kind and channel in ("", party.get("id")) and fits:
                    return event
            return None

        async with asyncio.timeout(seconds), self._more:
            event = await self._more.wait_for(found)
        assert event is not None
        return event

    async def up(self, channel: str) -> None:
        """Wait until a channel is answered."""
        async with asyncio.timeout(15), self._more:
            await self._more.wait_for(
                lambda: any(
                    event["type"] == "ChannelStateChange"
                    and event["channel"]["id"] == channel
                    and event["channel"]["state"] == "Up"
                    for event in self.events
                )
            )

    async def dial(self, number: str) -> str:
        """Create a leg to the carrier and dial it; returns its id."""
        channel = str(uuid4())
        endpoint = f"PJSIP/{number}@probe"
        await self.request(
            "POST", "channels/create", endpoint=endpoint, app="ari-voice", channelId=channel
        )
        await self.event("StasisStart", channel)
        await self.request("POST", f"channels/{channel}/dial", timeout="20")
        return channel

    async def record(self, channel: str, name: str) -> None:
        """Record what the far end says, on a leg of its own.

        The channel itself cannot be recorded in the moment after its answer: it is still in the
        bridge of its dialling ("Cannot record channel while in bridge").
        """
        listener = f"{name}-{channel}"
        path = f"channels/{channel}/snoop"
        await self.request("POST", path, spy="in", app="ari-voice", snoopId=listener)
        await self.event("StasisStart", listener)
        await self.request("POST", f"channels/{listener}/record", name=name, format="wav")

    async def push(self, kind: str, name: str, **fields: str) -> None:
        """Create or change an object of PJSIP, as provisioning does."""
        attributes = [{"attribute": key, "value": value} for key, value in fields.items()]
        path = f"asterisk/config/dynamic/res_pjsip/{kind}/{name}"
        await self.request("PUT", path, {"fields": attributes})


async def watching(instance: Instance, **query: str) -> AsyncIterator[Watch]:
    """Connect to an instance's events."""
    account = aiohttp.encode_basic_auth(instance.ari_user, instance.ari_password)
    async with aiohttp.ClientSession(headers={"Authorization": account}) as session:
        watch = Watch(session, instance)
        where = instance.ari_url.replace("http", "ws", 1) + "/events"
        async with session.ws_connect(where, params=query) as socket:
            reader = asyncio.create_task(watch.read(socket))
            yield watch
            await socket.close()
            await reader


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Instance, Carrier]]:
    """An Asterisk and a carrier of this module's own."""
    with tempfile.TemporaryDirectory(prefix="avl-", dir="/tmp") as name:
        instance = Instance(f"{name}/a")
        begun = time.monotonic()
        instance.start()
        print(f"\nAsterisk started in {time.monotonic() - begun:.2f} s")
        carrier = Carrier(f"{name}/c", instance.sip_port)
        try:
            carrier.start()
            yield instance, carrier
        finally:
            instance.kill()
            if (carrier.dir / "instance.json").exists():
                carrier.kill()


@pytest.fixture
def here(pair: tuple[Instance, Carrier]) -> Instance:
    """The adapter's Asterisk."""
    return pair[0]


@pytest.fixture
def there(pair: tuple[Instance, Carrier]) -> Carrier:
    """The carrier."""
    return pair[1]


@pytest.fixture
async def app(here: Instance, there: Carrier) -> AsyncIterator[Watch]:
    """The application, with a trunk to the carrier pushed through ARI."""
    async for watch in watching(here, app="ari-voice"):
        await watch.push("aor", "probe", contact=f"sip:127.0.0.1:{there.sip_port}")
        await watch.push("endpoint", "probe", aors="probe", **TRUNK)
        await watch.push("identify", "probe", endpoint="probe", match="127.0.0.1")
        yield watch
        for channel in await watch.request("GET", "channels"):
            await watch.hang_up(channel["id"])


def test_starts_clean(pair: tuple[Instance, Carrier]) -> None:
    """Neither instance logs a warning or an error; AMI is open at the adapter's alone."""
    for instance, open_ in zip(pair, ("Yes", "No"), strict=True):
        log = (instance.dir / "log/console.log").read_text()
        assert [line for line in log.splitlines() if "ERROR" in line or "WARNING" in line] == []
        [ami] = re.findall(r"Manager \(AMI\): +(\w+)", instance.cli("manager show settings"))
        assert ami == open_


def test_second_start_in_one_folder_is_refused(here: Instance) -> None:
    """Two Asterisks would fight over one control socket."""
    with pytest.raises(LauncherFailed, match="running already"):
        Instance(here.dir).start()


@pytest.mark.parametrize(
    ("number", "cause", "status"),
    [
        ("+15550486", 17, 486),
        ("+15550603", 21, 603),
        ("+15550404", 1, 404),
        ("+15550503", 34, 503),
        ("+15550480", 19, 480),
        ("+15550109", 23, 302),
        ("+4989123", 1, 404),
        ("+15551486", 17, 486),
    ],
)
async def test_refusals(app: Watch, number: str, cause: int, status: int) -> None:
    """Each refusing number ends with its SIP status, a redirection too: it becomes no call."""
    channel = await app.dial(number)
    end = await app.event("ChannelDestroyed", channel)
    assert (end["cause"], end["tech_cause"]) == (cause, status)
    assert [leg["id"] for leg in await app.request("GET", "channels")] == []


async def test_rings_then_answers(app: Watch) -> None:
    """+15550101 rings three seconds."""
    channel = await app.dial("+15550101")
    await app.event("Dial", channel, dialstatus="RINGING")
    begun = time.monotonic()
    await app.up(channel)
    assert 2.5 < time.monotonic() - begun < 4.5


async def test_early_media(app: Watch) -> None:
    """+15550105 sends 183 with audio, then answers; it never rings."""
    channel = await app.dial("+15550105")
    await app.event("Dial", channel, dialstatus="PROGRESS")
    await app.up(channel)
    assert not any(event.get("dialstatus") == "RINGING" for event in app.events)


async def test_presses_keys(app: Watch) -> None:
    """+15553 01 and keys: each key comes once, in order."""
    channel = await app.dial("+155530112*0#")
    await app.event("ChannelDtmfReceived", channel, digit="#")
    keys = [event["digit"] for event in app.events if event["type"] == "ChannelDtmfReceived"]
    assert "".join(keys) == "12*0#"


async def test_hangs_up_by_itself(app: Watch) -> None:
    """+15552202 is up for two seconds (and what its answer waits for audio)."""
    channel = await app.dial("+15552202")
    await app.up(channel)
    begun = time.monotonic()
    end = await app.event("ChannelDestroyed", channel)
    assert 1.8 < time.monotonic() - begun < 3.5
    assert end["cause"] == 16


async def test_what_is_played_is_heard(app: Watch, there: Carrier) -> None:
    """The carrier's recording holds what we played to it."""
    channel = await app.dial("+15550108")
    await app.up(channel)
    await app.request("POST", f"channels/{channel}/play", media="sound:demo-thanks", playbackId="p")
    await app.event("PlaybackFinished")
    await app.request("DELETE", f"channels/{channel}")
    await app.event("ChannelDestroyed", channel)
    assert 3.5 < loud_seconds(there.heard("+15550108")) < 6


async def test_machine_greets(app: Watch, here: Instance) -> None:
    """+15550104 speaks for five seconds and more, as a machine does, and beeps."""
    channel = await app.dial("+15550104")
    await app.up(channel)
    await app.record(channel, "m")
    await asyncio.sleep(10)
    await app.request("POST", "recordings/live/m/stop")
    await app.event("RecordingFinished")
    assert loud_seconds(here.dir / "spool/recording/m.wav") > 5


async def test_echo(app: Watch, here: Instance) -> None:
    """+15550100 sends back what it hears."""
    channel = await app.dial("+15550100")
    await app.up(channel)
    await app.record(channel, "e")
    await app.request("POST", f"channels/{channel}/play", media="sound:hello-world")
    await app.event("PlaybackFinished")
    await app.request("POST", "recordings/live/e/stop")
    await app.event("RecordingFinished")
    assert loud_seconds(here.dir / "spool/recording/e.wav") > 0.5


async def test_call_in_without_an_application(here: Instance, there: Carrier) -> None:
    """Nobody is connected for calls: the carrier gets 503, not 603, and may try another route."""
    async for trunk in watching(here, app="other"):
        await trunk.push("endpoint", "probe", **TRUNK)
        await trunk.push("identify", "probe", endpoint="probe", match="127.0.0.1")
    async for carrier in watching(there, app="watch", subscribeAll="true"):
        channel = await asyncio.to_thread(there.call, "1000", "+17770000")
        end = await carrier.event("ChannelDestroyed", channel)
        assert (end["cause"], end["tech_cause"]) == (34, 503)


async def test_call_in(app: Watch, there: Carrier) -> None:
    """The carrier's call has its number, name and header; once answered it presses keys."""
    channel = await asyncio.to_thread(
        there.call, "1001", "+17770001", "wait:1,press:7#", {"X-Room": "a;b"}, name="Ada"
    )
    start = await app.event("StasisStart")
    inside = start["channel"]
    assert start["args"] == ["inbound"]
    assert inside["caller"] == {"name": "Ada", "number": "+17770001"}
    header = await app.request(
        "GET", f"channels/{inside['id']}/variable", variable="PJSIP_HEADER(read,X-Room)"
    )
    assert header["value"] == "a;b"
    await app.request("POST", f"channels/{inside['id']}/answer")
    await app.event("ChannelDtmfReceived", inside["id"], digit="7")
    await app.event("ChannelDtmfReceived", inside["id"], digit="#")
    await app.request("POST", f"channels/{inside['id']}/play", media="sound:hello-world")
    await app.event("PlaybackFinished")
    await app.request("DELETE", f"channels/{inside['id']}")
    await app.event("StasisEnd", inside["id"])
    assert loud_seconds(await asyncio.to_thread(there.heard, "1001", channel)) > 0.5


async def test_cancel_before_the_answer(app: Watch, there: Carrier) -> None:
    """A call in can be given up while it rings."""
    channel = await asyncio.to_thread(there.call, "1002", "+17770002")
    inside = (await app.event("StasisStart"))["channel"]["id"]
    assert await asyncio.to_thread(there.cancel, channel)
    end = await app.event("ChannelHangupRequest", inside)
    assert end["tech_cause"] == 487
    assert not await asyncio.to_thread(there.cancel, channel)


async def test_trunk_that_registers(app: Watch, there: Carrier, eventually: Eventually) -> None:
    """A registration pushed through ARI reaches the carrier, and calls come in over it."""
    where = f"127.0.0.1:{there.sip_port}"
    await app.push(
        "auth", "reg", auth_type="userpass", username="subscriber", password=there.trunk_password
    )
    await app.push(
        "registration",
        "reg",
        server_uri=f"sip:{where}",
        client_uri=f"sip:subscriber@{where}",
        outbound_auth="reg",
        contact_user="reg",
        max_random_initial_delay="0",
    )
    await eventually(lambda: "sip:reg@" in there.cli("pjsip show contacts"), 20)
    await asyncio.to_thread(there.call, "1003", "+17770003", via="subscriber")
    start = await app.event("StasisStart")
    assert start["channel"]["caller"]["number"] == "+17770003"
    await app.request("DELETE", f"channels/{start['channel']['id']}")


def test_restart_after_kill_has_the_same_ports(pair: tuple[Instance, Carrier]) -> None:
    """Killed, it is gone; started again, it is the same instance to everybody."""
    here, there = pair
    before = (here.http_port, here.sip_port, here.rtp_ports, here.ari_password)
    here.kill()
    assert not here.running
    here.restart()
    assert here.running
    assert (here.http_port, here.sip_port, here.rtp_ports, here.ari_password) == before
    taken = range(there.http_port, there.rtp_ports[1] + 1)
    assert here.http_port not in taken
    assert here.rtp_ports[1] not in taken
