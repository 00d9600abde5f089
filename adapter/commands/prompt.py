"""`ari-voice prompt add|list|remove`: prompts of apps, without a provisioning file.

`add` is the `[[prompt]]` of `ari-voice apply` by other means: the same checks, the same place.
A running server plays a new prompt within a second.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

from adapter.commands.checks import checks, read_prompt
from adapter.commands.database import opened
from adapter.commands.invocation import INVALID, Invocation
from adapter.contracts.admin import keys
from adapter.contracts.admin.parse import ProvisioningInvalid, parse_tables
from adapter.media import decoding, promptfiles
from adapter.outbox import signing
from adapter.outbox.egress import Policy
from adapter.settings import Settings
from adapter.store.inventory import Inventory
from adapter.store.provisioning import ProvisioningStore

_PAGE = 500


@click.group()
def prompt() -> None:
    """Prompts of apps: audio that `prompt_name` and greetings play."""


@prompt.command()
@click.argument("app")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def add(invocation: Invocation, app: str, name: str, file: Path) -> None:
    """Add FILE (WAV, MP3, Ogg, FLAC, M4A, AAC, .ulaw, .alaw) to APP as NAME, or replace it."""
    settings = invocation.settings()
    folder = settings.media.folder.resolve()
    table = {"app": app, "name": name, "file": str(file.absolute())}
    with _database(settings) as connection:
        store = ProvisioningStore(connection)
        parsed = parse_tables(
            {"prompt": [table]}, "", Path(), store, checks(Policy.parse(settings.webhooks.allow))
        )
        declaration = parsed.declaration(
            lambda path: promptfiles.keep(folder, read_prompt(path), path.name)
        )
        (change,) = store.apply(
            declaration, new_secret=signing.new_secret, new_signing_key=keys.new_private_key
        )
    click.echo(f"{change.change} prompt {change.name}")


@prompt.command("list")
@click.argument("app", required=False)
@click.pass_obj
def list_(invocation: Invocation, app: str | None) -> None:
    """List the prompts of APP, or of all apps."""
    with _database(invocation.settings()) as connection:
        inventory, after = Inventory(connection), ("", "")
        while rows := inventory.prompts(app, after, _PAGE):
            for row in rows:
                click.echo(f"{row.app}  {row.name}  {row.sha256[:12]}")
            after = (rows[-1].app, rows[-1].name)


@prompt.command()
@click.argument("app")
@click.argument("name")
@click.pass_obj
def remove(invocation: Invocation, app: str, name: str) -> None:
    """Remove prompt NAME of APP; refused while a number greets with it."""
    settings = invocation.settings()
    with _database(settings) as connection:
        inventory = Inventory(connection)
        if users := inventory.referring("prompt", app, name):
            _refuse(f"prompt {name} is used by {', '.join(users)}")
        try:
            paths = inventory.remove("prompt", app, name, now=time.time())
        except LookupError as missing:
            _refuse(str(missing))
        for path in paths:
            decoding.remove(settings.media.folder / path)
    click.echo(f"removed prompt {app}/{name}")


@contextmanager
def _database(settings: Settings) -> Iterator[sqlite3.Connection]:
    """The database, and what is wrong with a declaration as words and the exit code."""
    try:
        with opened(settings) as connection:
            yield connection
    except ProvisioningInvalid as invalid:
        _refuse("\n".join(f"{one.key.rpartition('].')[2]}: {one.reason}"
                          for one in invalid.findings))  # fmt: skip


def _refuse(reason: str) -> NoReturn:
    click.echo(f"ari-voice: {reason}", err=True)
    raise click.exceptions.Exit(INVALID)
