"""Idempotency keys around a real engine: fingerprints, and a death between commit and reply."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contracts.idempotency import fingerprint_of
from adapter.core.message import Kept
from adapter.store.calls import CallStore
from adapter.store.outbox import OutboxStore
from adapter.store.sqlite import open_database
from tests.unit.build import call_id

ROOT = Path(__file__).parents[2]

METHODS = st.sampled_from(["POST", "PUT"])
PATHS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20).map("/".__add__)
REQUESTS = st.tuples(METHODS, PATHS, st.binary(max_size=20))


@given(one=REQUESTS, other=REQUESTS)
def test_a_fingerprint_is_of_one_request(
    one: tuple[str, str, bytes], other: tuple[str, str, bytes]
) -> None:
    """The same for the same request, another for any other."""
    assert (fingerprint_of(*one) == fingerprint_of(*other)) == (one == other)


@given(path=PATHS, body=st.binary(max_size=20), cut=st.integers(0, 20))
def test_a_fingerprint_knows_path_from_body(path: str, body: bytes, cut: int) -> None:
    """What moves from the path into the body makes another request."""
    moved = path[cut:].encode()
    same = fingerprint_of("PUT", path, body) == fingerprint_of("PUT", path[:cut], moved + body)
    assert same == (not moved)


CHILD = """
import asyncio, os, sys
from pathlib import Path
from adapter.core.message import Kept
from tests.unit.build import place
from tests.unit.wiring import adapter

WHEN = sys.argv[2]

def reply(call):
    kept = Kept("plain", "tenant", "key-1", "f", 200, '{"call":"%s"}' % call.id)
    if WHEN == "before":
        os._exit(9)
    return kept

async def main():
    async with adapter(Path(sys.argv[1])) as made:
        made.engine.open(place(1), reply)
        os._exit(9)

asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_death_between_commit_and_reply(tmp_path: Path, when: str) -> None:
    """After the commit the next process has the answer beside the call; before it, neither."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), when], check=False, timeout=60, cwd=ROOT
    )
    assert child.returncode == 9
    connection = open_database(tmp_path / "voice.db")
    store = CallStore(connection, OutboxStore(connection).insert)
    kept = store.kept("plain", "tenant", "key-1")
    calls = [call.id for call in store.live()]
    connection.close()
    if when == "before":
        assert (kept, calls) == (None, [])
    else:
        body = f'{{"call":"{call_id(1)}"}}'
        assert kept == Kept("plain", "tenant", "key-1", "f", 200, body)
        assert calls == [call_id(1)]
