"""`ari-voice calls`, `why`, `secret` and others: a look at the database of a running server."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import click

from adapter.commands.database import opened
from adapter.commands.invocation import INVALID, Invocation
from adapter.commands.timeline import CallNotFound, Timeline, clock
from adapter.contracts.admin import keys
from adapter.store.outbox import OutboxStore
from adapter.store.provisioning import ProvisioningStore


@contextmanager
def _database(invocation: Invocation) -> Iterator[sqlite3.Connection]:
    try:
        with opened(invocation.settings()) as connection:
            yield connection
    except CallNotFound as missing:
        click.echo(f"ari-voice: no call {missing}", err=True)
        raise click.exceptions.Exit(INVALID) from None


@click.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10000))
@click.pass_obj
def calls(invocation: Invocation, limit: int) -> None:
    """List the latest calls."""
    with _database(invocation) as connection:
        for line in Timeline(connection).calls(limit):
            click.echo(line)


@click.command()
@click.argument("call")
@click.pass_obj
def why(invocation: Invocation, call: str) -> None:
    """Print everything that happened to CALL, in the order of time, masked."""
    with _database(invocation) as connection:
        for line in Timeline(connection).why(call):
            click.echo(line)


@click.command()
@click.argument("call")
@click.pass_obj
def replay(invocation: Invocation, call: str) -> None:
    """Run the journal of CALL again, and say where it parts from what was written down."""
    with _database(invocation) as connection:
        difference = Timeline(connection).replay(call)
    if difference is not None:
        click.echo(difference)
        raise click.exceptions.Exit(INVALID)
    click.echo("the journal leads to the row")


@click.command()
@click.argument("name")
@click.pass_obj
def secret(invocation: Invocation, name: str) -> None:
    """Print the webhook secret of the app or domain NAME, for whoever verifies its webhooks."""
    with _database(invocation) as connection:
        store = ProvisioningStore(connection)
        row = store.app(name) or store.domain(name)
    if row is None:
        click.echo(f"ari-voice: no app or domain {name}", err=True)
        raise click.exceptions.Exit(INVALID)
    click.echo(row.webhook_secret)


@click.command("domain-key")
@click.argument("name")
@click.pass_obj
def domain_key(invocation: Invocation, name: str) -> None:
    """Print the public key of domain NAME, for whoever verifies the tokens of its callbacks."""
    with _database(invocation) as connection:
        row = ProvisioningStore(connection).domain(name)
    if row is None:
        click.echo(f"ari-voice: no domain {name}", err=True)
        raise click.exceptions.Exit(INVALID)
    click.echo(keys.public_part(row.signing_key), nl=False)


@click.group()
def outbox() -> None:
    """Webhooks that wait or were given up."""


@outbox.command("list")
@click.option("--state", type=click.Choice(["pending", "dead", "delivered"]))
@click.option("--owner", help="Only this app's.")
@click.option("--call", help="Only this call's.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100000))
@click.pass_obj
def list_(
    invocation: Invocation,
    state: Literal["pending", "dead", "delivered"] | None,
    owner: str | None,
    call: str | None,
    limit: int,
) -> None:
    """List webhooks, the latest last."""
    with _database(invocation) as connection:
        for row in OutboxStore(connection).rows(state, limit, owner=owner, lane=call):
            click.echo(
                f"{row.seq}  {clock(row.created_at)}  {row.state:9}  {row.owner}  {row.event}  "
                f"call {row.lane}  attempts {row.attempts}  {row.error or ''}".rstrip()
            )


@outbox.command()
@click.argument("seq", type=int, required=False)
@click.option("--owner", help="All of this app's.")
@click.option("--all", "everything", is_flag=True, help="All that are not delivered.")
@click.pass_obj
def retry(invocation: Invocation, seq: int | None, owner: str | None, everything: bool) -> None:
    """Deliver webhook SEQ again, or all of an app, or all; the server notices within seconds."""
    if sum((seq is not None, owner is not None, everything)) != 1:
        raise click.UsageError("give one of SEQ, --owner and --all")
    with _database(invocation) as connection:
        count = OutboxStore(connection).retry(time.time(), seq=seq, owner=owner)
    click.echo(f"{count} due now")
