"""Entry points -> plug-ins. What can't be loaded stops the adapter at its start, by name.

The plug-ins that come with the adapter are found the same way as a stranger's: by the entry points
of installed packages. Nothing is imported that the settings do not name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import TracebackType
from typing import Final, Generic, TypeVar

from adapter.plugin_api import API_VERSION, ASR, TTS, Unreachable

log = logging.getLogger(__name__)

TTS_GROUP: Final = "ari_voice.tts"
ASR_GROUP: Final = "ari_voice.asr"

Tables = Mapping[str, Mapping[str, object]]
Plugin = TypeVar("Plugin", TTS, ASR)


class PluginFault(Exception):
    """A plug-in that the settings name can't be used; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Plugin]):
    """A kind of plug-in: the group of its entry points, and the class it is a subclass of."""

    group: str
    interface: type[Plugin]


# mypy takes no abstract class for a type[]; here it is only compared with
_TTS: Final = _Kind(TTS_GROUP, TTS)  # type: ignore[type-abstract]
_ASR: Final = _Kind(ASR_GROUP, ASR)  # type: ignore[type-abstract]


async def start_tts(names: Iterable[str], settings: Tables) -> dict[str, TTS]:
    """Load and start synthesisers.

    Args:
        names: of entry points in `ari_voice.tts`, in order of preference.
        settings: for each name its own table; may be missing.

    Returns:
        The synthesisers by name, in the same order, without those that are `Unreachable` now as
        long as one is left. Whoever called this closes them.

    Raises:
        PluginFault: one can't be used, or none can be reached; those started before it are closed
            again.
    """
    return await _start(_TTS, names, settings)


async def start_asr(names: Iterable[str], settings: Tables) -> dict[str, ASR]:
    """Load and start recognisers, in the event loop that will use and close them.

    Arguments, result and errors are those of `start_tts`, with the group `ari_voice.asr`.
    """
    return await _start(_ASR, names, settings)


def load_tts(name: str) -> type[TTS]:
    """Find and import one synthesiser's class; it is checked, not started.

    Raises:
        PluginFault: there is none of this name, more than one, or it is not what it should be.
    """
    return _load(_TTS, name)


def load_asr(name: str) -> type[ASR]:
    """The same for a recogniser."""
    return _load(_ASR, name)


async def close(plugins: Iterable[TTS | ASR]) -> None:
    """Close plug-ins, the last one first."""
    for plugin in reversed(list(plugins)):
        await plugin.close()


async def _start(
    wanted: _Kind[Plugin], names: Iterable[str], settings: Tables
) -> dict[str, Plugin]:
    started: dict[str, Plugin] = {}
    unreachable: dict[str, PluginFault] = {}
    try:
        for name in names:
            if name in started or name in unreachable:
                raise PluginFault(f"plug-in {name!r} is named twice ({wanted.group})")
            kind = _load(wanted, name)
            try:
                with _Blamed(name, "does not start"):
                    started[name] = await kind.start(settings.get(name, {}))
            except PluginFault as fault:
                if not isinstance(fault.__cause__, Unreachable):
                    raise
                unreachable[name] = fault
        if unreachable and not started:
            raise next(iter(unreachable.values()))
    except BaseException:
        await close(started.values())
        raise
    for left_out in unreachable.values():
        log.error("starts without a plug-in", extra={"error": str(left_out)})
    return started


def _load(wanted: _Kind[Plugin], name: str) -> type[Plugin]:
    entry = _entry(wanted.group, name)
    with _Blamed(name, f"can't be imported ({entry.value})"):
        kind = entry.load()
    if not (isinstance(kind, type) and issubclass(kind, wanted.interface)):
        parent = wanted.interface.__name__
        raise PluginFault(f"plug-in {name!r}: {entry.value} is no subclass of {parent}")
    version = getattr(kind, "api_version", None)
    if version != API_VERSION:
        raise PluginFault(
            f"plug-in {name!r}: {entry.value} is written for interface {version!r},"
            f" this adapter has {API_VERSION}"
        )
    missing = sorted(getattr(kind, "__abstractmethods__", ()))
    if missing:
        raise PluginFault(f"plug-in {name!r}: {entry.value} has no {', '.join(missing)}")
    return kind


def _entry(group: str, name: str) -> EntryPoint:
    found = {entry.value: entry for entry in entry_points(group=group, name=name)}
    if not found:
        known = ", ".join(sorted({entry.name for entry in entry_points(group=group)}))
        raise PluginFault(f"no plug-in {name!r} in {group}; installed: {known or 'none'}")
    if len(found) > 1:
        raise PluginFault(f"more than one plug-in {name!r} in {group}: {', '.join(sorted(found))}")
    return found.popitem()[1]


class _Blamed:
    """Whatever a stranger's code raises inside becomes a PluginFault with its name."""

    def __init__(self, name: str, what: str) -> None:
        self._message = f"plug-in {name!r} {what}"

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(fault, Exception):
            raise PluginFault(f"{self._message}: {fault or type(fault).__name__}") from fault
