"""Prompts through the admin API and the command line: any format, up, listed, heard, down."""

from __future__ import annotations

import asyncio
import hashlib
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from adapter.contracts.admin import prompts
from adapter.media import wav
from tests.contract.admin_api import SETTINGS, AdminApi
from tests.contract.stack import APP, GREETS, OTHER_APP, Stack
from tests.unit.test_decoding import coded
from tests.unit.test_wav import riff

BASE = f"/apps/{APP}/prompts"
MP3 = coded("mp3", "libmp3lame", 44100, channels=2)
NARROW = wav.write(bytes(8000))


@pytest.fixture
async def api(idle: Stack) -> AsyncIterator[AdminApi]:
    """An adapter with the admin API."""
    idle.configure(SETTINGS)
    await idle.start()
    yield AdminApi(idle)
    await idle.stop()


def kept(api: AdminApi) -> list[str]:
    """The stored audio files."""
    return sorted(file.suffix for file in api.stack.folder.glob("media/prompts/*/*"))


def rate_of(content: bytes) -> int:
    """Of a WAV file, as somebody else reads it."""
    with wave.open(io.BytesIO(content)) as file:
        return file.getframerate()


async def test_an_mp3_is_played_at_once(api: AdminApi) -> None:
    """Stored, listed, played by name in the next request; the audio comes back as it is played."""
    status, made = await api.ask("PUT", f"{BASE}/hello", MP3)
    assert status == 201
    assert made == {"app": APP, "name": "hello", "sha256": hashlib.sha256(MP3).hexdigest()}
    listed = await api.done("GET", BASE)
    assert [one["name"] for one in listed["prompts"]] == ["hello", "welcome"]
    call = await api.stack.connected()
    assert (await api.stack.play(call, prompt_name="hello")).status == 200
    await api.stack.ari.wait_for(lambda: api.stack.ari.count("play") == 1)
    status, content, headers = await api.raw("GET", f"{BASE}/hello")
    assert (status, headers["Content-Type"]) == (200, "audio/wav")
    assert rate_of(content) == 16000
    await api.stack.hang_up(call)


async def test_replacing(api: AdminApi) -> None:
    """Another file under the same name is 200, the same again too; what is heard is the new one."""
    assert (await api.ask("PUT", f"{BASE}/a", MP3))[0] == 201
    assert (await api.ask("PUT", f"{BASE}/a", NARROW))[0] == 200
    assert (await api.ask("PUT", f"{BASE}/a", NARROW))[0] == 200
    _, content, _ = await api.raw("GET", f"{BASE}/a")
    assert content == NARROW


async def test_forms(api: AdminApi) -> None:
    """A browser's form does as well; its file's name tells raw G.711."""
    form = aiohttp.FormData({"comment": "x"})
    form.add_field("file", io.BytesIO(bytes([0x55]) * 4000), filename="C:\\x\\hello.ALAW")
    await api.done("PUT", f"{BASE}/a", form)
    _, content, _ = await api.raw("GET", f"{BASE}/a")
    assert rate_of(content) == 8000
    form = aiohttp.FormData({"comment": "x"})
    form.add_field("more", "y", content_type="text/plain")
    assert "no file" in (await api.refused(400, "PUT", f"{BASE}/a", form))["message"]
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (b"", b"--x", b"--x\r\n\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\nabc"):
        status, _ = await api.ask("PUT", f"{BASE}/a", body, headers=headers)
        assert status == 400
    status, _ = await api.ask("PUT", f"{BASE}/a", MP3, headers={"Content-Type": "multipart/mixed"})
    assert status == 400


@pytest.mark.parametrize("kind", ["audio/basic", "audio/PCMU", "audio/PCMA", "application/x"])
async def test_raw_audio_by_its_type(api: AdminApi, kind: str) -> None:
    """G.711 without a name is told by the content type, and by the prompt's own name."""
    content = bytes(range(256)) * 8
    name = "a.ulaw" if kind == "application/x" else "a"
    status, _ = await api.ask("PUT", f"{BASE}/{name}", content, headers={"Content-Type": kind})
    assert status == 201
    assert rate_of((await api.raw("GET", f"{BASE}/{name}"))[1]) == 8000


@pytest.mark.parametrize("content", [b"", b"hello", MP3[:4], NARROW[:-1], b"ID3" + bytes(99)])
async def test_what_is_no_audio(api: AdminApi, content: bytes) -> None:
    """400 with a reason, and nothing is stored."""
    before = kept(api)
    error = await api.refused(400, "PUT", f"{BASE}/a", content)
    assert "file" in error["message"]
    await api.refused(404, "GET", f"{BASE}/a")
    assert kept(api) == before


async def test_too_large(api: AdminApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """413 as soon as it is more, in a form too."""
    monkeypatch.setattr(prompts, "LARGEST", len(NARROW))
    await api.done("PUT", f"{BASE}/a", NARROW)
    await api.refused(413, "PUT", f"{BASE}/a", NARROW + b"x")
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(NARROW + b"x"), filename="a.wav")
    await api.refused(413, "PUT", f"{BASE}/a", form)


@pytest.mark.parametrize("name", ["default", "..%2f..%2fx", "%2e%2e", "a%00", "%20", "x" * 129])
async def test_names_that_are_not_allowed(api: AdminApi, name: str) -> None:
    """400 that names the field, and nothing is written; they are not found either."""
    before = kept(api)
    assert (await api.refused(400, "PUT", f"{BASE}/{name}", NARROW))["field"] == "name"
    await api.refused(404, "GET", f"{BASE}/{name}")
    await api.refused(404, "DELETE", f"{BASE}/{name}")
    assert kept(api) == before


async def test_of_an_app_that_is_not_there(api: AdminApi) -> None:
    """404 for each request."""
    for method, path in (("GET", ""), ("PUT", "/a"), ("GET", "/a"), ("DELETE", "/a")):
        await api.refused(404, method, f"/apps/nobody/prompts{path}", NARROW)


async def test_deleting(api: AdminApi) -> None:
    """One that greets stays; the audio goes when no app's prompt has it any more."""
    other = f"/apps/{OTHER_APP}/prompts"
    message = (await api.refused(409, "DELETE", f"{BASE}/welcome"))["message"]
    assert "number" in message
    before = kept(api)
    await api.done("PUT", f"{BASE}/a", MP3)
    await api.done("PUT", f"{other}/b", MP3)
    await api.done("DELETE", f"{BASE}/a")
    await api.refused(404, "GET", f"{BASE}/a")
    assert (await api.raw("GET", f"{other}/b"))[0] == 200
    await api.done("DELETE", f"{other}/b")
    assert kept(api) == before


async def test_the_same_audio_comes_and_goes(api: AdminApi) -> None:
    """Puts and deletes of one content at the same time leave no prompt without audio."""
    for _ in range(3):
        await api.done("PUT", f"{BASE}/a", MP3)
        await asyncio.gather(
            api.ask("DELETE", f"{BASE}/a"), api.ask("PUT", f"{BASE}/b", MP3),
            api.ask("PUT", f"{BASE}/c", MP3), api.ask("DELETE", f"{BASE}/b"),
        )  # fmt: skip
        for one in (await api.done("GET", BASE))["prompts"]:
            assert (await api.raw("GET", f"{BASE}/{one['name']}"))[0] == 200


async def test_pages(api: AdminApi) -> None:
    """In the order of names, from where one wants."""
    for name in ("a", "b c", "d"):
        await api.done("PUT", f"{BASE}/{name.replace(' ', '%20')}", NARROW)
    page = await api.done("GET", f"{BASE}?limit=2")
    assert ([one["name"] for one in page["prompts"]], page["next"]) == (["a", "b c"], "b c")
    page = await api.done("GET", f"{BASE}?limit=2&after=b%20c")
    assert ([one["name"] for one in page["prompts"]], page["next"]) == (["d", "welcome"], None)


async def test_a_greeting_that_was_put(api: AdminApi) -> None:
    """A number can greet with it from the next call on."""
    await api.done("PUT", f"{BASE}/fresh", MP3)
    await api.done("PUT", f"/numbers/{GREETS}", {"app": APP, "greeting": "fresh"})
    api.stack.ari.inbound(GREETS, caller="+15557777")
    await api.stack.ari.wait_for(lambda: api.stack.ari.count("play") == 1)


async def test_the_command(api: AdminApi, tmp_path: Path) -> None:
    """`ari-voice prompt add`, `list` and `remove` do the same beside the running server."""
    file = tmp_path / "hello.mp3"
    file.write_bytes(MP3)
    stack = api.stack
    assert stack.command("prompt", "add", APP, "cli", str(file)) == (
        0,
        f"created prompt {APP}/cli\n",
    )
    assert stack.command("prompt", "add", APP, "cli", str(file))[1].startswith("unchanged")
    digest = hashlib.sha256(MP3).hexdigest()[:12]
    assert f"{APP}  cli  {digest}\n" in stack.command("prompt", "list")[1]
    assert stack.command("prompt", "list", APP)[1].count("\n") == 2
    assert stack.command("prompt", "list", "nobody") == (0, "")
    assert rate_of((await api.raw("GET", f"{BASE}/cli"))[1]) == 16000
    status, said = stack.command("prompt", "remove", APP, "welcome")
    assert status == 1
    assert "is used by number" in said
    assert stack.command("prompt", "remove", APP, "cli")[0] == 0
    assert stack.command("prompt", "remove", APP, "cli")[0] == 1
    await api.refused(404, "GET", f"{BASE}/cli")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((APP, "a", "welcome.txt"), 1, "file: not a WAV file"),
        ((APP, "a", "missing.wav"), 1, "file: can't be read"),
        (("nobody", "a", "wide.wav"), 1, "app: no app 'nobody'"),
        ((APP, "default", "wide.wav"), 1, "name: 'default' is the prompt that is shipped"),
        ((APP, "../a", "wide.wav"), 1, "name: not of the right form"),
    ],
)
async def test_the_command_says_what_is_wrong(
    idle: Stack, arguments: tuple[str, str, str], status: int, words: str
) -> None:
    """In words, with an exit code, and nothing is stored."""
    (idle.folder / "welcome.txt").write_text("hello")
    (idle.folder / "wide.wav").write_bytes(riff(bytes(6400), 16000, 1, 16))
    app, name, file = arguments
    given, said = idle.command("prompt", "add", app, name, str(idle.folder / file))
    assert given == status
    assert words in said
    assert idle.command("prompt", "list")[1].count("\n") == 2
