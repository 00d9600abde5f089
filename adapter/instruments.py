"""All metrics of a running adapter, on a registry of their own. Built by `adapter.app`."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry

from adapter.audio_metrics import RecognitionMetrics, RecordingMetrics, SpeechMetrics
from adapter.engine.ports import Observer
from adapter.metrics import (
    AccessMetrics,
    AsteriskMetrics,
    EngineMetrics,
    Observers,
    OutboxMetrics,
    TrunkMetrics,
)
from adapter.process_metrics import DiskMetrics, LoopLag, ProcessMetrics
from adapter.settings import Settings


class Instruments:
    """Each part of the adapter has one of these to report to.

    Args:
        settings: of the server: its plug-ins and folders.
        trunks: names of those that are provisioned now.

    Attributes:
        registry: all of them, for /metrics.
    """

    def __init__(self, settings: Settings, trunks: Iterable[str]) -> None:
        self.registry = registry = CollectorRegistry()
        self.engine = EngineMetrics(registry)
        self.outbox = OutboxMetrics(registry)
        self.asterisk = AsteriskMetrics(registry)
        self.access = AccessMetrics(registry)
        self.speech = SpeechMetrics(registry, settings.plugins.tts)
        self.recognition = RecognitionMetrics(registry, settings.plugins.asr)
        self.recordings = RecordingMetrics(registry)
        self.lag = LoopLag(registry)
        self._trunks = TrunkMetrics(registry, trunks)
        ProcessMetrics(registry)
        database = settings.database.path.absolute()
        folders = {
            "database": database.parent,
            "media": settings.media.folder.absolute(),
            "recordings": settings.recordings.folder.absolute(),
        }
        DiskMetrics(registry, database, folders)

    def of_the_engine(self, *others: Observer) -> Observers:
        """All that watch the engine, and others."""
        return Observers(self.engine, self._trunks, self.recognition, self.recordings, *others)
