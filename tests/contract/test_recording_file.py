"""The EnableX routes of recordings over HTTP: whose file it is, ranges, conditions, stereo."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from adapter.contracts.download import RangeUnsatisfiable, Span, span_of
from adapter.contracts.enablex import server
from adapter.contracts.enablex.auth import Gate
from adapter.contracts.enablex.recording_file import RECORDING_ROUTES, RecordingApi
from adapter.contracts.limits import Limits
from adapter.contracts.throttle import Throttle
from adapter.core.ids import CallId, RecordingId
from adapter.core.kept import KeptRecording
from adapter.core.tenants import hash_key
from adapter.media import wav
from adapter.media.recording_files import Files
from adapter.media.recordings import Recordings
from adapter.store.provisioning import Directory, ProvisioningStore
from adapter.store.recordings import RecordingStore
from adapter.store.sqlite import open_database
from tests.contract.stack import APP, KEY, OTHER_APP, OTHER_KEY, SECRET

ONE = RecordingId("11111111-0000-4000-8000-00ff00000001")
RUNNING = RecordingId("22222222-0000-4000-8000-00ff00000001")
LEFT, RIGHT = b"\x01\x00" * 150_000, b"\x02\x00" * 150_000
MIXED = wav.write(b"\x03\x00" * 150_000)
NOT_FOUND = {"result": 404, "msg": "Recording File Not Found"}


class Site:
    """A server with one saved recording and one that runs, and a client of it."""

    def __init__(
        self, recordings: Recordings, rows: RecordingStore, client: aiohttp.ClientSession
    ) -> None:
        self.recordings = recordings
        self.rows = rows
        self.client = client
        self.tag = ""

    async def ask(
        self,
        path: str,
        method: str = "GET",
        auth: tuple[str, str] | None = (APP, KEY),
        **headers: str,
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """One request; names of headers with `_` for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if auth:
            sent["Authorization"] = aiohttp.encode_basic_auth(*auth)
        async with self.client.request(method, path, headers=sent) as answer:
            return answer, await answer.read()

    async def json(self, path: str, **more: Any) -> tuple[int, Any]:
        """Status and JSON of one request."""
        answer, _ = await self.ask(path, **more)
        return answer.status, await answer.json()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    connection = open_database(tmp_path / "site.db")
    rows = RecordingStore(connection)
    recordings = Recordings(tmp_path / "recordings", rows, 0)
    for id_, key in ((APP, KEY), (OTHER_APP, OTHER_KEY)):
        row = (id_, hash_key(key, b"salt-of-the-tests"), SECRET)
        connection.execute("INSERT INTO app (id, key_hash, webhook_secret) VALUES (?, ?, ?)", row)
    directory = Directory(ProvisioningStore(connection))
    gate = Gate(directory, Limits(lambda: 0.0, lambda limit: None), Throttle())
    api = RecordingApi(recordings, lambda: 0.0)
    files = _record(recordings, rows, ONE)
    files.caller.write_bytes(wav.write(LEFT))
    files.other.write_bytes(wav.write(RIGHT))
    files.mixed.write_bytes(MIXED)
    saved = files.finish()
    rows.saved(ONE, saved)
    _record(recordings, rows, RUNNING)
    app = server.application([(RECORDING_ROUTES, api)], gate, lambda: 0.0)
    runner = web.AppRunner(app)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession(base) as client:
        site = Site(recordings, rows, client)
        site.tag = f'"{saved.sha256}"'
        yield site
    await runner.cleanup()
    connection.close()


def _record(recordings: Recordings, rows: RecordingStore, recording: RecordingId) -> Files:
    """A recording that runs; where its files go."""
    row = KeptRecording(
        id=recording,
        contract="enablex",
        owner=APP,
        call=CallId("call-1"),
        name=recording,
        created_at=0.0,
    )
    assert rows.reserve(row)
    return recordings.place(recording)


@pytest.mark.contract("enablex-voice", "download.request", "download.reply")
async def test_whole_file(site: Site) -> None:
    """The mixed WAV, with what a client needs to come back for ranges of it."""
    answer, body = await site.ask(f"/recording/{ONE}")
    assert (answer.status, body) == (200, MIXED)
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Content-Length"] == str(len(MIXED))
    assert answer.headers["ETag"] == site.tag
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Last-Modified"].endswith(" GMT")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{ONE}.wav"'


@pytest.mark.parametrize("path", [f"/recordubg/{ONE}", f"/recordubg/{ONE}/", f"/recording/{ONE}/"])
@pytest.mark.contract("enablex-voice", "download.request")
async def test_other_spellings(site: Site, path: str) -> None:
    """The document's misspelling, and a trailing slash."""
    answer, body = await site.ask(path)
    assert (answer.status, body) == (200, MIXED)


async def test_head(site: Site) -> None:
    """The same headers, no body, and no range (RFC 9110, 14.2)."""
    answer, body = await site.ask(f"/recording/{ONE}", "HEAD", Range="bytes=0-9")
    assert (answer.status, body) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(MIXED))
    assert answer.headers["ETag"] == site.tag


@pytest.mark.parametrize(
    "recording",
    [RUNNING, "33333333-0000-4000-8000-00ff00000001", "..%2F..%2Fsite.db", "%FF", "%00"],
)
@pytest.mark.contract("enablex-voice", "download.error.404")
async def test_not_found(site: Site, recording: str) -> None:
    """The document's 404, to the letter: not saved yet, unknown, and what is no id."""
    assert await site.json(f"/recording/{recording}") == (404, NOT_FOUND)
    assert await site.json(f"/recordubg/{recording}") == (404, NOT_FOUND)
    assert await site.json(f"/recording/{recording}", method="DELETE") == (404, NOT_FOUND)


async def test_file_of_another_app(site: Site) -> None:
    """It is not found, and not removed."""
    auth = (OTHER_APP, OTHER_KEY)
    assert await site.json(f"/recording/{ONE}", auth=auth) == (404, NOT_FOUND)
    assert await site.json(f"/recording/{ONE}", method="DELETE", auth=auth) == (404, NOT_FOUND)
    assert (await site.ask(f"/recording/{ONE}"))[0].status == 200


@pytest.mark.parametrize("auth", [None, (APP, "wrong"), ("wrong", KEY)])
async def test_no_credentials(site: Site, auth: tuple[str, str] | None) -> None:
    """401, for a recording that is there and one that is not."""
    for recording in (ONE, RUNNING):
        status, body = await site.json(f"/recording/{recording}", auth=auth)
        assert (status, body["result"], body["status"]) == (401, 401, "failed")


async def test_file_that_is_gone(site: Site) -> None:
    """A row whose file somebody removed is not found."""
    row = site.recordings.find(ONE, "enablex", APP)
    assert row is not None
    site.recordings.file(row).unlink()
    assert await site.json(f"/recording/{ONE}") == (404, NOT_FOUND)


SIZE = len(MIXED)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=44-1043", 44, 1043),
        ("Bytes=300000-", 300_000, SIZE - 1),
        ("bytes=-100", SIZE - 100, SIZE - 1),
        (f"bytes=-{SIZE * 2}", 0, SIZE - 1),
        (f"bytes=10-{SIZE * 2}", 10, SIZE - 1),
    ],
)
@pytest.mark.contract("enablex-voice", "download.reply")
async def test_range(site: Site, asked: str, first: int, last: int) -> None:
    """One range of the bytes: 206, with its place in the file."""
    answer, body = await site.ask(f"/recording/{ONE}", Range=asked)
    assert (answer.status, body) == (206, MIXED[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize(
    "asked", ["bytes=9-3", "bytes=0-1,5-6", "bytes=x-1", "lines=0-1", "bytes=-", "", "bytes=0--1"]
)
async def test_range_that_is_left_aside(site: Site, asked: str) -> None:
    """What is malformed, or several ranges, gets the whole file."""
    answer, body = await site.ask(f"/recording/{ONE}", Range=asked)
    assert (answer.status, body) == (200, MIXED)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=-0", "bytes=999999999999999999-"])
async def test_range_behind_the_end(site: Site, asked: str) -> None:
    """416 says where the end is, as JSON like every failure."""
    answer, _ = await site.ask(f"/recording/{ONE}", Range=asked)
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
    assert (await answer.json())["status"] == "failed"


async def test_if_range(site: Site) -> None:
    """The range comes for the tag and the very date; with others the whole file comes."""
    modified = (await site.ask(f"/recording/{ONE}"))[0].headers["Last-Modified"]
    for condition, status in (
        (site.tag, 206),
        (modified, 206),
        ('"another"', 200),
        (f"W/{site.tag}", 200),
        ("Sat, 21 Nov 2026 12:00:00 GMT", 200),
        ("Sat, 01 Jan 2050 12:00:00 GMT", 200),
        ("nonsense", 200),
    ):
        headers = {"Range": "bytes=0-9", "If_Range": condition}
        answer, body = await site.ask(f"/recording/{ONE}", "GET", (APP, KEY), **headers)
        assert (answer.status, len(body)) == (status, 10 if status == 206 else SIZE), condition


async def test_conditions(site: Site) -> None:
    """304 for who has it, 412 for who wants another one; tags go before dates."""
    modified = (await site.ask(f"/recording/{ONE}"))[0].headers["Last-Modified"]
    old = "Sat, 01 Jan 2000 12:00:00 GMT"
    for headers, status in (
        ({"If_None_Match": site.tag}, 304),
        ({"If_None_Match": f'"x", W/{site.tag}'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"x"', "If_Modified_Since": modified}, 200),
        ({"If_Modified_Since": modified}, 304),
        ({"If_Modified_Since": old}, 200),
        ({"If_Match": site.tag}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": '"x"'}, 412),
        ({"If_Match": f"W/{site.tag}"}, 412),
        ({"If_Unmodified_Since": old}, 412),
        ({"If_Unmodified_Since": modified}, 200),
    ):
        answer, body = await site.ask(f"/recording/{ONE}", "GET", (APP, KEY), **headers)
        assert answer.status == status, headers
        if status == 304:
            assert (body, answer.headers["ETag"]) == (b"", site.tag)


async def test_stereo(site: Site) -> None:
    """The caller left, the other side right, with a tag of its own."""
    answer, body = await site.ask(f"/recording/{ONE}?channels=2")
    assert answer.status == 200
    assert answer.headers["ETag"] == f'{site.tag[:-1]}-stereo"'
    assert answer.headers["Content-Disposition"].endswith(f'filename="{ONE}-stereo.wav"')
    with wave.open(io.BytesIO(body)) as file:
        assert (file.getnchannels(), file.getnframes()) == (2, 150_000)
        assert (
            file.readframes(1) + file.readframes(1) == LEFT[:2] + RIGHT[:2] + LEFT[:2] + RIGHT[:2]
        )
    answer, part = await site.ask(f"/recording/{ONE}?channels=2", Range="bytes=44-47")
    assert (answer.status, part) == (206, LEFT[:2] + RIGHT[:2])


@pytest.mark.parametrize("channels", ["0", "3", "", "two", "1%0d%0a"])
async def test_bad_channels(site: Site, channels: str) -> None:
    """400 says what is right."""
    status, body = await site.json(f"/recording/{ONE}?channels={channels}")
    assert (status, body["msg"]) == (400, "channels: one of 1, 2")
    assert (await site.ask(f"/recording/{ONE}?channels=1"))[1] == MIXED


async def test_stereo_without_its_sides(site: Site) -> None:
    """A recording whose sides are lost has no stereo file; the mixed one is there."""
    row = site.recordings.find(ONE, "enablex", APP)
    assert row is not None
    Files(str(site.recordings.file(row)).removesuffix(".wav")).caller.unlink()
    assert await site.json(f"/recording/{ONE}?channels=2") == (404, NOT_FOUND)
    assert (await site.ask(f"/recording/{ONE}"))[0].status == 200


async def test_remove(site: Site) -> None:
    """It is gone, also its files, and its name is free."""
    row = site.recordings.find(ONE, "enablex", APP)
    assert row is not None
    status, body = await site.json(f"/recording/{ONE}", method="DELETE")
    assert status == 200
    assert body == {
        "recording_id": ONE,
        "state": "success",
        "status": "success",
        "timestamp": "1970-01-01T00:00:00.000Z",
    }
    assert not site.recordings.file(row).exists()
    assert site.recordings.reserve(replace(row, id=RecordingId("0-0")))
    assert await site.json(f"/recording/{ONE}") == (404, NOT_FOUND)
    assert await site.json(f"/recording/{ONE}", method="DELETE") == (404, NOT_FOUND)


async def test_client_that_goes_away(site: Site) -> None:
    """Half a download disturbs nobody: the next one is whole."""
    for _ in range(3):
        headers = {"Authorization": aiohttp.encode_basic_auth(APP, KEY)}
        answer = await site.client.get(f"/recording/{ONE}", headers=headers)
        await answer.content.readexactly(10)
        answer.close()
    assert (await site.ask(f"/recording/{ONE}"))[1] == MIXED


@given(header=st.one_of(st.text(max_size=30), st.from_regex(r"bytes=\d*-\d*", fullmatch=True)))
def test_any_range_header(header: str) -> None:
    """Whatever it says, what is sent lies within the file, and something of it."""
    try:
        span = span_of(header, 100) or Span(0, 100)
    except RangeUnsatisfiable:
        span = Span(0, 1)
    assert 0 <= span.first < span.first + span.length <= 100
