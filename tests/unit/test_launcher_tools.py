"""The launcher's tools: apt sources, versions, the system's own, and trees in the cache."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

CONF = Path(__file__).resolve().parents[2] / "asterisk-conf"
sys.path.insert(0, str(CONF))

from launcher import debian, sources, tree, version  # noqa: E402
from launcher.errors import LauncherError, NotDebian  # noqa: E402


def test_sources_of_both_formats(tmp_path: Path) -> None:
    """The first Debian main archive is found among vendors', security and disabled ones."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://old.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/k/v.gpg] https://vendor.example/apt stable main\n"
        "deb-src http://src.example/debian bookworm main\n"
    )
    (tmp_path / "sources.list.d/debian.sources").write_text(
        "Types: deb\nURIs: http://sec.example/debian-security\nSuites: x\nComponents: main\n\n"
        "Types: deb\nEnabled: no\nURIs: http://off.example/debian\nSuites: x\nComponents: main\n"
        "\n# a comment\nTypes: deb deb-src\nURIs: http://good.example/debian/\n"
        "Suites: x x-updates\nComponents: main contrib\nSigned-By: /k/debian.gpg\n"
    )
    assert sources.debian(tmp_path) == sources.Source(
        "http://good.example/debian/", ("main", "contrib"), "/k/debian.gpg"
    )


def test_one_line_source_with_options() -> None:
    """Options in brackets, a comment behind, and a mirror list are read."""
    [source] = sources.one_line(
        "deb [ signed-by=/k/d.gpg arch=amd64 ] mirror+file:/etc/apt/debian.list sid main # x"
    )
    assert (source.signed_by, source.components) == ("/k/d.gpg", ("main",))
    assert source.is_debian


def test_no_debian_archive(tmp_path: Path) -> None:
    """A machine without one gets a line that says what to do."""
    (tmp_path / "sources.list").write_text("deb http://a.example/ubuntu noble main\n")
    with pytest.raises(LauncherError, match="no Debian archive"):
        sources.debian(tmp_path)


def test_embedded_key_is_written_to_a_file(tmp_path: Path) -> None:
    """A key inside a deb822 source becomes a file with its empty line restored."""
    [source] = sources.deb822(
        "Types: deb\nURIs: http://a.example/debian\nSuites: x\nComponents: main\nSigned-By:\n"
        " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ\n -----END PGP PUBLIC KEY BLOCK-----\n"
    )
    file = sources.keys(source, tmp_path)
    assert Path(file).read_text() == (
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ\n-----END PGP PUBLIC KEY BLOCK-----\n"
    )


@pytest.mark.parametrize(
    ("demand", "banner", "expected"),
    [
        (version.ASTERISK, "Asterisk 22.10.1+dfsg+~cs6.17.60671434-1\n", (22, 10, 1)),
        (version.ASTERISK, "Asterisk 22.11.0", (22, 11, 0)),
        (version.PROMETHEUS, "prometheus, version 2.40.0 (branch: HEAD)", (2, 40, 0)),
        (version.PROMETHEUS, "promtool, version 3.5.3+ds1 (branch: debian/sid)\n  x", (3, 5, 3)),
    ],
)
def test_good_versions(demand: version.Demand, banner: str, expected: tuple[int, int, int]) -> None:
    """The oldest one, as Debian writes it, and a later one are good."""
    assert demand.check(banner, "/usr/bin/x") == expected


@pytest.mark.parametrize(
    ("demand", "banner", "named"),
    [
        (
            version.ASTERISK,
            "Asterisk 22.9.3",
            "; this needs Asterisk 22, 22.10.1 or later",
        ),
        (version.ASTERISK, "Asterisk 20.99.0", "is Asterisk 20.99.0"),
        (version.ASTERISK, "Asterisk 23.1.0", "is Asterisk 23.1.0"),
        (version.ASTERISK, "Asterisk GIT-master", "cannot read"),
        (version.ASTERISK, "", "cannot read"),
        (version.PROMETHEUS, "prometheus, version 2.39.1 (x)", "this needs Prometheus 2.40.0"),
        (version.PROMETHEUS, "node_exporter, version 3.0.0", "cannot read"),
    ],
)
def test_bad_versions(demand: version.Demand, banner: str, named: str) -> None:
    """Older ones, another major of Asterisk and unreadable ones are refused in one line."""
    with pytest.raises(LauncherError, match=re.escape(named)) as refused:
        demand.check(f"{banner}\n", "/usr/bin/x")
    assert "\n" not in str(refused.value)


def program(file: Path, banner: str) -> Path:
    """A program that prints its version, whatever it is asked."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho {banner}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("banner", "named"),
    [
        ("Asterisk 20.5.0", r"20\.5\.0; this needs Asterisk 22"),
        ("prometheus, version 2.24.1", r"2\.24\.1; this needs Prometheus 2\.40\.0"),
    ],
)
def test_unfit_tool_of_the_system_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, banner: str, named: str
) -> None:
    """It is not silently replaced by an unpacked one."""
    name = re.split(r"\W", banner.lower())[0]
    fake = program(tmp_path / "path" / name, banner)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    with pytest.raises(LauncherError, match=named):
        tree.tools(tmp_path / "cache", [name])


@pytest.mark.parametrize("banner", ["Asterisk 22.10.2", "prometheus, version 2.42.0+ds"])
def test_good_tool_of_the_system_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, banner: str
) -> None:
    """Nothing is unpacked then, and the bin folder leads to it."""
    name = re.split(r"\W", banner.lower())[0]
    fake = program(tmp_path / "path" / name, f"'{banner}'")
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    found = tree.tools(tmp_path / "cache", [name])
    assert found == {name: str(fake), "bin": str(tmp_path / "cache/bin")}
    assert (tmp_path / "cache/bin" / name).resolve() == fake


class Archive:
    """Stands in for Debian: what is downloaded and unpacked are programs that print a version.

    Attributes:
        asked: the packages of each download.
        banner: what the programs print.
        broken: the download breaks off.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.banner = "prometheus, version 3.5.3"
        self.broken = False
        monkeypatch.setattr(debian, "download", self.download)
        monkeypatch.setattr(debian, "unpack", self.unpack)
        monkeypatch.setattr(tree, "_system", lambda name, cache: None)

    def download(self, root: Path, packages: tuple[str, ...]) -> list[Path]:
        self.asked.append(packages)
        root.mkdir(exist_ok=True)
        (root / "a.deb").touch()
        if self.broken:
            raise LauncherError("the connection broke")
        return [root / "a.deb"]

    def unpack(self, packages: list[Path], folder: Path) -> None:
        assert [package.name for package in packages] == ["a.deb"]
        loader = folder / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
        program(loader, "").write_text('#!/bin/sh\nshift 2\nexec "$@"\n')
        for name in ("asterisk", "prometheus", "promtool"):
            where = "sbin" if name == "asterisk" else "bin"
            program(folder / "usr" / where / name, f"'{self.banner}'")


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Archive:
    """A machine without any of the tools, and its archive."""
    return Archive(monkeypatch)


def test_prometheus_has_a_tree_of_its_own(tmp_path: Path, archive: Archive) -> None:
    """Its packages alone, once, beside Asterisk's tree; the wrapper in `bin` runs it."""
    for _ in range(2):
        found = tree.tools(tmp_path, ["prometheus", "promtool"])
    assert archive.asked == [debian.PROMETHEUS]
    assert {file.name for file in tmp_path.iterdir()} == {"bin", "lock", "prometheus"}
    for name in ("prometheus", "promtool"):
        assert found[name] == str(tmp_path / "bin" / name)
        printed = subprocess.run([found[name]], capture_output=True, text=True, check=True).stdout
        assert printed == "prometheus, version 3.5.3\n"


def test_prometheus_is_not_had_unasked(tmp_path: Path, archive: Archive) -> None:
    """What `make demo` asks for is Asterisk and what calls it."""
    archive.banner = "Asterisk 22.10.1"
    found = tree.tools(tmp_path)
    assert archive.asked == [debian.PACKAGES]
    assert set(found) == {"asterisk", "espeak-ng", "sipp", "bin"}
    assert {file.name for file in tmp_path.iterdir()} == {"bin", "lock", "tree"}


def test_broken_download_goes_on(tmp_path: Path, archive: Archive) -> None:
    """It leaves no tree, and what was downloaded is still there for the next try."""
    archive.broken = True
    with pytest.raises(LauncherError, match="broke"):
        tree.tools(tmp_path, ["prometheus"])
    assert not (tmp_path / "prometheus").exists()
    assert (tmp_path / "prometheus.apt/a.deb").is_file()
    archive.broken = False
    tree.tools(tmp_path, ["prometheus"])
    assert not (tmp_path / "prometheus.apt").exists()


def test_tree_of_an_older_launcher_is_made_anew(tmp_path: Path, archive: Archive) -> None:
    """One whose version will not do any more; one that is unfit when it is new is an error."""
    tree.tools(tmp_path, ["prometheus"])
    program(tmp_path / "prometheus/usr/bin/promtool", "promtool, version 2.39.0")
    tree.tools(tmp_path, ["prometheus"])
    assert len(archive.asked) == 2
    archive.banner = "prometheus, version 2.39.0"
    program(tmp_path / "prometheus/usr/bin/prometheus", archive.banner)
    with pytest.raises(LauncherError, match="Debian sid has another one"):
        tree.tools(tmp_path, ["prometheus"])


@pytest.mark.parametrize(
    ("name", "instead"), [("prometheus", "Prometheus 2.40"), ("sipp", "Asterisk 22, espeak-ng")]
)
def test_no_debian_says_what_to_install(
    tmp_path: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch, name: str, instead: str
) -> None:
    """Where packages cannot be had, the line names what is missing."""

    def download(root: Path, packages: tuple[str, ...]) -> list[Path]:
        raise NotDebian("apt-get is missing")

    monkeypatch.setattr(debian, "download", download)
    with pytest.raises(LauncherError, match=f"apt-get is missing: install {instead}"):
        tree.tools(tmp_path, [name])
