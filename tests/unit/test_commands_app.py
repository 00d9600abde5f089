"""`ari-voice app`: exit codes and output without a running server (tests/contract has the rest)."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from adapter.cli import main
from adapter.commands.app import app


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output."""
    (folder / "s.toml").write_text('[database]\npath = "x.db"')
    result = CliRunner().invoke(main, ["--config", str(folder / "s.toml"), "app", *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("arguments", [["list"], ["suspend", "demo"], ["resume", "demo"]])
def test_no_database(tmp_path: Path, arguments: list[str]) -> None:
    """Exit code 2, and none is made."""
    status, said = run(tmp_path, *arguments)
    assert status == 2
    assert "does not exist" in said
    assert not (tmp_path / "x.db").exists()


@pytest.mark.parametrize("arguments", [["list"], ["suspend", "demo", "--hangup"]])
def test_not_a_database(tmp_path: Path, arguments: list[str]) -> None:
    """Exit code 2, in one line."""
    (tmp_path / "x.db").write_bytes(b"not a database" * 100)
    status, said = run(tmp_path, *arguments)
    assert status == 2
    assert said.startswith("ari-voice: database: ")


def test_it_is_a_command() -> None:
    """`ari-voice app` has its three."""
    assert isinstance(main, click.Group)
    assert main.commands["app"] is app
    assert set(app.commands) == {"list", "suspend", "resume"}
