"""Commands and a database of another version: they say so in one line, and leave it as it is."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from adapter.cli import main
from adapter.store.schema import migrations
from adapter.store.sqlite import (
    SchemaMismatch,
    SchemaTooOld,
    connect,
    has_schema,
    open_current,
    open_database,
    pending,
)
from tests.unit.earlier_versions import of_migrations

ROOT = Path(__file__).parents[2]
NAMES = [one.name for one in migrations._migrations]
COMMANDS = {
    "apply": [["apply", "p.toml"]],
    "check": [["check", "p.toml"]],
    "calls": [["calls"]],
    "why": [["why", "a-call"]],
    "replay": [["replay", "a-call"]],
    "secret": [["secret", "shop"]],
    "domain-key": [["domain-key", "shop"]],
    "outbox": [["outbox", "list"], ["outbox", "retry", "--all"]],
    "app": [["app", "list"], ["app", "suspend", "shop"], ["app", "resume", "shop"]],
    "prompt": [
        ["prompt", "list"], ["prompt", "add", "shop", "menu", "m.wav"],
        ["prompt", "remove", "shop", "menu"],
    ],
}  # fmt: skip
EVERY = [command for each in COMMANDS.values() for command in each]
OTHERS = {"serve", "doctor", "backup", "openapi"}
"""The server upgrades, doctor says so, backup copies it as it is; openapi needs no database."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "s.toml").write_text('[database]\npath = "data/voice.db"')
    (tmp_path / "p.toml").write_text('[[app]]\nid = "shop"\nkey = "a-key-of-the-shop-01"')
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.fixture
def earlier(folder: Path) -> Path:
    """A database as a version with three migrations left it."""
    file = folder / "data" / "voice.db"
    of_migrations(file, 3).close()
    return file


def make_later(file: Path) -> None:
    with closing(open_database(file)) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('ari-voice-adapter', '9999_from_the_future', '2030-01-01')"
        )


def run(folder: Path, *command: str) -> tuple[int, str]:
    """Exit code, and what was written."""
    given = ["--config", str(folder / "s.toml"), *command]
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        result = CliRunner().invoke(main, given)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_every_command_is_tried_here() -> None:
    """A new one has to say what it does with a database of another version."""
    assert set(main.commands) == COMMANDS.keys() | OTHERS


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_an_earlier_version_is_left_to_the_server(
    folder: Path, earlier: Path, command: list[str]
) -> None:
    """One line that says what to do, exit code 2; the file stays as it is, nothing is beside it."""
    before = content(earlier.parent)
    status, said = run(folder, *command)
    assert (status, said.count("\n")) == (2, 1), said
    assert "earlier version" in said
    assert "ari-voice serve" in said
    assert NAMES[-1] in said
    assert content(earlier.parent) == before


@pytest.mark.parametrize("command", [*EVERY, ["backup", "copy.db"]], ids=" ".join)
def test_a_later_version_is_refused(folder: Path, command: list[str]) -> None:
    """The same for one that a later version has changed, by `backup` as well."""
    file = folder / "data" / "voice.db"
    make_later(file)
    before = content(file.parent)
    status, said = run(folder, *command)
    assert (status, said.count("\n")) == (2, 1), said
    assert "later version" in said
    assert "9999_from_the_future" in said
    assert content(file.parent) == before
    assert not (folder / "copy.db").exists()


def test_backup_copies_an_earlier_version(folder: Path, earlier: Path) -> None:
    """That is what one makes before an upgrade; neither is upgraded by it."""
    status, said = run(folder, "backup", str(folder / "copy.db"))
    assert status == 0, said
    for file in (folder / "copy.db", earlier):
        with closing(sqlite3.connect(file)) as connection:
            assert pending(connection) == NAMES[3:]


@pytest.mark.parametrize("empty", [False, True], ids=["no file", "empty file"])
def test_apply_makes_a_database(folder: Path, empty: bool) -> None:
    """The first one, also where a process was killed before it had made the tables."""
    file = folder / "data" / "voice.db"
    if empty:
        file.touch()
    else:
        file.parent.rmdir()
    assert run(folder, "check", "p.toml")[0] == 0
    assert not file.exists() or file.stat().st_size == 0
    assert run(folder, "apply", "p.toml")[0] == 0
    assert run(folder, "app", "list") == (0, "shop  active  calls 0\n")


def test_an_empty_database_is_filled_by_no_other_command(folder: Path) -> None:
    """It says who does."""
    file = folder / "data" / "voice.db"
    file.touch()
    status, said = run(folder, "calls")
    assert (status, said.count("\n")) == (2, 1), said
    assert "`ari-voice apply`" in said
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_check_leaves_no_trace_of_sqlite(folder: Path) -> None:
    """No log beside a database that nobody has open."""
    file = folder / "data" / "voice.db"
    open_database(file).close()
    before = content(file.parent)
    assert run(folder, "check", "p.toml")[0] == 0
    assert content(file.parent) == before


def test_a_folder_that_cannot_be_made(folder: Path) -> None:
    """In the place of the database's folder there is something else: one line with its path."""
    (folder / "data").rmdir()
    (folder / "data").touch()
    for command, code in ((["apply", "p.toml"], 2), (["serve"], 1)):
        ended = subprocess.run(
            [sys.executable, "-m", "adapter", "--config", "s.toml", *command],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        (line,) = ended.stderr.splitlines()
        assert ended.returncode == code
        assert "data" in line
        assert "exists" in line


def test_a_file_that_is_no_database(folder: Path) -> None:
    """One line with its path."""
    (folder / "data" / "voice.db").write_bytes(b"a text that is no database " * 100)
    status, said = run(folder, "calls")
    assert (status, said.count("\n")) == (2, 1), said
    assert "voice.db: file is not a database" in said


def test_a_mismatch_is_one_kind_of_error(earlier: Path) -> None:
    """Whoever catches `SchemaMismatch` has both; the connection is closed."""
    assert issubclass(SchemaTooOld, SchemaMismatch)
    with pytest.raises(SchemaMismatch, match="earlier version"):
        open_current(earlier, create=True)
    with closing(connect(earlier)) as connection, pytest.raises(SchemaTooOld):
        has_schema(connection)


COME = """
import sys, time
from contextlib import closing
from pathlib import Path
from adapter.store.sqlite import has_schema, open_current, open_database

folder, begin = Path(sys.argv[1]), float(sys.argv[2])
for number in range(60):
    file = folder / f"{number}.db"
    time.sleep(max(0, begin + number * 0.03 - time.time()))
    server = sys.argv[3] == "server"
    with closing(open_database(file) if server else open_current(file, create=True)) as opened:
        assert has_schema(opened)
"""


def test_all_who_come_at_once_get_a_database(tmp_path: Path) -> None:
    """Servers and `apply` make the same new one; the switch to WAL is no "database is locked"."""
    begin = str(time.time() + 2)
    coming = [
        subprocess.Popen(
            [sys.executable, "-c", COME, str(tmp_path), begin, who],
            cwd=ROOT, stderr=subprocess.PIPE, text=True,
        )
        for who in ("server", "command") * 3
    ]  # fmt: skip
    said = [process.communicate()[1] for process in coming]
    assert said == [""] * len(coming)
    assert len(list(tmp_path.glob("*.db"))) == 60
