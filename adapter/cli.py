"""`ari-voice`: the command line. Each command is a module in `adapter.commands`.

Exit codes: 0 done, 1 something is wrong with what was asked about, 2 it could not be done (usage,
settings, files, database).
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from adapter import __version__
from adapter.commands.app import app
from adapter.commands.apply import apply, check
from adapter.commands.backup import backup
from adapter.commands.doctor import doctor
from adapter.commands.inspect import calls, domain_key, outbox, replay, secret, why
from adapter.commands.invocation import Invocation
from adapter.commands.prompt import prompt
from adapter.commands.server import openapi, serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The settings file. Default: $ARI_VOICE_CONFIG, else ari-voice.toml when it is there.",
)
@click.version_option(__version__, prog_name="ari-voice")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """Self-hosted voice API server on Asterisk."""
    context.obj = Invocation(config, os.environ)


for command in (serve, apply, check, prompt, secret, domain_key, calls, why, replay, outbox):
    main.add_command(command)
for command in (app, backup, doctor, openapi):
    main.add_command(command)
