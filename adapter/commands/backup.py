"""`ari-voice backup`: a copy of the database, also while the server runs.

How it is made: `adapter.store.backup`.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from adapter.commands.invocation import INVALID, Invocation, give_up
from adapter.store.backup import BackupDamaged, back_up


@click.command()
@click.argument("target", metavar="FILE|FOLDER", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
@click.pass_obj
def backup(invocation: Invocation, target: Path, as_json: bool) -> None:
    """Copy the database to FILE, or into FOLDER under a name with the time (UTC).

    The copy is checked, and readable for its owner only: it holds secrets. A FILE that is there is
    replaced. Exit code 1: the database is damaged, and no copy was made.
    """
    database = invocation.settings().database.path
    if not database.is_file():
        give_up(f"database: {database} does not exist")
    if target.is_dir():
        target = target / f"{database.stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db"
    try:
        size = back_up(database, target)
    except BackupDamaged as damaged:
        click.echo(f"ari-voice: database: {database} is damaged: {damaged}", err=True)
        raise click.exceptions.Exit(INVALID) from None
    except sqlite3.Error as error:
        give_up(f"database: {error}")
    except OSError as error:
        give_up(f"{target}: {error.strerror or error}")
    if as_json:
        click.echo(msgspec.json.encode({"file": str(target.absolute()), "bytes": size}))
    else:
        click.echo(f"{target}: {size} bytes")
