"""The conformance table: the rows of a contract's document, and which test holds us to each.

The rows are our own list (`<contract>.toml` beside this file). A test names those that it proves::

    @pytest.mark.contract("enablex-voice", "connect.reply", "connect.event")

`problems` says what is wrong with the table as a whole; `page` is what `docs/` shows of it.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ENABLEX_VOICE = "enablex-voice"
LIVE = "tests/live/"
KINDS = ("request", "reply", "event", "error", "keys", "behaviour")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Something that the document says.

    Attributes:
        id: names it.
        section: of the document.
        kind: one of KINDS.
        title: one line.
        no_live: why there is no live test of it.
        of: the row whose keys a table of keys lists.
        keys: those keys; dotted where they are inside of others.
        variant: the only example of `of` that has all of them.
        schema: of a request, by its name in /openapi.json.
        mandatory: keys of a request without which the answer is 400.
    """

    id: str
    section: str
    kind: str
    title: str
    no_live: str = ""
    of: str = ""
    keys: Sequence[str] = ()
    variant: str = ""
    schema: str = ""
    mandatory: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Marked:
    """A test that names rows.

    Attributes:
        test: file and function, without parameters.
        contract: whose rows.
        rows: their ids.
        skipped: it may be skipped, or may fail.
    """

    test: str
    contract: str
    rows: Sequence[str]
    skipped: bool


@cache
def rows(contract: str) -> tuple[Row, ...]:
    """The rows of a contract, in the document's order."""
    file = Path(__file__).with_name(f"{contract}.toml")
    return tuple(Row(**row) for row in tomllib.loads(file.read_text("utf-8"))["row"])


class Table:
    """The rows, with the tests that name them."""

    def __init__(self, contract: str, rows: Sequence[Row], marked: Iterable[Marked]) -> None:
        self.rows = rows
        self._contract = contract
        self._marked = [one for one in marked if one.contract == contract]
        self._ids = Counter(row.id for row in rows)

    def tests(self, row: str, *, live: bool) -> list[str]:
        """The tests that name a row."""
        named = {one.test for one in self._marked if row in one.rows}
        return sorted(test for test in named if test.startswith(LIVE) is live)

    def problems(self) -> list[str]:
        """What is wrong; nothing when every row is held and every name is one of a row."""
        return [*self._wrong_rows(), *self._wrong_names(), *self._gaps()]

    def _wrong_rows(self) -> Iterator[str]:
        for row in self.rows:
            if self._ids[row.id] > 1:
                yield f"{row.id}: two rows have this id"
            if row.kind not in KINDS:
                yield f"{row.id}: {row.kind!r} is no kind"
            if (row.kind == "keys") != (row.of in self._ids):
                yield f"{row.id}: a table of keys, and nothing else, is of another row"

    def _wrong_names(self) -> Iterator[str]:
        for one in self._marked:
            for row in one.rows:
                if row not in self._ids:
                    yield f"{one.test}: there is no row {row!r}"
            if not one.rows:
                yield f"{one.test}: names no row"
            if one.skipped:
                yield f"{one.test}: may be skipped, or may fail"

    def _gaps(self) -> Iterator[str]:
        for row in self.rows:
            if not self.tests(row.id, live=False):
                yield f"{row.id}: no contract test"
            live = bool(self.tests(row.id, live=True))
            if live and row.no_live:
                yield f"{row.id}: a live test, and a reason why there is none"
            if not live and not row.no_live and row.kind != "keys":
                yield f"{row.id}: no live test, and no reason why"

    def page(self) -> str:
        """The table in Markdown."""
        lines = [
            "# Conformance: EnableX Voice",
            "",
            "Each request, reply, event, error and table of keys of the document, with the tests",
            "that hold us to it. `make conformance` writes this page; the build fails when it is",
            "stale, when a row has no contract test or neither a live test nor a reason,",
            "and when one of these tests is skipped.",
        ]
        section = ""
        for row in self.rows:
            if row.section != section:
                section = row.section
                lines += ["", f"## {section}", "", "| row | | contract tests | live tests |"]
                lines.append("|---|---|---|---|")
            contract = _cell(self.tests(row.id, live=False))
            lines.append(f"| `{row.id}` | {row.title} | {contract} | {self._live(row)} |")
        return "\n".join(lines) + "\n"

    def _live(self, row: Row) -> str:
        tests = self.tests(row.id, live=True)
        if not tests and row.kind == "keys":
            return f"as `{row.of}`"
        return _cell(tests) or f"none: {row.no_live}"


def _cell(tests: Sequence[str]) -> str:
    return "<br>".join(f"`{test.removeprefix('tests/')}`" for test in tests)
