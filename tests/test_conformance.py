"""The conformance table is whole, its pages are fresh, and what it counts on is run.

`make conformance` writes the pages; what else is wrong has to be put right by hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conformance.collected import collected
from tests.conformance.examples import Correction, load, parse
from tests.conformance.pages import pages
from tests.conformance.table import ENABLEX_VOICE, Marked, Row, Table, rows

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def table() -> Table:
    """The table as it is now."""
    return Table(ENABLEX_VOICE, rows(ENABLEX_VOICE), collected())


def test_every_row_is_held(table: Table) -> None:
    """Each row has a contract test, and a live test or a reason; each marker names a row."""
    assert len(table.rows) > 70
    assert table.problems() == []


def test_pages_are_fresh(table: Table) -> None:
    """The pages in docs/ say what the tests and examples say: else `make conformance`."""
    stale = [
        file.name
        for file, text in pages(table).items()
        if not file.exists() or file.read_text("utf-8") != text
    ]
    assert stale == []


def test_every_example_is_of_a_row() -> None:
    """No example is of a row that is not there; each row with a message has its example."""
    kinds = {row.id: row.kind for row in rows(ENABLEX_VOICE)}
    shown = [example.row for example in load(ENABLEX_VOICE)]
    assert len(shown) == len(set(shown))
    messages = {row for row, kind in kinds.items() if kind not in ("keys", "behaviour")}
    assert messages - set(shown) == {"download.reply"}  # the document shows no file
    assert set(shown) <= messages


REPLY = Row(id="a.reply", section="A", kind="reply", title="Reply", no_live="why")
KEYS = Row(id="a.keys", section="A", kind="keys", title="Keys", of="a.reply")
HELD = Marked("tests/contract/test_a.py::test_a", "c", ["a.reply", "a.keys"], False)
ALIVE = Marked("tests/live/test_a.py::test_a", "c", ["a.reply"], False)


def problems(*of: Row | Marked) -> list[str]:
    """What is wrong with a table of these."""
    marked = [one for one in of if isinstance(one, Marked)]
    return Table("c", [one for one in of if isinstance(one, Row)], marked).problems()


def test_a_whole_table_has_no_problems() -> None:
    """Contract tests for all, and live ones or a reason; a table of keys has those of its row."""
    assert problems(REPLY, KEYS, HELD) == []
    assert problems(replace(REPLY, no_live=""), KEYS, HELD, ALIVE) == []
    assert problems(REPLY, KEYS, HELD, replace(ALIVE, contract="other", rows=["x"])) == []


@pytest.mark.parametrize(
    ("of", "problem"),
    [
        ([REPLY, KEYS], "a.reply: no contract test"),
        ([REPLY, KEYS, replace(HELD, rows=["a.reply"])], "a.keys: no contract test"),
        ([REPLY, KEYS, HELD, ALIVE], "a.reply: a live test, and a reason"),
        ([replace(REPLY, no_live=""), KEYS, HELD], "a.reply: no live test, and no reason"),
        ([REPLY, KEYS, HELD, replace(HELD, rows=["b"])], "there is no row 'b'"),
        ([REPLY, KEYS, HELD, replace(HELD, rows=[])], "names no row"),
        ([REPLY, KEYS, replace(HELD, skipped=True)], "may be skipped"),
        ([REPLY, REPLY, KEYS, HELD], "a.reply: two rows"),
        ([REPLY, replace(KEYS, of="b"), HELD], "a.keys: a table of keys"),
        ([replace(REPLY, of="a.keys"), KEYS, HELD], "a.reply: a table of keys"),
        ([replace(REPLY, kind="word"), KEYS, HELD], "'word' is no kind"),
    ],
)
def test_a_problem_is_found(of: list[Row | Marked], problem: str) -> None:
    """Each thing that may be wrong with a table is named."""
    assert any(problem in found for found in problems(*of))


def test_the_page_has_rows_and_tests() -> None:
    """A row stands in its section, with its tests and the reason."""
    page = Table("c", [REPLY, KEYS], [HELD]).page()
    assert "## A\n" in page
    assert "| `a.reply` | Reply | `contract/test_a.py::test_a` | none: why |" in page
    assert "| `a.keys` | Keys | `contract/test_a.py::test_a` | as `a.reply` |" in page


SKIPPING = """
import pytest
@pytest.mark.contract("c", "a")
def test_skipped(): pytest.skip("no reason")
@pytest.mark.contract("c", "a")
@pytest.mark.skip
def test_marked(): pass
@pytest.mark.contract("c", "a")
@pytest.mark.xfail
def test_expected_to_fail(): assert False
@pytest.mark.contract("c", "a")
@pytest.mark.xfail
def test_expected_to_fail_and_passes(): pass
@pytest.mark.contract("c", "a")
def test_passes(): pass
def test_of_no_row(): pytest.skip("its own business")
"""


def test_what_is_not_run_fails(tmp_path: Path) -> None:
    """A test of the table that is skipped or expected to fail is a failure; others are not."""
    (tmp_path / "test_skipping.py").write_text(SKIPPING)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = contract\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conformance.must_run"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-q", "."],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "3 failed, 1 passed, 1 skipped, 1 error" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("text", ["b b", "c"])
def test_a_correction_is_of_one_place(text: str) -> None:
    """What is not there, or is there twice, is not corrected by chance."""
    correction = Correction("b", "x", "why")
    assert correction.apply("abc", "any") == "axc"
    with pytest.raises(ValueError, match="times"):
        correction.apply(text, "any")


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a": 2}', "{'a': 1}", "GET /x", "GET /x HTTP/1.0", "HTTP/1.1 200 OK\n\n{"],
)
def test_what_is_neither_http_nor_json(text: str) -> None:
    """An example that is not corrected enough is not read."""
    with pytest.raises(ValueError):
        parse(text)
