"""Entry points -> plug-ins. What can't be loaded stops the adapter at its start, by name.

The plug-ins that come with the adapter are found the same way as a stranger's: by the entry points
of installed packages. Nothing is imported that the settings do not name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import TracebackType
from typing import Final

from adapter.plugin_api import API_VERSION, TTS

TTS_GROUP: Final = "ari_voice.tts"


class PluginFault(Exception):
    """A plug-in that the settings name can't be used; the text names it and says why."""


async def start_tts(
    names: Iterable[str], settings: Mapping[str, Mapping[str, object]]
) -> dict[str, TTS]:
    """Load and start synthesisers.

    Args:
        names: of entry points in `ari_voice.tts`, in order of preference.
        settings: for each name its own table; may be missing.

    Returns:
        The synthesisers by name, in the same order. Whoever called this closes them.

    Raises:
        PluginFault: one can't be used; those started before it are closed again.
    """
    started: dict[str, TTS] = {}
    try:
        for name in names:
            if name in started:
                raise PluginFault(f"plug-in {name!r} is named twice ({TTS_GROUP})")
            kind = load_tts(name)
            with _Blamed(name, "does not start"):
                started[name] = await kind.start(settings.get(name, {}))
    except BaseException:
        await close(started.values())
        raise
    return started


def load_tts(name: str) -> type[TTS]:
    """Find and import one synthesiser's class; it is checked, not started.

    Raises:
        PluginFault: there is none of this name, more than one, or it is not what it should be.
    """
    entry = _entry(TTS_GROUP, name)
    with _Blamed(name, f"can't be imported ({entry.value})"):
        kind = entry.load()
    if not (isinstance(kind, type) and issubclass(kind, TTS)):
        raise PluginFault(f"plug-in {name!r}: {entry.value} is no subclass of TTS")
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


async def close(plugins: Iterable[TTS]) -> None:
    """Close plug-ins, the last one first."""
    for plugin in reversed(list(plugins)):
        await plugin.close()


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
