"""Fixtures: a fake Asterisk, a customer, and the whole adapter between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.stack import Stack
from tests.fakes.ami import FakeAmi
from tests.fakes.ari_server import FakeAri
from tests.fakes.webhook_sink import WebhookSink


@pytest.fixture(scope="session")
def plug_in(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A distribution that offers scripted plug-ins, as a stranger's would; its folder."""
    folder = tmp_path_factory.mktemp("plug-in")
    info = folder / "scripted_speech-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scripted-speech\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[ari_voice.tts]\nscripted = tests.fakes.speech:ScriptedTTS\n"
        "[ari_voice.asr]\nears = tests.contract.ears:Ears\n"
    )
    return str(folder)


@pytest.fixture
async def ari() -> AsyncIterator[FakeAri]:
    """A fake Asterisk."""
    async with FakeAri() as ari:
        yield ari


@pytest.fixture
async def sink() -> AsyncIterator[WebhookSink]:
    """The customer's webhook endpoint."""
    async with WebhookSink() as sink:
        yield sink


@pytest.fixture
async def idle(
    tmp_path: Path, ari: FakeAri, sink: WebhookSink, plug_in: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stack]:
    """An adapter that is set up and provisioned, and not started."""
    monkeypatch.syspath_prepend(plug_in)
    async with FakeAmi() as ami:
        stack = Stack(tmp_path, ari, ami, sink)
        stack.configure()
        stack.provision()
        yield stack


@pytest.fixture
async def stack(idle: Stack) -> AsyncIterator[Stack]:
    """A running adapter."""
    await idle.start()
    yield idle
    await idle.stop()
