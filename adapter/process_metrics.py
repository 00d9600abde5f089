"""Prometheus metrics of the process and of what it has left: time, memory, files, space.

All but the delay of the event loop is read when somebody asks for /metrics, and not before.
"""

from __future__ import annotations

import asyncio
import math
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter

from prometheus_client import CollectorRegistry, Gauge, Histogram, Info, ProcessCollector

from adapter import __version__
from adapter.metrics import FAST


class LoopLag:
    """How late the event loop runs what is due: the first sign of an overload."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lag = Histogram(
            "ari_voice_event_loop_lag_seconds",
            "Delay of a timer of the event loop",
            buckets=FAST,
            registry=registry,
        )

    async def run(self, interval: float = 0.25) -> None:
        """Measure until cancelled, every `interval` seconds."""
        while True:
            due = perf_counter() + interval
            await asyncio.sleep(interval)
            self._lag.observe(max(0.0, perf_counter() - due))


class ProcessMetrics:
    """Which build runs, and what its process takes, under the names that all programs use.

    Source: Prometheus documentation, "Writing client libraries", process metrics. They are read
    from /proc; on a system without it they are not there.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)
        build = Info(
            "ari_voice_build", "Version of the adapter and of its Python", registry=registry
        )
        build.info({"version": __version__, "python": platform.python_version()})


class DiskMetrics:
    """Room on the disks, and how much the database takes of it.

    Args:
        registry: of the adapter.
        database: its file.
        folders: whose file systems are looked at, by the value of the label `folder`.
    """

    def __init__(
        self, registry: CollectorRegistry, database: Path, folders: Mapping[str, Path]
    ) -> None:
        free = Gauge(
            "ari_voice_disk_free_bytes",
            "Free space of the file system that a folder is on",
            ["folder"],
            registry=registry,
        )
        for name, folder in folders.items():
            free.labels(name).set_function(partial(free_bytes, folder))
        size = "Size of the database, with its write-ahead log"
        Gauge("ari_voice_database_bytes", size, registry=registry).set_function(
            partial(database_bytes, database)
        )


def free_bytes(folder: Path) -> float:
    """Bytes that are free for us where a folder is; NaN when it can't be looked at."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return math.nan
    return float(found.f_bavail * found.f_frsize)


def database_bytes(database: Path) -> float:
    """Bytes of an SQLite file and its write-ahead log; NaN when there is no such file."""
    try:
        size = database.stat().st_size
    except OSError:
        return math.nan
    with suppress(FileNotFoundError):  # it is there while the database is open
        size += database.with_name(f"{database.name}-wal").stat().st_size
    return float(size)
