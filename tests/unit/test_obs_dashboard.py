"""The dashboard of docker/obs is one that Grafana understands, by Grafana's own models of it.

Grafana drops a key that it does not know without a word: a misspelt option is then one that is not
there. The models are those of grafana-foundation-sdk, which Grafana generates from its schemas.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

OBS = Path(__file__).parents[2] / "docker" / "obs"
WRITTEN: dict[str, Any] = json.loads((OBS / "dashboards" / "ari-voice.json").read_text())
PANELS = [panel for panel in WRITTEN["panels"] if panel["type"] != "row"]
TILES = [panel for panel in PANELS if panel["type"] == "stat"]
LIMITED = [
    panel
    for panel in PANELS
    if "thresholdsStyle" in panel["fieldConfig"]["defaults"].get("custom", {})
]


def read(written: dict[str, Any]) -> Dashboard:
    """The dashboard in Grafana's models; options and queries in those of their plug-ins."""
    register_default_plugins()
    return Dashboard.from_json(json.loads(json.dumps(written)))


def lost(written: Any, kept: Any, path: str = "dashboard") -> Iterator[str]:
    """Where something that was written is not in what was kept, or is something else."""
    if isinstance(written, dict) and isinstance(kept, dict):
        for key, value in written.items():
            if key in kept:
                yield from lost(value, kept[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(written, list) and isinstance(kept, list) and len(written) == len(kept):
        for index, (one, other) in enumerate(zip(written, kept, strict=True)):
            yield from lost(one, other, f"{path}[{index}]")
    elif written != kept:
        yield path


def choices(hint: Any) -> list[type[Enum]]:
    """The enumerations that an annotation allows."""
    inner = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return [one for one in inner if isinstance(one, type) and issubclass(one, Enum)]


def chosen(model: object) -> Iterator[tuple[str, type[Enum], object]]:
    """Each value in a model that has to be one of an enumeration, by its attribute."""
    if isinstance(model, dict | list):
        for one in model.values() if isinstance(model, dict) else model:
            yield from chosen(one)
    elif type(model).__module__.startswith("grafana_foundation_sdk") and not isinstance(
        model, Enum
    ):
        hints = get_type_hints(type(model))
        for name, value in vars(model).items():
            for enumeration in choices(hints[name]) if value is not None else []:
                yield name, enumeration, value
            yield from chosen(value)


def test_grafana_keeps_every_key() -> None:
    """Read and written again by Grafana's models, nothing is missing or changed."""
    kept = json.loads(json.dumps(read(WRITTEN), cls=JSONEncoder))
    assert list(lost(WRITTEN, kept)) == []


def test_grafana_knows_every_choice() -> None:
    """Modes, placements and orders are ones that Grafana has."""
    found = list(chosen(read(WRITTEN)))
    assert {"color_mode", "display_mode", "mode", "placement", "sort"} <= {
        name for name, _, _ in found
    }
    for name, enumeration, value in found:
        assert value in [one.value for one in enumeration], name


def test_grafana_knows_every_unit() -> None:
    """A unit that Grafana does not know is printed as it is, behind the number."""
    known = {value for name, value in vars(units).items() if not name.startswith("_")}
    assert {panel["fieldConfig"]["defaults"]["unit"] for panel in PANELS} <= known


@pytest.mark.parametrize("panel", TILES, ids=lambda panel: panel["title"])
def test_tile_shows_what_is_now(panel: dict[str, Any]) -> None:
    """A tile asks for now: over a range it would show the last value of an adapter that is dead."""
    assert all(target["instant"] and not target["range"] for target in panel["targets"])
    assert panel["fieldConfig"]["defaults"]["noValue"]


def test_titles_are_unique() -> None:
    """Who names a panel, as tests do, means one."""
    titles = [panel["title"] for panel in WRITTEN["panels"]]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("panel", LIMITED, ids=lambda panel: panel["title"])
def test_line_is_where_the_alert_is(panel: dict[str, Any]) -> None:
    """A line across a graph is the limit of an alert on what is drawn, but for sum and window."""
    limit = panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"]
    groups = yaml.safe_load((OBS / "alerts.yaml").read_text())["groups"]
    alerts = {rule["expr"] for group in groups for rule in group["rules"]}
    for target in panel["targets"]:
        query = target["expr"].replace("$__rate_interval", "5m")
        inner = query.partition("(")[2].removesuffix(")")
        if {f"{query} > {limit}", f"{inner} > {limit}", f"{query} < {limit}"} & alerts:
            return
    pytest.fail(f"no alert has the limit {limit}")
