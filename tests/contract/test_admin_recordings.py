"""Recordings through the admin API: listed, shown, downloaded, removed, whoever's they are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapter.contracts.admin import recordings
from adapter.core.ids import CallId, RecordingId
from adapter.core.kept import KeptRecording
from adapter.media import wav
from adapter.media.recordings import Recordings
from adapter.store.recordings import RecordingStore
from adapter.store.sqlite import open_database
from tests.contract.admin_api import SETTINGS, AdminApi
from tests.contract.stack import APP, OTHER_APP, Stack

AUDIO = wav.write(b"\x01\x00" * 16_000)


def identity(number: int) -> RecordingId:
    return RecordingId(f"{number:08d}-0000-4000-8000-00ff00000001")


@pytest.fixture
async def api(idle: Stack) -> AsyncIterator[AdminApi]:
    """An adapter with three saved recordings, and one that runs."""
    idle.configure(SETTINGS)
    await idle.start()
    settings = idle.settings()
    connection = open_database(settings.database.path)
    rows = RecordingStore(connection)
    kept = Recordings(settings.recordings.folder.resolve(), rows, 0)
    for number, owner in enumerate((APP, OTHER_APP, APP, APP), start=1):
        row = KeptRecording(
            id=identity(number),
            contract="enablex",
            owner=owner,
            call=CallId(f"call-{number}"),
            name=f"take {number}" if number == 1 else None,
            created_at=1000.0 + number,
        )
        assert kept.reserve(row)
        if number < 4:
            files = kept.place(row.id)
            for path in (files.mixed, files.caller, files.other):
                path.write_bytes(AUDIO)
            rows.saved(row.id, files.finish())
    connection.close()
    yield AdminApi(idle)
    await idle.stop()


async def test_they_are_listed_the_latest_first_in_pages(api: AdminApi) -> None:
    """Narrowed down by app, call and state; the next page begins behind the last of this one."""

    async def ids(query: str) -> list[int]:
        page = await api.done("GET", f"/recordings?{query}")
        return [int(one["id"][:8]) for one in page["recordings"]]

    assert await ids("") == [4, 3, 2, 1]
    assert await ids(f"app={APP}") == [4, 3, 1]
    assert await ids("call=call-2") == [2]
    assert await ids("state=running") == [4]
    first = await api.done("GET", "/recordings?limit=3")
    assert first["next"] == identity(2)
    assert await ids(f"limit=3&after={first['next']}") == [1]
    assert await ids(f"after={identity(99)}") == []


async def test_one_is_shown_with_what_it_is(api: AdminApi) -> None:
    """Length, size and digest once it is saved; a running one has none of them."""
    shown = await api.done("GET", f"/recordings/{identity(1)}")
    assert shown["app"] == APP
    assert (shown["name"], shown["state"], shown["seconds"]) == ("take 1", "saved", 2.0)
    assert shown["bytes"] == len(AUDIO)
    running = await api.done("GET", f"/recordings/{identity(4)}")
    assert (running["state"], "sha256" in running) == ("running", False)


async def test_its_file_is_sent_whole_and_in_ranges(api: AdminApi) -> None:
    """Byte for byte; a range is that part of it, and one behind the end is refused."""
    path = f"/recordings/{identity(3)}/file"
    status, content, headers = await api.raw("GET", path)
    assert (status, content, headers["Content-Type"]) == (200, AUDIO, "audio/wav")
    status, content, _ = await api.raw("GET", path, headers={"Range": "bytes=44-47"})
    assert (status, content) == (206, AUDIO[44:48])
    status, _ = await api.ask("GET", path, headers={"Range": "bytes=999999-"})
    assert status == 416


async def test_one_that_runs_is_neither_sent_nor_removed(api: AdminApi) -> None:
    """It is there, but not to be touched."""
    for method, path in (("GET", "/file"), ("DELETE", "")):
        status, reply = await api.ask(method, f"/recordings/{identity(4)}{path}")
        assert (status, reply["error"]["code"]) == (409, "conflict")


async def test_a_removed_one_is_gone(api: AdminApi) -> None:
    """With its file; and an id that never was is not found either."""
    assert (await api.done("DELETE", f"/recordings/{identity(2)}"))["id"] == identity(2)
    for gone in (identity(2), identity(99), "..", "x" * 100):
        for method, path in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
            status, reply = await api.ask(method, f"/recordings/{gone}{path}")
            assert (status, reply["error"]["code"]) == (404, "not_found"), gone


def test_every_route_needs_the_token() -> None:
    """None of them is public."""
    assert not any(route.public for route in recordings.RECORDING_ROUTES)
