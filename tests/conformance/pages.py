"""The pages of `docs/` that are made of tests and examples."""

from __future__ import annotations

from pathlib import Path

from tests.conformance import examples
from tests.conformance.table import ENABLEX_VOICE, Table

DOCS = Path(__file__).parents[2] / "docs"


def pages(table: Table) -> dict[Path, str]:
    """Each file with what has to be in it."""
    titles = {row.id: f"{row.section}: {row.title}" for row in table.rows}
    return {
        DOCS / "conformance-enablex-voice.md": table.page(),
        DOCS / "enablex-corrections.md": examples.page(ENABLEX_VOICE, titles),
    }
