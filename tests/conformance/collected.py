"""The tests that name rows, as pytest finds them: `python -m tests.conformance.collected FILE`.

A process of its own collects, because pytest cannot be run inside of itself without surprises.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.conformance.table import Marked

ROOT = Path(__file__).parents[2]
SUITES = ("tests/contract", "tests/live")
MARKER = "contract"
MAY_NOT_PASS = ("skip", "skipif", "xfail")


def collected() -> list[Marked]:
    """All of them. Raises RuntimeError when the suites cannot be collected."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "marked.json"
        command = [sys.executable, "-m", "tests.conformance.collected", str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        return [Marked(**one) for one in json.loads(file.read_text("utf-8"))]


class _Marks:
    """Keeps what the collected tests name."""

    def __init__(self) -> None:
        self.marked: list[Marked] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read the markers."""
        for item in session.items:
            skipped = any(item.get_closest_marker(name) for name in MAY_NOT_PASS)
            for marker in item.iter_markers(MARKER):
                contract, *rows = marker.args
                test = item.nodeid.partition("[")[0]
                self.marked.append(Marked(test, contract, rows, skipped))


def _main(file: str) -> int:
    marks = _Marks()
    status = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *SUITES], [marks])
    Path(file).write_text(json.dumps([asdict(one) for one in marks.marked]), "utf-8")
    return int(status)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
