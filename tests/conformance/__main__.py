"""`make conformance`: writes the pages of `docs/` that are made of tests and examples."""

from __future__ import annotations

import sys

from tests.conformance.collected import collected
from tests.conformance.pages import pages
from tests.conformance.table import ENABLEX_VOICE, Table, rows

if __name__ == "__main__":
    table = Table(ENABLEX_VOICE, rows(ENABLEX_VOICE), collected())
    for file, text in pages(table).items():
        file.write_text(text, "utf-8")
    for problem in table.problems():
        sys.stderr.write(f"{problem}\n")
