"""`ari-voice app list|suspend|resume`: the kill switch of apps, beside a running server.

It writes the database; the server sees it within a second, as it sees what `apply` declares.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from adapter.commands.database import opened
from adapter.commands.invocation import INVALID, Invocation
from adapter.commands.timeline import clock
from adapter.store.suspensions import Standing, Suspensions


@click.group()
def app() -> None:
    """Apps: how they stand; suspend and resume them."""


@app.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """List the apps with their live calls and limits."""
    with _suspensions(invocation) as apps:
        for standing in apps.standings():
            click.echo(_line(standing))


@app.command()
@click.argument("name", metavar="ID")
@click.option("--hangup", is_flag=True, help="End its live calls too.")
@click.pass_obj
def suspend(invocation: Invocation, name: str, hangup: bool) -> None:
    """Take no more orders and calls for app ID; it can still look at its calls and end them."""
    with _suspensions(invocation) as apps:
        found = apps.suspend(name, time.time(), hang_up=hangup)
    _report(found, name, "suspended; its live calls are ended" if hangup else "suspended")


@app.command()
@click.argument("name", metavar="ID")
@click.pass_obj
def resume(invocation: Invocation, name: str) -> None:
    """Let app ID work again."""
    with _suspensions(invocation) as apps:
        found = apps.resume(name)
    _report(found, name, "resumed")


@contextmanager
def _suspensions(invocation: Invocation) -> Iterator[Suspensions]:
    """The apps of the database that the settings name."""
    with opened(invocation.settings()) as connection:
        yield Suspensions(connection)


def _report(found: bool, name: str, done: str) -> None:
    if not found:
        click.echo(f"ari-voice: no app {name}", err=True)
        raise click.exceptions.Exit(INVALID)
    click.echo(f"{name} {done}")


def _line(app: Standing) -> str:
    state = "active"
    if app.suspended_at is not None:
        how = ", calls are ended" if app.hang_up else ""
        state = f"suspended since {clock(app.suspended_at)}{how}"
    live = f"calls {app.live}"
    if app.max_concurrent_calls is not None:
        live += f" of {app.max_concurrent_calls}"
    rate = f", {app.calls_per_second:g} a second" if app.calls_per_second is not None else ""
    return f"{app.id}  {state}  {live}{rate}"
