"""Where the tools are: the system's own, or Debian sid's, unpacked into trees in a cache.

A tree is made once, by one process (a lock), in one rename; a broken download goes on where it
stopped. `CACHE/bin` has one executable for each tool, so that callers need PATH only.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from launcher import debian, version
from launcher.errors import LauncherError, NotDebian

_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # not on an ordinary user's PATH


@dataclass(frozen=True, slots=True)
class Tree:
    """Tools that are unpacked together.

    Attributes:
        name: of its folder in the cache.
        packages: Debian's.
        binaries: where each tool is in the tree.
        demands: the versions that will do, of each tool whose version matters.
        instead: what to install where there is no Debian, for people.
    """

    name: str
    packages: tuple[str, ...]
    binaries: Mapping[str, str]
    demands: Mapping[str, version.Demand]
    instead: str


_CALLS = Tree(
    "tree",
    debian.PACKAGES,
    {
        "asterisk": "usr/sbin/asterisk",
        "espeak-ng": "usr/bin/espeak-ng",
        "sipp": "usr/bin/sipp",
    },
    {"asterisk": version.ASTERISK},
    "Asterisk 22, espeak-ng and sipp",
)
_OBSERVABILITY = Tree(
    "prometheus",
    debian.PROMETHEUS,
    {"prometheus": "usr/bin/prometheus", "promtool": "usr/bin/promtool"},
    {"prometheus": version.PROMETHEUS, "promtool": version.PROMETHEUS},
    "Prometheus 2.40 or later, with promtool,",
)
_TREES = (_CALLS, _OBSERVABILITY)

TOOLS = tuple(_CALLS.binaries)
OPTIONAL = tuple(_OBSERVABILITY.binaries)
"""Had only when they are asked for by name: running a server and calling it needs none of them."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What rendering needs to know of an Asterisk: program, modules, and shared data."""

    program: Path
    modules: Path
    data: Path

    @property
    def prompts(self) -> Path:
        """Folder of the English prompts. Raises LauncherError when there are none.

        In Debian's package `sounds/en` is an absolute link through /etc/alternatives, which leads
        nowhere in an unpacked tree; so folders are looked for by what is in them.
        """
        folders = [self.data / "sounds/en", *sorted((self.data / "sounds").glob("en_*"))]
        for folder in folders:
            if (folder / "beep.wav").is_file():
                return folder
        raise LauncherError("Asterisk's English prompts are missing (asterisk-core-sounds-en-wav)")


def default_cache() -> Path:
    """`$ARI_VOICE_CACHE`, else `ari-voice` in the user's cache folder."""
    if chosen := os.environ.get("ARI_VOICE_CACHE"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "ari-voice"


def tools(cache: Path, wanted: Iterable[str] = TOOLS) -> dict[str, str]:
    """Make the wanted tools usable and return name -> path, and "bin" -> their folder.

    Raises LauncherError when a system's tool is unfit or the packages cannot be had.
    """
    names = set(wanted)
    binaries = cache / "bin"
    paths: dict[str, str] = {}
    with _lock(cache):
        binaries.mkdir(exist_ok=True)
        for tree in _TREES:
            paths |= _tools_of(tree, cache, [name for name in tree.binaries if name in names])
    return {**paths, "bin": str(binaries)}


def _tools_of(tree: Tree, cache: Path, names: Iterable[str]) -> dict[str, str]:
    """The tools of one tree; it is made when the system lacks one of them."""
    found = {name: _system(name, cache) for name in names}
    for name, path in found.items():
        if path is not None and (demand := tree.demands.get(name)) is not None:
            _check(path, demand)
    if None in found.values() and not _is_good(tree, cache):
        _make(tree, cache)
    for name, path in found.items():
        _put(cache / "bin" / name, path or _wrapper(tree, cache, name))
    return {name: str(path or cache / "bin" / name) for name, path in found.items()}


def _check(program: Path, demand: version.Demand) -> version.Version:
    """Ask a program for its version. Raises LauncherError unless it will do."""
    try:
        done = subprocess.run(
            [str(program), demand.option], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as reason:
        raise LauncherError(f"{program} does not run: {reason}") from reason
    return demand.check(done.stdout, str(program))


def layout(cache: Path) -> Layout:
    """The Asterisk to run, unpacked first when the system has none."""
    program = Path(tools(cache, ["asterisk"])["asterisk"])
    root = cache / _CALLS.name if program.parent == cache / "bin" else Path("/")
    prefix = "usr/local" if program.is_relative_to("/usr/local") else "usr"
    modules = _first(root, (f"{prefix}/lib/*/asterisk/modules", f"{prefix}/lib*/asterisk/modules"))
    data = _first(root, (f"{prefix}/share/asterisk", "var/lib/asterisk"), "documentation")
    return Layout(program, modules, data)


def _first(root: Path, patterns: Iterable[str], inside: str = "") -> Path:
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            if (path / inside).is_dir():
                return path
    raise LauncherError(f"Asterisk's {' or '.join(patterns)} is missing below {root}")


def _system(name: str, cache: Path) -> Path | None:
    """The system's tool, if any; our own wrappers, when they are on PATH, are not the system's."""
    folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep), *_SYSTEM_FOLDERS]
    ours = cache / "bin"
    path = os.pathsep.join(folder for folder in folders if Path(folder) != ours)
    found = shutil.which(name, path=path)
    return Path(found) if found else None


@contextmanager
def _lock(cache: Path) -> Iterator[None]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        handle = (cache / "lock").open("w")
    except OSError as reason:
        raise LauncherError(f"cannot write to the cache folder {cache}: {reason}") from reason
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _is_good(tree: Tree, cache: Path) -> bool:
    """Whether the tree is there and of good versions: an older launcher may have made it."""
    if not (cache / tree.name).is_dir():
        return False
    try:
        for name, demand in tree.demands.items():
            _put(cache / "bin" / name, _wrapper(tree, cache, name))
            _check(cache / "bin" / name, demand)
    except LauncherError:
        return False
    return True


def _make(tree: Tree, cache: Path) -> None:
    """Download and unpack; the tree appears whole, by one rename."""
    whole, partial, apt = (cache / f"{tree.name}{end}" for end in ("", ".partial", ".apt"))
    try:
        packages = debian.download(apt, tree.packages)
    except NotDebian as reason:
        raise LauncherError(
            f"{reason}: install {tree.instead} yourself and put them on PATH"
        ) from reason
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    debian.unpack(packages, partial)
    shutil.rmtree(whole, ignore_errors=True)
    partial.rename(whole)
    if not _is_good(tree, cache):
        raise LauncherError(f"what was unpacked in {whole} is unfit: Debian sid has another one")
    shutil.rmtree(apt)


def _wrapper(tree: Tree, cache: Path, name: str) -> str:
    """A script that runs a program of the tree with the tree's own loader and libraries.

    exec, so that the script's process id is the program's.
    """
    root = cache / tree.name
    loader = next(iter(sorted(root.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"))), None)
    if loader is None:
        raise LauncherError(f"{root} holds no program loader: remove it and try again")
    # Debian keeps private libraries of some packages in folders that only their users name
    libraries = ":".join(str(loader.parent / folder) for folder in ("", "asterisk", "pulseaudio"))
    data = ""
    if name == "espeak-ng":  # its voices are looked for at a path that is built in
        voices = next(iter(sorted(root.glob("usr/**/espeak-ng-data"))), root)
        data = f"export ESPEAK_DATA_PATH='{voices.parent}'\n"
    return (
        f"#!/bin/sh\n{data}exec '{loader}' --library-path '{libraries}' "
        f"'{root / tree.binaries[name]}' \"$@\"\n"
    )


def _put(file: Path, content: str | Path) -> None:
    """Make `file` a script, or a link, in one rename; leave it alone when it is that already."""
    if isinstance(content, Path):
        if file.is_symlink() and file.readlink() == content:
            return
    elif file.is_file() and not file.is_symlink() and file.read_text() == content:
        return
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    if isinstance(content, Path):
        fresh.symlink_to(content)
    else:
        fresh.write_text(content)
        fresh.chmod(0o755)
    fresh.rename(file)
