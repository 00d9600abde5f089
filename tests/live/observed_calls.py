"""Calls of several kinds that the metrics tell of, and what else an operator's numbers show."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from tests.fakes.webhook_sink import Received, Reply, WebhookSink
from tests.live import numbers
from tests.live.adapter_process import APP_ID, APP_KEY, AdapterProcess
from tests.live.asterisk import Carrier
from tests.live.conftest import Api
from tests.live.prometheus import SCRAPE

OUTAGE = 3.0
"""Seconds for which the application refuses webhooks: longer than from one count of those that
wait to the next (`adapter.outbox.outbox.Limits.poll`)."""

REFUSED = "Please"
"""How texts begin that the preferred synthesiser does not speak."""

GONE_APP, GONE_KEY = "9d02b7c4e1f3", "key-of-the-test-app-0002"
GONE_NUMBER = "+15551007"
SECOND_APP = f"""
[[app]]
id = "{GONE_APP}"
key = "{GONE_KEY}"
event_url = "%s"
allowed_destinations = ["+1555"]
max_concurrent_calls = 1
[[number]]
number = "{GONE_NUMBER}"
app = "{GONE_APP}"
trunk = "carrier"
"""
PLUGINS = """
[plugins]
tts = ["google", "espeak"]
[plugins.google]
endpoint = "%s"
insecure = true
"""
CALLS = {
    ("outbound", "hangup"): 2,
    ("outbound", "busy"): 1,
    ("outbound", "congestion"): 1,
    ("outbound", "rejected"): 1,
    ("outbound", "cancelled"): 2,
    ("outbound", "no_answer"): 2,
    ("inbound", "hangup"): 1,
    ("inbound", "rejected"): 1,
}
"""What these calls end with."""


class Stories:
    """Calls of several kinds, and what else an operator's numbers tell of.

    What is a series of its own with its first count happens twice, with a scrape between: only the
    second time is a growth.
    """

    def __init__(self, adapter: AdapterProcess, carrier: Carrier, sink: WebhookSink) -> None:
        self._adapter = adapter
        self._carrier = carrier
        self._sink = sink
        self._up_at = 0.0
        sink.decide = self._decide

    def _decide(self, received: Received) -> Reply:
        """The second application is gone for good, the first one for a while."""
        if received.path == "/gone":
            return Reply(410)
        return Reply(503 if time.monotonic() < self._up_at else 200)

    async def happen(self) -> None:
        """All of them, side by side but for the outage."""
        async with self._api(APP_ID, APP_KEY) as api, self._api(GONE_APP, GONE_KEY) as gone:
            await self._refused_in_an_outage(api)
            async with asyncio.timeout(30), asyncio.TaskGroup() as group:
                for story in (
                    self._menu(api),
                    self._is_recorded_and_heard(api),
                    self._cancelled(api),
                    self._comes_in(api),
                    self._comes_in_for_nobody(),
                    self._is_rejected(api),
                    self._over_the_limit(gone),
                    self._guesses(),
                    self._not_registered(api),
                ):
                    group.create_task(story)

    async def exposition(self) -> str:
        """The adapter's /metrics now."""
        async with (
            aiohttp.ClientSession(self._adapter.base) as session,
            session.get("/metrics") as answer,
        ):
            return await answer.text()

    def _api(self, app: str, key: str) -> _Session:
        return _Session(self._adapter.base, app, key, self._sink)

    async def _refused_in_an_outage(self, api: Api) -> None:
        self._up_at = time.monotonic() + OUTAGE
        for number in (numbers.BUSY, numbers.CONGESTED, numbers.REJECTS):
            call = await api.place(number)
            await self._told(api, call, "disconnected")

    async def _menu(self, api: Api) -> None:
        """A key interrupts the question: the end of the playback comes late."""
        call = await api.place(numbers.presses("12#", after=1))
        await self._told(api, call, "connected")
        await api.play(call, text=f"{REFUSED} enter your number. " * 4, dtmf=True)
        await self._told(api, call, "digitcollected")
        for count, text in enumerate((f"{REFUSED} wait.", "Goodbye.", "Goodbye."), 1):
            await api.play(call, text=text)
            await self._told(api, call, "playfinished", count)
        await api.hang_up(call)
        await self._told(api, call, "disconnected")

    async def _is_recorded_and_heard(self, api: Api) -> None:
        """The far end echoes the question: that is what the recogniser gets, and what is saved."""
        call = await api.place(numbers.ECHOES)
        await self._told(api, call, "connected")
        await api.request("PUT", f"/call/{call}/recording", {"start": True})
        await self._told(api, call, "started")
        asking = {"asr": True, "asr_hints": ["yes", "no"], "recognizer_timeout": 1}
        await api.play(call, text="Do you hear yourself?", **asking)
        heard = {"recognized", "unrecognized"}
        await self._sink.wait_for(lambda _: not heard.isdisjoint(api.names(call)), timeout=15)
        await api.request("PUT", f"/call/{call}/recording", {"stop": True})
        await self._told(api, call, "completed")
        await api.hang_up(call)
        await self._told(api, call, "disconnected")

    async def _cancelled(self, api: Api) -> None:
        call = await api.place(numbers.RINGS_OUT)
        await self._told(api, call, "ringing")
        await api.hang_up(call)
        await self._told(api, call, "disconnected")

    async def _comes_in(self, api: Api) -> None:
        call = await self._arrival(api, "+15557770001", behave="wait:3,press:42#")
        await api.request("PUT", f"/call/{call}/accept")
        await self._told(api, call, "connected")
        await api.play(call, text="Enter your number. " * 20, dtmf=True)
        await self._told(api, call, "digitcollected")
        await api.hang_up(call)
        await self._told(api, call, "disconnected")

    async def _is_rejected(self, api: Api) -> None:
        call = await self._arrival(api, "+15557770002")
        await api.hang_up(call)
        await self._told(api, call, "disconnected")

    async def _comes_in_for_nobody(self) -> None:
        await asyncio.to_thread(self._carrier.call, to="+15559999", from_="+15557770003")

    async def _over_the_limit(self, gone: Api) -> None:
        """One call at a time; its webhooks, `ringing` and `disconnected`, are given up."""
        wanted = {"from": GONE_NUMBER, "to": numbers.RINGS_OUT}
        _, reply = await gone.request("POST", "/call", wanted)
        await self._sink.wait_for(lambda all_: any(r.path == "/gone" for r in all_), timeout=15)
        status, _ = await gone.request("POST", "/call", wanted)
        assert status == 429
        await asyncio.sleep(2 * SCRAPE)
        await gone.hang_up(reply["voice_id"])

    async def _guesses(self) -> None:
        """Five wrong keys cost nothing; of ten more at a time eight wait, two are turned away."""
        async with self._api("nobody", "wrong") as guesser:
            free = [(await guesser.request("GET", "/call/x"))[0] for _ in range(5)]
            more = await asyncio.gather(*(guesser.request("GET", "/call/x") for _ in range(10)))
        assert free == [401] * 5
        assert sorted(status for status, _ in more) == [401] * 8 + [429] * 2

    async def _not_registered(self, api: Api) -> None:
        """Asterisk refuses to make a channel to a phone that it does not know where to find."""
        for _ in range(2):
            call = await api.place("0003*210")
            await self._told(api, call, "disconnected")
            await asyncio.sleep(2 * SCRAPE)

    async def _arrival(self, api: Api, caller: str, behave: str = "") -> str:
        """The id of a call that comes in."""
        await asyncio.to_thread(self._carrier.call, to="+15551000", from_=caller, behave=behave)

        def arrivals() -> list[str]:
            return [
                str(event["voice_id"])
                for event in api.events()
                if (event.get("state"), event.get("from")) == ("incomingcall", caller)
            ]

        await self._sink.wait_for(lambda _: bool(arrivals()), timeout=10)
        return arrivals()[0]

    async def _told(self, api: Api, call: str, name: str, count: int = 1) -> None:
        """Wait for a webhook of a call."""
        await self._sink.wait_for(lambda _: api.names(call).count(name) >= count, timeout=15)


class _Session:
    """The API with the credentials of an app, as long as it is open."""

    def __init__(self, base: str, app: str, key: str, sink: WebhookSink) -> None:
        headers = {"Authorization": aiohttp.encode_basic_auth(app, key)}
        self._session = aiohttp.ClientSession(base, headers=headers)
        self._sink = sink

    async def __aenter__(self) -> Api:
        return Api(await self._session.__aenter__(), self._sink)

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
