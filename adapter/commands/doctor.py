"""`ari-voice doctor`: is this deployment as it should be? See `adapter.commands.diagnosis`.

Exit codes: 0 nothing has failed (there may be warnings), 1 something has, 2 the settings can't be
used.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

import click
import msgspec

from adapter.commands.diagnosis import Check, Result, examine
from adapter.commands.diagnosis import asterisk as pbx
from adapter.commands.diagnosis.audio import audio
from adapter.commands.diagnosis.network import server, tls, webhooks
from adapter.commands.diagnosis.plugins import plugins
from adapter.commands.diagnosis.storage import database, folders, provisioned
from adapter.commands.invocation import INVALID, Invocation
from adapter.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object instead.")
@click.pass_obj
def doctor(invocation: Invocation, as_json: bool) -> None:
    """Look at everything that the server needs, whether it is running or not.

    To be run as the server's user. Nothing is changed, no call is made and no webhook sent; each
    check has 5 seconds. Exit code 1: something has failed; warnings alone are 0.
    """
    results = asyncio.run(examine(checks(invocation.settings())))
    counts = Counter(result.state for result in results)
    if as_json:
        report = {"ok": not counts["failed"], "checks": results}
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
    else:
        for result in results:
            click.echo(_line(result))
        click.echo(", ".join(f"{state} {counts[state]}" for state in ("ok", "warning", "failed")))
    raise click.exceptions.Exit(INVALID if counts["failed"] else 0)


def checks(settings: Settings) -> list[Check]:
    """What is looked at, in the order of the report."""
    found = provisioned(settings.database.path)
    return [
        Check("asterisk", partial(pbx.ari, settings.asterisk)),
        Check("ami", partial(pbx.ami, settings.asterisk)),
        Check("audio", partial(audio, settings)),
        Check("nat", partial(pbx.nat, settings.asterisk, found.trunks)),
        Check("disk", partial(folders, settings)),
        Check("database", partial(database, settings.database.path)),
        Check("plug-ins", partial(plugins, settings.plugins)),
        Check("webhook", partial(webhooks, found.urls, settings.webhooks.allow)),
        Check("server", partial(server, settings.http)),
        Check("tls", partial(tls, settings.http)),
    ]


def _line(result: Result) -> str:
    return f"{result.state:8} {result.name}: {result.text}"
