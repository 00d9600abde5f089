"""Prompt files over HTTP: put, list, get, delete, links; names that lead out; two domains."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from yarl import URL

from adapter.contracts.mediaservice import BASE, promptfiles
from adapter.media import wav
from tests.contract.mediaservice_api import ONE, TONE, TWO, Api, running


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """Two domains."""
    async with running(tmp_path) as api:
        yield api


async def test_put_list_get_delete(api: Api) -> None:
    """A file comes, is listed, comes back as it was, is replaced, and goes."""
    assert await api.ask("GET", "/promptfile") == (
        200,
        {"success": True, "files": [], "next": None},
    )
    await api.put("welcome.wav")
    await api.put("welcome.wav", wav.write(bytes(8000)))
    _, listed = await api.ask("GET", "/promptfile/")
    assert listed["files"] == [{"name": "welcome.wav", "size": 8044}]
    for name in ("welcome.wav", "welcome"):
        reply = await api.raw("GET", f"/{ONE}/promptfile/{name}", api.bearer(ONE))
        assert reply.body == wav.write(bytes(8000))
        assert reply.headers["Content-Type"] == "audio/wav"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert await api.ask("DELETE", "/promptfile/welcome.wav") == (200, {"success": True})
    for method in ("GET", "DELETE"):
        status, body = await api.ask(method, "/promptfile/welcome.wav")
        assert (status, body["reason"]) == (404, "File not found")


async def test_paging(api: Api) -> None:
    """`next` leads through all files, each once, also while others come and go."""
    for number in range(7):
        await api.put(f"f{number}.wav")
    seen, page = [], "/promptfile"
    while True:
        _, body = await api.ask("GET", page)
        seen += [file["name"] for file in body["files"]]
        if body["next"] is None:
            break
        assert len(body["files"]) == 3
        page = f"/promptfile?next={URL.build(query={'n': body['next']}).raw_query_string[2:]}"
        await api.ask("DELETE", f"/promptfile/{seen[-1]}")
        await api.put("a.wav")
    assert seen == [f"f{number}.wav" for number in range(7)]


@pytest.mark.parametrize("cursor", ["x", "!!!!", "/w==", "%00", "_w==", "☎"])
async def test_a_made_up_next(api: Api, cursor: str) -> None:
    """What we did not give out is 400."""
    path = f"/promptfile?next={URL.build(query={'n': cursor}).raw_query_string[2:]}"
    assert (await api.ask("GET", path))[0] == 400


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "not a WAV file"),
        (b"ID3 this is an mp3", "the MP3 file is damaged"),
        (TONE[:-1], "cut off"),
        (wav.write(b""), "no audio"),
    ],
)
async def test_what_is_no_audio(api: Api, content: bytes, error: str) -> None:
    """400 that says why; nothing is stored."""
    status, body = await api.ask("PUT", "/promptfile/a.wav", body=content)
    assert (status, body["reason"]) == (400, "The file can't be used")
    assert error in body["error"]
    assert await api.names() == []


async def test_too_large(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused as soon as it is more, whether its length was announced or not."""
    monkeypatch.setattr(promptfiles, "LARGEST", len(TONE))
    await api.put("just.wav")

    async def pieces() -> AsyncIterator[bytes]:
        yield TONE
        yield b"x"

    for body in (TONE + b"x", pieces()):
        status, said = await api.ask("PUT", "/promptfile/a.wav", body=body)
        assert (status, said["reason"]) == (400, "The file is too large")
    assert await api.names() == ["just.wav"]


async def test_compressed_rubbish(api: Api) -> None:
    """A body that is not what Content-Encoding says is the client's fault."""
    headers = api.bearer(ONE) | {"Content-Encoding": "deflate"}
    reply = await api.raw("PUT", f"/{ONE}/promptfile/a.wav", headers, b"not deflated" * 10)
    assert reply.status == 400


ESCAPES = [
    "..%2f..%2fx.wav", "%2e%2e", "%2e%2e%2fx", ".hidden", "%2ehidden", "a%2fb", "a%5cb", "a%00b",
    "%0d%0ax", "a%7f", "%c2%85", "%2F", "%2e", "..%5c..%5cx", "x" * 129,
]  # fmt: skip


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
async def test_names_that_are_not_allowed(api: Api, method: str) -> None:
    """400 or no such path; nothing is written anywhere."""
    for name in ESCAPES:
        request = (
            f"{method} {BASE}/{ONE}/promptfile/{name} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: {api.bearer(ONE)['Authorization']}\r\nConnection: close\r\n"
            f"Content-Length: {len(TONE)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(request.encode() + TONE)
        status = int((await reader.read()).split()[1])
        writer.close()
        assert status in (400, 404, 405), name
    assert not api.folder.exists()


@pytest.mark.parametrize("name", ["%252e%252e%252fx", "a%20b", "%E2%98%8E.wav", "50%25", "a+b&c"])
async def test_odd_names_that_are(api: Api, name: str) -> None:
    """Decoded once, kept below the domain's folder, found and deleted by the same name."""
    await api.put(name)
    (listed,) = await api.names()
    assert listed == URL(f"http://x/{name}", encoded=True).name
    stored = [path for path in api.folder.rglob("*") if path.is_file()]
    assert len(stored) == 2
    assert all(path.is_relative_to(api.folder / "domains" / "one=2Eexample") for path in stored)
    _, body = await api.ask("GET", f"/promptfile/{name}/url")
    path = URL(body["url"], encoded=True).raw_path_qs.removeprefix(BASE)
    assert (await api.raw("GET", path)).body == TONE
    assert (await api.ask("DELETE", f"/promptfile/{name}"))[0] == 200


async def test_domains_do_not_see_one_another(api: Api) -> None:
    """Same names, other files; nothing of one is listed, fetched or deleted through the other."""
    await api.put("a.wav")
    await api.put("b.wav", domain=TWO)
    assert (await api.names(ONE), await api.names(TWO)) == (["a.wav"], ["b.wav"])
    for method, more in (("GET", ""), ("GET", "/url"), ("DELETE", ""), ("POST", "/move")):
        assert (await api.ask(method, f"/promptfile/a.wav{more}", TWO))[0] == 404
    await api.put("a.wav", wav.write(bytes(8000)), TWO)
    reply = await api.raw("GET", f"/{ONE}/promptfile/a.wav", api.bearer(ONE))
    assert reply.body == TONE


async def link(api: Api, name: str = "a.wav") -> URL:
    status, body = await api.ask("GET", f"/promptfile/{name}/url")
    assert status == 200
    assert body.keys() == {"success", "url"}
    return URL(body["url"], encoded=True)


async def test_link(api: Api) -> None:
    """A link of this server opens its file without credentials, and nothing after 15 minutes."""
    await api.put("a.wav")
    url = await link(api)
    assert (url.host, url.port) == ("127.0.0.1", api.port)
    path = url.raw_path_qs.removeprefix(BASE)
    reply = await api.raw("GET", path)
    assert (reply.status, reply.body) == (200, TONE)
    api.now[0] += 899
    assert (await api.raw("GET", path)).status == 200
    api.now[0] += 1
    assert (await api.raw("GET", path)).status == 401


async def test_a_link_opens_nothing_else(api: Api) -> None:
    """No other file, domain, method or path; a spoiled one is not saved by good credentials."""
    for domain in (ONE, TWO):
        await api.put("a.wav", domain=domain)
        await api.put("b.wav", domain=domain)
    token = (await link(api)).raw_query_string
    for method, path in (
        ("GET", f"/{ONE}/promptfile/b.wav"),
        ("GET", f"/{ONE}/promptfile/a"),
        ("GET", f"/{TWO}/promptfile/a.wav"),
        ("GET", f"/{ONE}/promptfile"),
        ("GET", f"/{ONE}/promptfile/a.wav/url"),
        ("DELETE", f"/{ONE}/promptfile/a.wav"),
        ("PUT", f"/{ONE}/promptfile/a.wav"),
        ("POST", f"/{ONE}/promptfile/a.wav/move"),
    ):
        assert (await api.raw(method, f"{path}?{token}")).status == 401, (method, path)
    for bad in (f"{token}x", "token="):
        headers = api.bearer(ONE)
        reply = await api.raw("GET", f"/{ONE}/promptfile/a.wav?{bad}", headers)
        assert reply.status == 401


async def test_link_to_nothing(api: Api) -> None:
    """No file, no link; a Host that is none is 400."""
    assert (await api.ask("GET", "/promptfile/a.wav/url"))[0] == 404
    await api.put("a.wav")
    headers = api.bearer(ONE) | {"Host": "x:y"}
    assert (await api.raw("GET", f"/{ONE}/promptfile/a.wav/url", headers)).status == 400


async def test_move_is_not_there_yet(api: Api) -> None:
    """Said clearly, and the file stays."""
    await api.put("a.wav")
    body = {"type": "s3", "bucketName": "b", "bucketRegion": "r"}
    status, said = await api.ask("POST", "/promptfile/a.wav/move", body=str(body))
    assert (status, said["reason"]) == (400, "move is not available in this version")
    assert await api.names() == ["a.wav"]


async def test_a_disk_that_refuses(api: Api) -> None:
    """502 without a path of the server in it."""
    api.folder.write_text("in the way")
    status, body = await api.ask("PUT", "/promptfile/a.wav", body=TONE)
    assert (status, body["reason"]) == (502, "The prompt store failed")
    assert str(api.folder) not in body["error"]
