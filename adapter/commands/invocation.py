"""What every command is given: where the settings come from, and how to give up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click

from adapter.configuration import SettingsInvalid, load
from adapter.settings import Settings
from adapter.tables import Finding

INVALID, IMPOSSIBLE = 1, 2
"""Exit codes: something is wrong with what was asked about; it could not be done."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of the program.

    Attributes:
        config: the settings file as named on the command line.
        environ: the environment.
    """

    config: Path | None
    environ: Mapping[str, str]

    def settings(self) -> Settings:
        """The settings; when they can't be used, says why and ends the program."""
        try:
            return load(self.config, self.environ)
        except SettingsInvalid as invalid:
            say(invalid.findings)
            raise click.exceptions.Exit(IMPOSSIBLE) from None


def say(findings: tuple[Finding, ...]) -> None:
    """Write what is wrong to standard error, a line each."""
    for finding in findings:
        click.echo(str(finding), err=True)


def give_up(reason: str) -> NoReturn:
    """End the program: it could not be done."""
    click.echo(f"ari-voice: {reason}", err=True)
    raise click.exceptions.Exit(IMPOSSIBLE)
