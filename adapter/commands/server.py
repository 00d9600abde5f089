"""`ari-voice serve` and `ari-voice openapi`."""

from __future__ import annotations

import click
import msgspec

from adapter import log
from adapter.commands.invocation import Invocation


@click.command()
@click.pass_obj
def serve(invocation: Invocation) -> None:
    """Run the server until SIGTERM."""
    from adapter.commands import serve as running  # noqa: PLC0415 - other commands start without it

    settings = invocation.settings()
    log.configure(settings.log.level, settings.log.format)
    raise click.exceptions.Exit(running.serve(settings))


@click.command()
def openapi() -> None:
    """Write the OpenAPI document of the API."""
    from adapter.front_ends import openapi_document  # noqa: PLC0415 - as above

    click.echo(msgspec.json.format(msgspec.json.encode(openapi_document())).decode())
