"""The machine's own apt sources: where its Debian mirror is and which keys sign it.

Reads both formats of sources.list(5): one line each, and deb822. No mirror is named in this
project; what the machine already trusts is what is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from launcher.errors import NotDebian

APT = Path("/etc/apt")
_KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<rest>.+)$")


@dataclass(frozen=True, slots=True)
class Source:
    """One archive of apt: its address, components, and Signed-By as written ("" if absent)."""

    uri: str
    components: tuple[str, ...]
    signed_by: str = ""

    @property
    def is_debian(self) -> bool:
        """Whether it is the main archive (not security, not backports', not a vendor's)."""
        folder = urlsplit(self.uri).path.rstrip("/").rpartition("/")[2]
        return folder.removesuffix(".list") == "debian" and "main" in self.components


def one_line(text: str) -> Iterator[Source]:
    """Sources of a `sources.list`."""
    for raw in text.splitlines():
        found = _ONE_LINE.match(raw.partition("#")[0].strip())
        if found is None:
            continue
        options = dict(
            option.split("=", 1) for option in (found["options"] or "").split() if "=" in option
        )
        _suite, *components = found["rest"].split()
        yield Source(found["uri"], tuple(components), options.get("signed-by", ""))


def deb822(text: str) -> Iterator[Source]:
    """Sources of a `*.sources` file, one for each URI of each enabled stanza of type deb."""
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in {"no", "false", "0", "off"}:
            continue
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            yield Source(uri, components, fields.get("signed-by", ""))


def _fields(stanza: str) -> dict[str, str]:
    """Fields of a stanza by lower-case name; continuation lines keep their line ends."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in {" ", "\t"} and name:
            # an empty line of an embedded key is written as a single dot (deb822)
            part = line.strip()
            fields[name] = f"{fields[name]}\n{'' if part == '.' else part}".lstrip("\n")
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def read(apt: Path = APT) -> list[Source]:
    """All sources of a machine in the order in which apt reads them."""
    sources: list[Source] = []
    main = apt / "sources.list"
    if main.is_file():
        sources += one_line(main.read_text())
    for file in sorted((apt / "sources.list.d").glob("*")):
        if file.suffix == ".list":
            sources += one_line(file.read_text())
        elif file.suffix == ".sources":
            sources += deb822(file.read_text())
    return sources


def debian(apt: Path = APT) -> Source:
    """The machine's Debian archive. Raises NotDebian when it has none."""
    for source in read(apt):
        if source.is_debian:
            return source
    raise NotDebian("no Debian archive in this machine's apt sources")


def keys(source: Source, folder: Path) -> str:
    """What to write after `signed-by=`: the source's own keyring, else Debian's, else nothing.

    A key embedded in the source is written to `folder`. With nothing, apt tries the keys that the
    machine trusts for everything. The signature is checked in each case.
    """
    if "BEGIN PGP" in source.signed_by:
        key = folder / "archive-key.asc"
        key.write_text(source.signed_by + "\n")
        return str(key)
    if source.signed_by:
        return ",".join(re.split(r"[\s,]+", source.signed_by))
    return next((str(keyring) for keyring in _KEYRINGS if keyring.is_file()), "")
