"""What `ari-voice doctor` looks at, and how: each check on its own, with a limit of time.

A check yields results as it finds them. What it raises, or that its time is over, is a failed
result too, so that no check keeps another from being made. Nothing is changed and nobody is called:
files, a channel without a far end and its recording are made and taken away again.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Literal, ParamSpec, TypeVar

import aiohttp
from msgspec import Struct

from adapter.ami.errors import AmiError
from adapter.ari.errors import AriError
from adapter.core.faults import Fault
from adapter.store.sqlite import SchemaMismatch

PATIENCE: Final = 5.0
"""Seconds for one check."""

State = Literal["ok", "warning", "failed"]
_WORLD: Final = (
    *(OSError, ValueError, sqlite3.Error, aiohttp.ClientError),
    *(AriError, AmiError, Fault, SchemaMismatch),
)
"""What the world may do to a check; anything else is a bug of ours."""


class Result(Struct, frozen=True):
    """What one look has shown.

    Attributes:
        name: of what was looked at.
        state: ``warning``: it works, or may be meant so; ``failed``: it does not work.
        text: why, and what to do; one line, without secrets.
    """

    name: str
    state: State
    text: str


Results = AsyncGenerator[Result, None]
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at.

    Attributes:
        name: for a result that it can't give itself.
        look: begins to look.
    """

    name: str
    look: Callable[[], Results]


class Unawaited(ThreadPoolExecutor):
    """Threads that nobody waits for: a name server or a disk that hangs must not hold us up.

    The default executor of a loop is waited for at its end, and its threads at that of the process.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run it in a thread of its own."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except _WORLD as error:
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future


async def examine(checks: Iterable[Check], patience: float = PATIENCE) -> list[Result]:
    """Make all checks, at the same time; the results in the order of the checks."""
    found = await asyncio.gather(*(_examine(check, patience) for check in checks))
    return [result for results in found for result in results]


async def _examine(check: Check, patience: float) -> list[Result]:
    results: list[Result] = []
    try:
        async with asyncio.timeout(patience) as limit, aclosing(check.look()) as looking:
            async for result in looking:
                results.append(result)
    except _WORLD as error:
        reason = f"not done after {patience:g} s" if limit.expired() else described(error)
        results.append(Result(check.name, "failed", reason))
    return results


def described(error: BaseException) -> str:
    """An error in one line."""
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename else ""
        if isinstance(error, ConnectionError) and error.errno:  # asyncio has words of its own
            return os.strerror(error.errno)
        return f"{named}{error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
