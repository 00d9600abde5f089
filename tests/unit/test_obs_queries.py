"""Alerts and dashboard of docker/obs ask for metrics that exist, by labels that they have."""

from __future__ import annotations

import re
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

from adapter.core.model import EndCause
from adapter.instruments import Instruments
from adapter.metrics import exposition
from adapter.settings import Plugins, Settings
from tests.obs import (
    OBS,
    alert_cases,
    alert_tests,
    compared,
    panels,
    parts,
    queries,
    rate_interval,
    rules,
)

PROMETHEUS_OWN = {
    "up": {"job", "instance"},
    "ALERTS": {"alertname", "alertstate", "severity", "job", "instance"},
}
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "info": ("_info",),
    "histogram": ("_bucket", "_sum", "_count"),
}
SETTINGS = Settings(plugins=Plugins(tts=("google", "espeak"), asr=("pocketsphinx",)))
READ = {"ari_voice_build_info", "ari_voice_disk_free_bytes", "ari_voice_database_bytes"}
"""Series that are read at a scrape and are not 0 then, beside those of the process."""
FROM_OUTSIDE = {
    "ari_voice_ari_command_seconds_bucket",  # verb
    "ari_voice_ari_command_seconds_count",
    "ari_voice_ari_command_seconds_sum",
    "ari_voice_ari_unknown_events_total",  # what Asterisk calls it
    "ari_voice_inputs_late_total",  # which of the core's inputs
    "ari_voice_webhook_attempts_failed_total",  # reason
    "ari_voice_webhooks_dead_total",  # the contract's name of the event, as the next one
    "ari_voice_webhooks_delivered_total",
}
"""Series that are not there from the start, with the label that nobody knows beforehand."""

ALERTS = {rule["alert"] for rule in rules()}
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def ours() -> CollectorRegistry:
    """The metrics of an adapter to which nothing has happened yet."""
    return Instruments(SETTINGS, ["carrier"]).registry


def families() -> dict[str, tuple[str, set[str]]]:
    """The adapter's metrics: name, type and labels."""
    return {
        family.name: (family.type, {*getattr(collector, "_labelnames", ()), *labels(family)})
        for collector in ours()._collector_to_names
        for family in collector.collect()
    }


def labels(family: Metric) -> set[str]:
    """Those that its series have."""
    return {label for sample in family.samples for label in sample.labels} - {"le"}


def known() -> dict[str, set[str]]:
    """The series of /metrics, and their labels with those that Prometheus adds."""
    series = {name: set(labels) for name, labels in PROMETHEUS_OWN.items()}
    for name, (kind, own) in families().items():
        every = {"job", "instance", *own}
        for suffix in SUFFIXES[kind]:
            series[name + suffix] = every | ({"le"} if suffix == "_bucket" else set())
    return series


@pytest.mark.parametrize("query", queries().values(), ids=queries().keys())
def test_query_asks_for_what_is_there(query: str) -> None:
    """It parses; each metric is one of the adapter's, and each label one of that metric."""
    series, selected, asked = known(), set(), set()
    for part in parts(promql_parser.parse(query)):
        if isinstance(part, promql_parser.VectorSelector):
            selected.add(part.name)
            asked |= {matcher.name for matcher in part.matchers.matchers}
        elif isinstance(part, promql_parser.AggregateExpr) and part.modifier:
            asked |= set(part.modifier.labels)
    assert selected
    assert selected <= set(series)
    assert asked <= set().union(*(series[name] for name in selected))


@pytest.mark.parametrize("query", queries().values(), ids=queries().keys())
def test_causes_are_real(query: str) -> None:
    """A cause that a query picks out is one that a call can end with."""
    for part in parts(promql_parser.parse(query)):
        if isinstance(part, promql_parser.VectorSelector):
            for matcher in part.matchers.matchers:
                if matcher.name == "cause":
                    assert set(matcher.value.split("|")) <= set(EndCause)


def test_known_series_begin_with_zero() -> None:
    """What can be known beforehand is there before it happens, so that rate() sees the first."""
    text = exposition(ours())().decode()
    every = [one for family in text_string_to_metric_families(text) for one in family.samples]
    read = {one.name for one in every if one.name in READ or one.name.startswith("process_")}
    samples = [one for one in every if one.name not in read]
    assert {one.value for one in samples} == {0.0}
    assert read >= READ
    ended = [one for one in samples if one.name == "ari_voice_calls_total"]
    assert {one.labels["cause"] for one in ended} == set(EndCause)
    assert len(ended) == 2 * 2 * len(EndCause)
    assert {one.labels["trunk"] for one in samples if "dialled_legs" in one.name} == {"", "carrier"}
    there = {one.name for one in every}
    assert {name for name in known() if name not in there} - set(PROMETHEUS_OWN) == FROM_OUTSIDE


def test_every_metric_is_documented() -> None:
    """The table of docs/operations.md has each metric with its labels, and no other."""
    rows = re.findall(
        r"^\| `((?:ari_voice|process)_\w+)` \| ([\w, ]*)\|", OPERATIONS.read_text(), re.M
    )
    written = {name: set(re.findall(r"\w+", labels)) for name, labels in rows}
    assert written == {
        name + ("" if kind == "histogram" else SUFFIXES[kind][0]): own
        for name, (kind, own) in families().items()
    }


def test_every_alert_says_what_to_do() -> None:
    """Each has a name of its own, a severity, a summary, and a limit."""
    assert len(ALERTS) == len(rules())
    assert {rule["labels"]["severity"] for rule in rules()} == {"page", "ticket"}
    assert [rule["alert"] for rule in rules() if not rule["annotations"].get("summary")] == []
    assert [rule["alert"] for rule in rules() if not compared(rule["expr"])] == []


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    """In alerts_test.yaml, which promtool runs (tests/live/test_alert_rules.py); no case twice."""
    cases = alert_cases()
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == ALERTS
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == ALERTS
    names = [test["name"] for test in alert_tests()]
    assert len(set(names)) == len(names)


def test_what_is_compared() -> None:
    """The sides that have a value while all is well, of each comparison, `and` or not."""
    assert compared("sum(a) / sum(b) > 0.2 and increase(c[1m]) > 20") == [
        "sum(a) / sum(b)", "increase(c[1m])",
    ]  # fmt: skip
    assert compared("up == 0") == ["up"]


@pytest.mark.parametrize(("step", "scrape", "interval"), [(15, 15, "60s"), (120, 15, "135s")])
def test_interval_of_a_rate(step: int, scrape: int, interval: str) -> None:
    """Four scrapes, or a step and a scrape: with less a rate would have gaps."""
    assert rate_interval(step, scrape) == interval


def test_panels_do_not_overlap() -> None:
    """Each panel has an id, a title, a description and a place of its own, within 24 columns."""
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["title"]
        assert panel["description"]
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_grafana_and_prometheus_find_their_files() -> None:
    """The dashboard's source of data is the provisioned one; Prometheus reads the alerts."""
    source = yaml.safe_load((OBS / "datasource.yaml").read_text())["datasources"][0]
    uids = {target["datasource"]["uid"] for panel in panels() for target in panel["targets"]}
    assert uids == {source["uid"]}
    config = yaml.safe_load((OBS / "prometheus.yaml").read_text())
    assert config["rule_files"] == ["alerts.yaml"]
    assert [one["job_name"] for one in config["scrape_configs"]] == ["ari-voice"]
