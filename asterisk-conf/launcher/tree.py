"""Where asterisk, espeak-ng and sipp are: the system's own, or Debian sid's unpacked in a cache.

The cache is made once, by one process (a lock), in one rename; a broken download goes on where it
stopped. `CACHE/bin` has one executable for each tool, so that callers need PATH only.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from launcher import debian, version
from launcher.errors import LauncherError

TOOLS = ("asterisk", "espeak-ng", "sipp")
_BINARIES = {
    "asterisk": "usr/sbin/asterisk",
    "espeak-ng": "usr/bin/espeak-ng",
    "sipp": "usr/bin/sipp",
}
_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # not on an ordinary user's PATH


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

    Raises LauncherError when a system Asterisk is unfit or the packages cannot be had.
    """
    names = list(wanted)
    found = {name: _system(name, cache) for name in names}
    if (asterisk := found.get("asterisk")) is not None:
        check_asterisk(asterisk)
    missing = [name for name in names if found[name] is None]
    binaries = cache / "bin"
    with _lock(cache):
        if missing and not _tree_is_good(cache):
            _make_tree(cache)
        binaries.mkdir(exist_ok=True)
        for name, path in found.items():
            _put(binaries / name, path or _wrapper(cache / "tree", name))
    paths = {name: str(found[name] or binaries / name) for name in names}
    return {**paths, "bin": str(binaries)}


def check_asterisk(program: Path) -> version.Version:
    """Run `asterisk -V`. Raises LauncherError unless it is one of ours (see `version`)."""
    try:
        done = subprocess.run(
            [str(program), "-V"], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired) as reason:
        raise LauncherError(f"{program} does not run: {reason}") from reason
    return version.check(version.parse(done.stdout), str(program))


def layout(cache: Path) -> Layout:
    """The Asterisk to run, unpacked first when the system has none."""
    program = Path(tools(cache, ["asterisk"])["asterisk"])
    root = cache / "tree" if program.parent == cache / "bin" else Path("/")
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


def _tree_is_good(cache: Path) -> bool:
    """Whether the tree is there and of a good version: an older launcher may have made it."""
    if not (cache / "tree").is_dir():
        return False
    (cache / "bin").mkdir(exist_ok=True)
    _put(cache / "bin/asterisk", _wrapper(cache / "tree", "asterisk"))
    try:
        check_asterisk(cache / "bin/asterisk")
    except LauncherError:
        return False
    return True


def _make_tree(cache: Path) -> None:
    """Download and unpack; the tree appears whole, by one rename."""
    packages = debian.download(cache / "apt")
    partial = cache / "tree.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    debian.unpack(packages, partial)
    shutil.rmtree(cache / "tree", ignore_errors=True)
    partial.rename(cache / "tree")
    if not _tree_is_good(cache):
        raise LauncherError(
            f"the Asterisk unpacked in {cache} is unfit: Debian sid has another one"
        )
    shutil.rmtree(cache / "apt")


def _wrapper(tree: Path, name: str) -> str:
    """A script that runs a program of the tree with the tree's own loader and libraries.

    exec, so that the script's process id is the program's.
    """
    loader = next(iter(sorted(tree.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"))), None)
    if loader is None:
        raise LauncherError(f"{tree} holds no program loader: remove it and try again")
    # Debian keeps private libraries of some packages in folders that only their users name
    libraries = ":".join(str(loader.parent / name) for name in ("", "asterisk", "pulseaudio"))
    data = ""
    if name == "espeak-ng":  # its voices are looked for at a path that is built in
        voices = next(iter(sorted(tree.glob("usr/**/espeak-ng-data"))), tree)
        data = f"export ESPEAK_DATA_PATH='{voices.parent}'\n"
    return (
        f"#!/bin/sh\n{data}exec '{loader}' --library-path '{libraries}' "
        f"'{tree / _BINARIES[name]}' \"$@\"\n"
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
