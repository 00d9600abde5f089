"""`ari-voice doctor` and `ari-voice backup` beside a real Asterisk and a server with a call."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.live import numbers
from tests.live.adapter_process import AdapterProcess
from tests.live.conftest import Api

pytestmark = pytest.mark.live


async def examined(adapter: AdapterProcess) -> dict[str, Any]:
    """The results by name."""
    said = await adapter.cli("doctor", "--json", check=False)
    return {result["name"]: result for result in json.loads(said)["checks"]}


async def test_doctor_beside_a_call(api: Api, adapter: AdapterProcess) -> None:
    """Everything is well; the call goes on; Asterisk has played, and recorded, in our folders."""
    call = await api.place(numbers.ANSWERS)
    await api.event("connected")
    results = await examined(adapter)
    assert [one for one in results.values() if one["state"] == "failed"] == []
    for name in ("media websocket", "media folder", "recordings folder", "clock", "rtp", "server"):
        assert results[name]["state"] == "ok", results[name]
    assert not list(adapter.folder.rglob("doctor*"))
    await api.play(call, text="Still here.")
    await api.event("playfinished")
    await api.hang_up(call)
    await api.over()
    assert "belongs to no call" not in adapter.log()


async def test_backup_beside_a_call(api: Api, adapter: AdapterProcess, tmp_path: Path) -> None:
    """The copy is whole, and has the call."""
    call = await api.place(numbers.ANSWERS)
    await api.event("connected")
    await adapter.cli("backup", str(tmp_path / "copy.db"))
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT live FROM call WHERE id = ?", (call,)).fetchone() == (1,)
    await api.hang_up(call)
    await api.over()
