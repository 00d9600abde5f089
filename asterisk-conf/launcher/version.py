"""Which versions of the tools are good enough.

Asterisk: 22.10.1 is the oldest that will do: it fixes an unauthenticated denial of service in PJSIP
and several deadlocks of ARI. Another major version is refused: ARI's events differ between them.

Prometheus: 2.40 is the oldest whose answers and test files are those that our tests read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from launcher.errors import LauncherError


class Version(NamedTuple):
    """A version of a program, ordered as one expects."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class Demand:
    """The versions of a program that will do.

    Attributes:
        name: of the program, for people.
        option: makes it print its version.
        banner: what it prints then begins so; the number follows.
        oldest: the first that will do.
        one_major: a later major version will not do.
    """

    name: str
    option: str
    banner: str
    oldest: Version
    one_major: bool = False

    def check(self, printed: str, where: str) -> Version:
        """Read what the program at `where` printed.

        Raises:
            LauncherError: it is no release's version, or one that will not do; one line.
        """
        found = re.match(rf"{self.banner}(\d+)\.(\d+)\.(\d+)", printed.strip())
        if found is None:
            raise LauncherError(
                f"cannot read {where}'s version of {self.name} from {printed.strip()[:80]!r}"
            )
        version = Version(*(int(part) for part in found.groups()))
        other_major = self.one_major and version.major != self.oldest.major
        if other_major or version < self.oldest:
            major = f"{self.name} {self.oldest.major}, " if self.one_major else f"{self.name} "
            raise LauncherError(
                f"{where} is {self.name} {version}; this needs {major}{self.oldest} or later"
            )
        return version


ASTERISK = Demand("Asterisk", "-V", "Asterisk ", Version(22, 10, 1), one_major=True)
PROMETHEUS = Demand(
    "Prometheus", "--version", "(?:prometheus|promtool), version ", Version(2, 40, 0)
)
