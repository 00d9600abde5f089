"""For all suites: what the conformance table counts on must run."""

from __future__ import annotations

from tests.conformance.must_run import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]
