"""Plug-ins: each that the settings name is started as the server does it, and closed again.

What a start proves is the plug-in's to say; ours that need credentials use them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Literal

from adapter import registry
from adapter.commands.diagnosis import PATIENCE, Result, Results, Unawaited
from adapter.plugin_api import ASR, TTS, Unreachable
from adapter.registry import PluginFault
from adapter.settings import Plugins

Kind = Literal["tts", "asr"]


async def plugins(settings: Plugins) -> Results:
    """All of them, each in a thread and a loop of its own: some keep theirs busy at the start."""
    looks = [
        *(asyncio.to_thread(starts, "tts", name, settings) for name in settings.tts),
        *(asyncio.to_thread(starts, "asr", name, settings) for name in settings.asr),
    ]
    for result in await asyncio.gather(*looks):
        yield result


def starts(kind: Kind, name: str, settings: Plugins) -> Result:
    """Judge one plug-in."""
    title = f"{kind} {name}"
    others = len(getattr(settings, kind)) > 1
    try:
        asyncio.run(_start_and_close(kind, name, settings.settings))
    except TimeoutError:
        return Result(title, "failed", "it does not start in time")
    except PluginFault as fault:
        if others and isinstance(fault.__cause__, Unreachable):
            return Result(title, "warning", f"{fault}; the server starts without it")
        return Result(title, "failed", str(fault))
    return Result(title, "ok", "starts")


async def _start_and_close(
    kind: str, name: str, tables: Mapping[str, Mapping[str, object]]
) -> None:
    asyncio.get_running_loop().set_default_executor(Unawaited())
    async with asyncio.timeout(PATIENCE - 1):
        started: Iterable[TTS | ASR]
        if kind == "tts":
            started = (await registry.start_tts([name], tables)).values()
        else:
            started = (await registry.start_asr([name], tables)).values()
        await registry.close(started)
