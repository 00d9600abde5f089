"""What promtool says of docker/obs: configuration, alerts, and what the alerts do with series."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.prometheus import promtool
from tests.obs import ALERT_TESTS, OBS, rules

pytestmark = pytest.mark.live


def test_configuration_is_valid() -> None:
    """`check config` reads prometheus.yaml and finds the alerts that it names."""
    printed = promtool("check", "config", OBS / "prometheus.yaml")
    assert f"{len(rules())} rules found" in printed


def test_alerts_are_without_fault() -> None:
    """`check rules`, and what its linter knows: no alert twice."""
    printed = promtool("check", "rules", "--lint-fatal", OBS / "alerts.yaml")
    assert f"SUCCESS: {len(rules())} rules found" in printed


def test_alerts_fire_when_they_should() -> None:
    """`test rules`: each fires for its series, after its time, with its text; for others not."""
    assert "SUCCESS" in promtool("test", "rules", ALERT_TESTS)


def test_alert_tests_can_fail(tmp_path: Path) -> None:
    """With another limit in one rule they do: promtool has read the rules and the tests."""
    (tmp_path / ALERT_TESTS.name).write_text(ALERT_TESTS.read_text())
    changed = (
        (OBS / "alerts.yaml").read_text().replace("_oldest_seconds > 300", "_oldest_seconds > 600")
    )
    (tmp_path / "alerts.yaml").write_text(changed)
    with pytest.raises(AssertionError, match="WebhooksLate"):
        promtool("test", "rules", tmp_path / ALERT_TESTS.name)
