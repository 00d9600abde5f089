"""`ari-voice backup`: a copy of the database, also while the server runs.

How it is made: `adapter.store.backup`. The database may be of an earlier version, whose upgrade is
to come; one of a later version is left to that version.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from adapter.commands.database import outcomes
from adapter.commands.invocation import INVALID, Invocation, give_up
from adapter.store.backup import (
    BackupDamaged,
    back_up,
    in_folder,
    keep_latest,
    of_folder,
    open_quietly,
)
from adapter.store.sqlite import pending


@click.command()
@click.argument("target", metavar="FILE|FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--keep", type=click.IntRange(1), help="Remove all but the latest KEEP copies in FOLDER."
)
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
@click.pass_obj
def backup(invocation: Invocation, target: Path, keep: int | None, as_json: bool) -> None:
    """Copy the database to FILE, or into FOLDER under a name with the time (UTC).

    The copy is checked, and readable for its owner only: it holds secrets. A FILE that is there is
    replaced. Exit code 1: the database is damaged, and no copy was made.
    """
    database = invocation.settings().database.path
    if not database.is_file():
        give_up(f"database: {database} does not exist")
    folder = target if target.is_dir() else None
    if keep and folder is None:
        raise click.UsageError("--keep needs a FOLDER")
    if folder is not None:
        target = in_folder(database, folder, datetime.now(UTC))
    with outcomes(database):
        _refuse_later_version(database)
        try:
            size = back_up(database, target)
        except BackupDamaged as damaged:
            click.echo(f"ari-voice: database: {database} is damaged: {damaged}", err=True)
            raise click.exceptions.Exit(INVALID) from None
        if keep and folder is not None:
            keep_latest(of_folder(database, folder), keep)
    if as_json:
        click.echo(msgspec.json.encode({"file": str(target.absolute()), "bytes": size}))
    else:
        click.echo(f"{target}: {size} bytes")


def _refuse_later_version(database: Path) -> None:
    """Raises SchemaTooNew. What else is wrong with the database, the copy shows."""
    with suppress(sqlite3.Error), closing(open_quietly(database)) as connection:
        pending(connection)
