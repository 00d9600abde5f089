"""A test that the conformance table counts on must run: skipped or expected to fail, it fails."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.conformance.collected import MARKER


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at the report after everybody else."""
    report = yield
    if (report.skipped or hasattr(report, "wasxfail")) and item.get_closest_marker(MARKER):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} stands in the conformance table, and was not run"
        report.__dict__.pop("wasxfail", None)
    return report
