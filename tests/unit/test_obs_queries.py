"""Alerts and dashboard of docker/obs ask for metrics that exist, by labels that they have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from adapter import metrics
from adapter.core.model import EndCause

OBS = Path(__file__).parents[2] / "docker" / "obs"
DASHBOARD = OBS / "dashboards" / "ari-voice.json"
PROMETHEUS_OWN = {"up": {"job", "instance"}}
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def known() -> dict[str, set[str]]:
    """The series of /metrics, and their labels with those that Prometheus adds."""
    registry = CollectorRegistry()
    for part in (
        metrics.EngineMetrics, metrics.OutboxMetrics, metrics.AsteriskMetrics,
        metrics.AccessMetrics, metrics.SpeechMetrics, metrics.LoopLag,
    ):  # fmt: skip
        part(registry)
    series = {name: set(labels) for name, labels in PROMETHEUS_OWN.items()}
    for collector in registry._collector_to_names:
        for family in collector.describe():  # type: ignore[attr-defined]
            labels = {"job", "instance", *collector._labelnames}  # type: ignore[attr-defined]
            for suffix in SUFFIXES[family.type]:
                series[family.name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return series


def rules() -> list[dict[str, Any]]:
    """The alerts."""
    groups = yaml.safe_load((OBS / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard that show something."""
    every: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [panel for panel in every if panel["type"] != "row"]


def queries() -> dict[str, str]:
    """Every query, by where it stands; Grafana's variable has a value as Grafana gives it."""
    found = {f"alert {rule['alert']}": rule["expr"] for rule in rules()}
    for panel in panels():
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "1m")
            found[f"panel {panel['title']} {target['refId']}"] = expression
    return found


def parts(node: Any) -> Iterator[Any]:
    """A parsed query and all that is in it."""
    yield node
    inner = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "vector_selector")]
    for one in [*inner, *getattr(node, "args", [])]:
        if one is not None:
            yield from parts(one)


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


def test_every_alert_says_what_to_do() -> None:
    """Each has a name of its own, a severity and a summary."""
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    assert {rule["labels"]["severity"] for rule in rules()} == {"page", "ticket"}
    assert [rule["alert"] for rule in rules() if not rule["annotations"].get("summary")] == []


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
