"""Which Asterisk is good enough.

22.10.1 is the oldest that will do: it fixes an unauthenticated denial of service in PJSIP and
several deadlocks of ARI. Another major version is refused: ARI's events differ between them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from launcher.errors import LauncherError

_BANNER = re.compile(r"^Asterisk (\d+)\.(\d+)\.(\d+)")


class Version(NamedTuple):
    """A version of Asterisk, ordered as one expects."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


OLDEST = Version(22, 10, 1)


def parse(banner: str) -> Version:
    """Read what `asterisk -V` prints. Raises LauncherError when it is no release's version."""
    found = _BANNER.match(banner.strip())
    if found is None:
        raise LauncherError(f"cannot read an Asterisk version from {banner.strip()!r}")
    major, minor, patch = (int(part) for part in found.groups())
    return Version(major, minor, patch)


def check(version: Version, where: str) -> Version:
    """Return the version when it is good. Raises LauncherError, in one line, when it is not."""
    if version.major != OLDEST.major or version < OLDEST:
        raise LauncherError(
            f"{where} is Asterisk {version}; this needs Asterisk {OLDEST.major}, {OLDEST} or later"
        )
    return version
