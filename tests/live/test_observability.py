"""Every query of docker/obs is run by Debian's Prometheus, which scrapes a server with real calls.

The calls are made once, in a few seconds; then each query is asked for what became of them. What
the alerts do with other series is in test_alert_rules.py.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.cloud.texttospeech_v1 import SynthesizeSpeechRequest

from tests.fakes.google_tts import Service, spoken
from tests.fakes.webhook_sink import WebhookSink
from tests.live.adapter_process import AdapterProcess
from tests.live.asterisk import Carrier, Instance
from tests.live.observed_calls import CALLS, PLUGINS, REFUSED, SECOND_APP, Stories
from tests.live.prometheus import SCRAPE, Prometheus, promtool
from tests.obs import Query, asked, compared, rate_interval, rules

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

REFUSALS = 'ari_voice_ari_command_seconds_count{ok="no"}'

NO_DATA = {
    "Late, unknown, left behind, a second B": "Asterisk is told to send only types that we know",
}
"""Queries without data after these calls, each with its reason. All others have some."""

ZERO = {
    "Credentials and codes, a second C": "no number here asks its callers for a code",
    "Event connection came up A": "it came up before the first scrape, and stays",
    "Not recognised, 10 minutes A": "the recogniser works",
    "Not recognised, 10 minutes B": "the same, and there is audio for it",
    "Recordings, a second C": "Asterisk ends each recording",
    "Recordings failed, 15 minutes A": "there is room for them, and a folder to write to",
    "Starts, 1 hour A": "the adapter is started once",
    "Late, unknown, left behind, a second C": "Asterisk sends nothing that can't be read",
    "Late, unknown, left behind, a second D": "nothing is left behind in Asterisk",
}
"""Queries that show nothing but 0 after these calls, each with its reason. All others show more."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there when the calls are over.

    Attributes:
        start: when Prometheus had scraped the adapter for the first time, before the first call.
        end: after the last one; both in seconds since the epoch.
        exposition: the adapter's /metrics at the end.
    """

    prometheus: Prometheus
    start: float
    end: float
    exposition: str

    async def shown(self, query: str) -> list[float]:
        """All numbers that a panel has shown meanwhile; NaN, of which nothing is drawn, is none."""
        series = await self.prometheus.between(query, self.start, self.end)
        numbers = [float(value) for one in series for _, value in one["values"]]
        return [number for number in numbers if not math.isnan(number)]

    async def values(self, query: str) -> list[float]:
        """What a query gives at the end."""
        series = await self.prometheus.at(query, self.end)
        return [float(one["value"][1]) for one in series]


async def becomes(prometheus: Prometheus, query: str, value: float, seconds: float = 15.0) -> None:
    """Wait until a query has this one value."""
    async with asyncio.timeout(seconds):
        while [float(s["value"][1]) for s in await prometheus.at(query, time.time())] != [value]:
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def google() -> Iterator[Service]:
    """The preferred synthesiser, which does not speak all texts."""
    service = Service()

    def speak(request: SynthesizeSpeechRequest, context: grpc.ServicerContext) -> bytes:
        if request.input.text.startswith(REFUSED):
            context.abort(grpc.StatusCode.UNAVAILABLE, "not in this test")
        return spoken(request)

    service.answer = speak
    yield service
    service.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(
    shared_asterisk: Instance,
    carrier: Carrier,
    google: Service,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Seen]:
    """The calls are over, and Prometheus has scraped what became of them."""
    if not shared_asterisk.running:
        shared_asterisk.restart()
    async with WebhookSink() as sink:
        adapter = AdapterProcess(
            tmp_path_factory.mktemp("adapter"),
            asterisk=shared_asterisk,
            carrier_sip_port=carrier.sip_port,
            event_url=sink.url(),
            webhook_port=sink.port,
            extra=PLUGINS % google.endpoint,
        )
        with (adapter.folder / "provision.toml").open("a") as file:
            file.write(SECOND_APP % sink.url("/gone"))
        await adapter.cli("apply", "provision.toml")
        await adapter.start()
        try:
            folder = tmp_path_factory.mktemp("prometheus")
            async with Prometheus(folder, f"127.0.0.1:{adapter.port}") as prometheus:
                yield await look(prometheus, Stories(adapter, carrier, sink))
        finally:
            await adapter.stop()
        assert "Traceback" not in adapter.log(), adapter.log()[-4000:]


async def look(prometheus: Prometheus, stories: Stories) -> Seen:
    """Make the calls, and wait until Prometheus has seen the last of them."""
    await becomes(prometheus, "up", 1)
    start = time.time()
    await stories.happen()
    await becomes(prometheus, "sum(ari_voice_calls_total)", sum(CALLS.values()))
    await becomes(prometheus, "ari_voice_webhooks_pending", 0)
    await becomes(prometheus, "sum(ari_voice_webhooks_dead_total)", 2)
    await becomes(prometheus, f"sum(increase({REFUSALS}[1m])) > bool 0", 1)
    await asyncio.sleep(2 * SCRAPE)  # the alerts are looked at, too
    return Seen(prometheus, start, time.time(), await stories.exposition())


@pytest.mark.parametrize("query", asked(), ids=lambda query: query.where)
async def test_query_of_the_dashboard(seen: Seen, query: Query) -> None:
    """Prometheus takes it without a warning, and it shows what the calls have done."""
    shown = await seen.shown(query.of(rate_interval(SCRAPE, SCRAPE)))
    assert bool(shown) == (query.where not in NO_DATA)
    assert math.inf not in shown
    assert any(number > 0 for number in shown) == (query.where not in {*NO_DATA, *ZERO})


async def test_tables_name_queries_of_the_dashboard() -> None:
    """What is left out above exists."""
    assert {*NO_DATA, *ZERO} <= {query.where for query in asked()}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
async def test_query_of_an_alert(seen: Seen, rule: dict[str, Any]) -> None:
    """Prometheus takes it without a warning, and what it compares has a value."""
    await seen.prometheus.at(rule["expr"], seen.end)
    for query in compared(rule["expr"]):
        assert await seen.values(query), query


async def test_alerts_are_loaded_and_healthy(seen: Seen) -> None:
    """Each is evaluated without an error; the one fires that has a reason to, with its text."""
    groups = (await seen.prometheus.api("rules"))["data"]["groups"]
    loaded = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert set(loaded) == {rule["alert"] for rule in rules()}
    assert {name: rule.get("lastError", "") for name, rule in loaded.items()} == dict.fromkeys(
        loaded, ""
    )
    assert {rule["health"] for rule in loaded.values()} == {"ok"}
    raised = [alert for rule in loaded.values() for alert in rule["alerts"]]
    # a prediction from a few seconds of a disk may be pending
    firing = [alert for alert in raised if alert["state"] == "firing"]
    assert [alert["labels"]["alertname"] for alert in firing] == ["WebhooksGivenUp"]
    assert firing[0]["annotations"]["summary"] == "2 webhooks were given up within an hour"


async def test_adapter_is_a_target(seen: Seen) -> None:
    """The one target is scraped without an error."""
    (target,) = (await seen.prometheus.api("targets"))["data"]["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert target["labels"]["job"] == "ari-voice"


async def test_calls_are_counted(seen: Seen) -> None:
    """As many calls as were made, by direction and by what they ended with."""
    ended = "sum by (direction, cause) (ari_voice_calls_total) > 0"
    series = await seen.prometheus.at(ended, seen.end)
    counted = {
        (one["metric"]["direction"], one["metric"]["cause"]): float(one["value"][1])
        for one in series
    }
    assert counted == CALLS


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("sum(ari_voice_calls_active)", 0),
        ("max_over_time(sum(ari_voice_calls_active)[5m:1s]) > bool 1", 1),
        ("sum(ari_voice_calls_answered_total)", 3),
        ("sum(ari_voice_call_setup_seconds_count)", 3),
        ('ari_voice_dialled_legs_total{trunk="carrier", result="answered"}', 2),
        ('ari_voice_dialled_legs_total{trunk="carrier", result="congestion"}', 1),
        ('sum(ari_voice_dialled_legs_total{trunk="carrier"})', 7),
        ('ari_voice_dialled_legs_total{trunk="", result="no_answer"}', 2),
        ('sum(increase(ari_voice_calls_total{cause="busy"}[5m])) > bool 0', 1),
        ('ari_voice_calls_turned_away_total{reason="unallocated"}', 1),
        ('ari_voice_limit_refusals_total{limit="concurrent"}', 1),
        ("ari_voice_authentication_failures_total", 13),
        ('ari_voice_authentications_throttled_total{result="slowed"}', 8),
        ('ari_voice_authentications_throttled_total{result="turned_away"}', 2),
        ("sum(ari_voice_webhooks_dead_total)", 2),
        ('sum(ari_voice_webhook_attempts_failed_total{reason="gone"})', 1),
        ("ari_voice_webhook_oldest_seconds", 0),
        ('ari_voice_tts_cache_total{provider="google", result="hit"}', 1),
        ('ari_voice_tts_cache_total{provider="espeak", result="miss"}', 2),
        ('ari_voice_tts_failures_total{provider="google", fault="Unavailable"}', 4),
        ('ari_voice_tts_fallbacks_total{provider="espeak", instead_of="google"}', 2),
        ('ari_voice_asr_utterances_total{provider="pocketsphinx"}', 1),
        ("sum(ari_voice_asr_results_total)", 1),
        ("sum(ari_voice_asr_seconds_count)", 1),
        ("ari_voice_recordings_started_total", 1),
        ("ari_voice_recordings_saved_total", 1),
        ("ari_voice_recorded_seconds_total > bool 1", 1),
        ("ari_voice_ami_connected", 1),
        ("count(ari_voice_disk_free_bytes > 0)", 3),
        ("ari_voice_database_bytes > bool 4096", 1),
        ("count(ari_voice_build_info)", 1),
        ("time() - process_start_time_seconds{job='ari-voice'} < bool 600", 1),
        ("ari_voice_ari_connections_total", 1),
    ],
)
async def test_value(seen: Seen, query: str, value: float) -> None:
    """Where the calls above say how much it is, it is that."""
    assert await seen.values(query) == [value]


async def test_exposition_is_without_fault(seen: Seen) -> None:
    """`promtool check metrics` has nothing to say of names, units and texts of /metrics."""
    assert "ari_voice_calls_total" in seen.exposition
    assert promtool("check", "metrics", given=seen.exposition) == ""
