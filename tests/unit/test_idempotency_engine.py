"""What the engine keeps of a reply, and when it tells of messages; on a real database."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapter.core import inputs as i
from adapter.core.errors import NotOffered
from adapter.core.faults import StoreFailed
from adapter.core.message import Kept
from adapter.core.model import Call
from tests.fakes.virtual_time import runs_in_virtual_time
from tests.unit.build import place
from tests.unit.wiring import adapter


def answer(call: Call) -> Kept:
    """A reply to be kept, of the row that it was made of."""
    return Kept("plain", "tenant", f"key {call.version}", "f", 200, f'"{call.state}"')


@runs_in_virtual_time
async def test_a_reply_is_kept_with_the_row(tmp_path: Path) -> None:
    """It is worded from the new row, when opening and when commanding."""
    async with adapter(tmp_path) as made:
        call = made.engine.open(place(), answer)
        call = made.engine.apply(call.id, i.EndCall(), answer)
        bodies = [made.engine.kept("plain", "tenant", f"key {n}") for n in (1, call.version)]
        assert [kept and kept.body for kept in bodies] == ['"placing"', '"ending"']


@runs_in_virtual_time
async def test_a_reply_is_kept_when_nothing_changes(tmp_path: Path) -> None:
    """A command that is late changes no row, and its reply is there all the same."""
    async with adapter(tmp_path) as made:
        call = await made.offered()
        made.engine.apply(call.id, i.AcceptCall())
        await made.settle()
        row = made.row(call.id)
        made.engine.apply(call.id, i.AcceptCall(), answer)
        assert made.counter.steps[-1][0].late
        assert made.row(call.id) == row
        assert made.engine.kept("plain", "tenant", f"key {row.version}") is not None


@runs_in_virtual_time
async def test_a_reply_is_not_kept_when_the_command_is_refused(tmp_path: Path) -> None:
    """Neither when it cannot be nor when it cannot be written; then the row is the old one."""
    async with adapter(tmp_path) as made:
        call = await made.call_up()
        with pytest.raises(NotOffered):
            made.engine.apply(call.id, i.AcceptCall(), answer)
        made.connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreFailed):
            made.engine.apply(call.id, i.EndCall(), answer)
        assert made.connection.execute("SELECT COUNT(*) FROM answer").fetchone() == (0,)
        assert made.engine.live[call.id] == call == made.row(call.id)


@runs_in_virtual_time
async def test_a_watcher_hears_of_messages_after_their_commit(tmp_path: Path) -> None:
    """Once for each commit that has any, with the tenant; then they can be read."""
    async with adapter(tmp_path) as made:
        heard: list[tuple[str, list[str]]] = []

        def told(owner: str) -> None:
            events = made.engine.events("plain", owner, 0, 100)
            heard.append((owner, [event.event for event in events]))

        made.engine.watch("plain", told)
        call = await made.call_up()
        made.engine.apply(call.id, i.EndCall())
        await made.settle()
        assert heard == [("tenant", ["CallAnswered"]), ("tenant", ["CallAnswered", "CallEnded"])]
