"""Composition of what makes, plays, recognises and records audio. Built by `adapter.app`."""

from __future__ import annotations

import sqlite3
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from adapter import registry
from adapter.ami.client import AmiClient
from adapter.ami.monitors import Monitors
from adapter.audio_metrics import RecognitionMetrics, SpeechMetrics
from adapter.instruments import Instruments
from adapter.media.promptfiles import PromptFiles
from adapter.media.prompts import Prompts
from adapter.media.recognition import Recognition
from adapter.media.recordings import Recorder, Recordings
from adapter.media.remote import RemoteAudio
from adapter.media.tts_cache import Limits as CacheLimits
from adapter.media.tts_cache import TtsCache
from adapter.settings import Settings
from adapter.store.recordings import RecordingStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """All of it.

    Attributes:
        prompts: makes phrases playable.
        files: prompt files of domains.
        ears: recognise speech.
        recordings: those that are kept.
        recorder: makes them.
        ami: how Asterisk is told to.
    """

    prompts: Prompts
    files: PromptFiles
    ears: Recognition
    recordings: Recordings
    recorder: Recorder
    ami: AmiClient


async def open_audio(
    settings: Settings,
    connection: sqlite3.Connection,
    session: aiohttp.ClientSession,
    instruments: Instruments,
    stack: AsyncExitStack,
) -> Audio:
    """Start it.

    Args:
        settings: of the server.
        connection: of the event loop.
        session: checks the addresses it calls.
        instruments: take what happens.
        stack: closes it all.

    Raises:
        PluginFault: a plug-in can't be used.
    """
    prompts = await _prompts(settings, session, instruments.speech, stack)
    ears = await _ears(settings, instruments.recognition, stack)
    ami = _ami(settings)
    ami.start()
    stack.push_async_callback(ami.close)
    instruments.recordings.ami_connected.set_function(lambda: ami.connected)
    rows = RecordingStore(connection)
    kept = settings.recordings
    recordings = Recordings(kept.folder.resolve(), rows, kept.min_free_bytes)
    return Audio(
        prompts=prompts,
        files=PromptFiles(settings.media.folder.resolve()),
        ears=ears,
        recordings=recordings,
        recorder=Recorder(recordings, rows, Monitors(ami)),
        ami=ami,
    )


async def _prompts(
    settings: Settings,
    session: aiohttp.ClientSession,
    metrics: SpeechMetrics,
    stack: AsyncExitStack,
) -> Prompts:
    """What makes phrases playable: the synthesisers with their cache, and what is fetched."""
    folder = settings.media.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    synthesisers = await registry.start_tts(settings.plugins.tts, settings.plugins.settings)
    stack.push_async_callback(registry.close, list(synthesisers.values()))
    limits = CacheLimits(bytes=settings.media.cache_bytes)
    cache = TtsCache(folder / "tts", limits, metrics)
    stack.push_async_callback(cache.close)
    remote = RemoteAudio(session, folder / "remote")
    stack.push_async_callback(remote.close)
    return Prompts(folder, cache, synthesisers.values(), remote, fell_back=metrics.tts_fell_back)


async def _ears(
    settings: Settings, metrics: RecognitionMetrics, stack: AsyncExitStack
) -> Recognition:
    """The recognisers, in their thread."""
    ears = Recognition(
        lambda: registry.start_asr(settings.plugins.asr, settings.plugins.settings),
        settings.asterisk.url,
        observer=metrics,
    )
    await ears.start()
    stack.push_async_callback(ears.close)
    return ears


def _ami(settings: Settings) -> AmiClient:
    """The same Asterisk, and without other settings the same credentials, as for ARI."""
    asterisk = settings.asterisk
    return AmiClient(
        asterisk.ami_host or urlsplit(asterisk.url).hostname or "127.0.0.1",
        asterisk.ami_port,
        asterisk.ami_username or asterisk.username,
        asterisk.ami_password.reveal() or asterisk.password.reveal(),
    )
