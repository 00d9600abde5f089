"""`ari-voice doctor`: is this deployment as it should be? See `adapter.commands.diagnosis`.

Exit codes: 0 nothing has failed (there may be warnings), 1 something has, 2 the settings can't be
used.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from functools import partial

import click
import msgspec

from adapter.commands.diagnosis import PATIENCE, Check, Result, Unawaited, examine
from adapter.commands.diagnosis import asterisk as pbx
from adapter.commands.diagnosis.audio import audio
from adapter.commands.diagnosis.endpoints import endpoints, registrations
from adapter.commands.diagnosis.network import server, tls, webhooks
from adapter.commands.diagnosis.plugins import plugins
from adapter.commands.diagnosis.sip_tls import sip_tls
from adapter.commands.diagnosis.storage import Provisioned, database, folders, provisioned
from adapter.commands.diagnosis.transports import nat
from adapter.commands.invocation import INVALID, Invocation
from adapter.settings import Settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object instead.")
@click.pass_obj
def doctor(invocation: Invocation, as_json: bool) -> None:
    """Look at everything that the server needs, whether it is running or not.

    To be run as the server's user. Nothing is changed, no call is made and no webhook sent; each
    check has 5 seconds. Exit codes: 0 nothing has failed (there may be warnings), 1 something has,
    2 the settings can't be used.
    """
    results = asyncio.run(_examined(invocation.settings()))
    counts = Counter(result.state for result in results)
    if as_json:
        report = {"ok": not counts["failed"], "checks": results}
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
    else:
        for result in results:
            click.echo(_line(result))
        click.echo(", ".join(f"{state} {counts[state]}" for state in ("ok", "warning", "failed")))
    raise click.exceptions.Exit(INVALID if counts["failed"] else 0)


async def _examined(settings: Settings) -> list[Result]:
    """All checks; those of what was provisioned find nothing when the database can't be read."""
    asyncio.get_running_loop().set_default_executor(Unawaited())
    found = Provisioned()
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            found = await asyncio.to_thread(provisioned, settings.database.path)
    return await examine(checks(settings, found))


def checks(settings: Settings, found: Provisioned) -> list[Check]:
    """What is looked at, in the order of the report."""
    asterisk = settings.asterisk
    return [
        Check("asterisk", partial(pbx.ari, asterisk)),
        Check("ami", partial(pbx.ami, asterisk)),
        Check("audio", partial(audio, settings)),
        Check("nat", partial(nat, asterisk, found.trunks)),
        Check("sip tls", partial(sip_tls, asterisk, found.trunks, found.phones)),
        Check("trunks", partial(endpoints, asterisk, found.trunks, found.phones)),
        Check("registration", partial(registrations, asterisk, found.trunks)),
        Check("disk", partial(folders, settings)),
        Check("database", partial(database, settings.database.path)),
        Check("plug-ins", partial(plugins, settings.plugins)),
        Check("webhook", partial(webhooks, found.urls, settings.webhooks.allow)),
        Check("server", partial(server, settings.http)),
        Check("tls", partial(tls, settings.http)),
    ]


def _line(result: Result) -> str:
    return f"{result.state:8} {result.name}: {result.text}"
