"""Unpacks Debian sid's packages into a folder, as an ordinary user, with apt and dpkg-deb alone.

Nothing is installed: apt works on a private, empty state, so that it downloads everything the
packages need, libc included, and the folder can run on an older Debian. No package script is run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from launcher import sources
from launcher.errors import LauncherError, NotDebian

PACKAGES = (
    "asterisk",
    "asterisk-core-sounds-en-wav",
    "asterisk-moh-opsound-wav",
    "espeak-ng",
    "sip-tester",
)
"""Of Asterisk, and what calls it in the tests."""

PROMETHEUS = ("prometheus", "promtool")
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/perl", "usr/lib/*/perl")
_MERGED = ("bin", "lib", "lib64", "sbin")
_PRIVATE = """\
Dir::State "{root}/state/";
Dir::State::status "{root}/state/status";
Dir::Cache "{root}/cache/";
Dir::Etc "{root}/etc/";
Dir::Etc::sourcelist "{root}/etc/sources.list";
Dir::Etc::main "{root}/etc/none";
Dir::Etc::parts "{root}/etc/none.d/";
// as whoever we are: the sandbox user could not write here, and our lock is another one
APT::Sandbox::User "";
Debug::NoLocking "true";
APT::Install-Recommends "false";
APT::Get::List-Cleanup "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::Check-Valid-Until "false";
Binary::apt-get::APT::Keep-Downloaded-Packages "true";
"""


def download(root: Path, packages: Sequence[str]) -> list[Path]:
    """Download packages and all they need below `root`; what is there already is kept.

    Raises NotDebian when a tool is missing, LauncherError when apt fails.
    """
    for tool in ("apt-get", "apt-config", "dpkg-deb", "tar"):
        if shutil.which(tool) is None:
            raise NotDebian(f"{tool} is missing")
    environment = {**os.environ, "APT_CONFIG": str(_prepare(root)), "LC_ALL": "C"}
    _apt(environment, "update")
    _apt(environment, "install", "--yes", "--download-only", *packages)
    return sorted((root / "cache/archives").glob("*.deb"))


def unpack(packages: list[Path], tree: Path) -> None:
    """Unpack packages into `tree`, made anew, with /bin, /lib, /lib64 and /sbin below /usr."""
    for name in _MERGED:
        (tree / "usr" / name).mkdir(parents=True, exist_ok=True)
        (tree / name).symlink_to(f"usr/{name}")
    unused = [f"--exclude=./{path}/*" for path in _UNUSED]
    # dpkg-deb -x would replace those links by folders when an old package has files below /lib
    into = ["tar", "-x", "-f", "-", "-C", str(tree), "--keep-directory-symlink", "--no-same-owner"]
    for package in packages:
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE
        ) as contents:
            done = subprocess.run(
                [*into, *unused], stdin=contents.stdout, capture_output=True, text=True, check=False
            )
        if done.returncode or contents.returncode:
            raise LauncherError(f"cannot unpack {package.name}: {_last_line(done.stderr)}")
    # mode 640 in the package; an ordinary user copies single files out of it
    subprocess.run(["chmod", "-R", "a+rX", str(tree / "etc")], check=True)


def _prepare(root: Path) -> Path:
    """Write the private apt configuration and return its file."""
    if re.search(r'[\s"\[\]]', str(root)):
        raise LauncherError(f"the cache folder's name must have no spaces or quotes: {root}")
    for folder in ("state/lists/partial", "cache/archives/partial", "etc/none.d"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("etc/preferences.d", "etc/sources.list.d", "etc/trusted.gpg.d"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "state/status").touch()
    archive = sources.debian()
    signed_by = sources.keys(archive, root / "etc")
    options = f"[signed-by={signed_by}] " if signed_by else ""
    trusted = "" if signed_by else 'Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d/";\n'
    (root / "etc/sources.list").write_text(f"deb {options}{archive.uri} sid main\n")
    file = root / "apt.conf"
    file.write_text(_machine_settings() + _PRIVATE.format(root=root) + trusted)
    return file


def _machine_settings() -> str:
    """The machine's proxies, certificates and time-outs; none of its hooks."""
    dump = subprocess.run(
        ["apt-config", "dump", "--no-empty"], capture_output=True, text=True, check=True
    ).stdout
    wanted = re.compile(r"^Acquire::(?:https?|ftp|socks|proxy|ForceIPv|Queue)", re.IGNORECASE)
    return "".join(f"{line}\n" for line in dump.splitlines() if wanted.match(line))


def _apt(environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        ["apt-get", "-q", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    # an update that could not fetch or verify an index can still exit with 0, as a warning
    failed = re.findall(r"^(?:E|Err|W: GPG error|W: Failed).*", done.stderr, re.MULTILINE)
    if done.returncode or (arguments[0] == "update" and failed):
        reason = failed[0] if failed else _last_line(done.stderr or done.stdout)
        raise LauncherError(f"apt-get {arguments[0]} of Debian sid failed: {reason}")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "no message"
