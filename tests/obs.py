"""The queries of docker/obs, as Prometheus and Grafana send them, and the tests of its alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import yaml

OBS = Path(__file__).parents[1] / "docker" / "obs"
DASHBOARD = OBS / "dashboards" / "ari-voice.json"
ALERT_TESTS = OBS / "alerts_test.yaml"
RATE_INTERVAL = "$__rate_interval"
COMPARISONS = {">", "<", ">=", "<=", "==", "!="}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of the dashboard.

    Attributes:
        where: title and letter, unique.
        expression: as it is written; `RATE_INTERVAL` is Grafana's to fill in.
    """

    where: str
    expression: str

    def of(self, interval: str) -> str:
        """What Grafana sends, with this interval (`15s`)."""
        return self.expression.replace(RATE_INTERVAL, interval)


def rate_interval(step: int, scrape: int) -> str:
    """What Grafana puts in for `$__rate_interval`: never so short that a rate has one sample.

    Source: Grafana documentation, "Prometheus template variables".

    Args:
        step: seconds from one point of a graph to the next.
        scrape: seconds from one scrape to the next.
    """
    return f"{max(step + scrape, 4 * scrape)}s"


def rules() -> list[dict[str, Any]]:
    """The alerts."""
    groups = yaml.safe_load((OBS / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alert_tests() -> list[dict[str, Any]]:
    """The tests of the alerts: series, and what fires at which time."""
    tests: list[dict[str, Any]] = yaml.safe_load(ALERT_TESTS.read_text())["tests"]
    return tests


def alert_cases() -> list[dict[str, Any]]:
    """What these tests expect: `alertname`, `eval_time`, `exp_alerts` (empty when none fires)."""
    return [case for test in alert_tests() for case in test["alert_rule_test"]]


def dashboard() -> dict[str, Any]:
    """The dashboard, as Grafana imports it."""
    written: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return written


def panels() -> list[dict[str, Any]]:
    """The panels of the dashboard that show something, also of rows that are folded."""
    rows = dashboard()["panels"]
    every = [one for row in rows for one in (row, *row.get("panels", []))]
    return [panel for panel in every if panel["type"] != "row"]


def asked() -> list[Query]:
    """The queries of the dashboard: of panels and of annotations."""
    found = [
        Query(f"{panel['title']} {target['refId']}", target["expr"])
        for panel in panels()
        for target in panel["targets"]
    ]
    annotations = dashboard()["annotations"]["list"]
    found += [Query(f"annotation {one['name']}", one["target"]["expr"]) for one in annotations]
    assert len({query.where for query in found}) == len(found)
    return found


def queries() -> dict[str, str]:
    """Every query, by where it stands; Grafana's variable has a value as Grafana gives it."""
    found = {f"alert {rule['alert']}": rule["expr"] for rule in rules()}
    return found | {query.where: query.of(rate_interval(15, 15)) for query in asked()}


def parts(node: Any) -> Iterator[Any]:
    """A parsed query and all that is in it."""
    yield node
    inner = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "vector_selector")]
    for one in [*inner, *getattr(node, "args", [])]:
        if one is not None:
            yield from parts(one)


def compared(expression: str) -> list[str]:
    """What an alert compares with its limits: queries that have a value also while all is well."""
    return [
        part.lhs.prettify()
        for part in parts(promql_parser.parse(expression))
        if isinstance(part, promql_parser.BinaryExpr) and str(part.op) in COMPARISONS
    ]
