"""`ari-voice apply FILE` and `ari-voice check FILE`: provisioning.

`check` touches nothing: not the database, not the media folder. `apply` stores the files of prompts
first, under names made of their content, so that nothing that is in use changes; then it writes
everything in one transaction. A running server sees that within a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click
import msgspec

from adapter.commands.checks import checks, read_prompt
from adapter.commands.database import opened, outcomes
from adapter.commands.invocation import INVALID, Invocation, say
from adapter.contracts.admin import keys
from adapter.contracts.admin.known import Checks, Known, NothingKnown
from adapter.contracts.admin.parse import Parsed, ProvisioningInvalid, parse
from adapter.core.tenants import Change
from adapter.media import promptfiles
from adapter.outbox import signing
from adapter.outbox.egress import Policy
from adapter.settings import Settings
from adapter.store.backup import open_quietly
from adapter.store.provisioning import ProvisioningStore
from adapter.store.sqlite import has_schema
from adapter.tables import Finding

_json = click.option("--json", "as_json", is_flag=True, help="Write one JSON object instead.")
_file = click.argument("file", type=click.Path(path_type=Path))


@click.command()
@_file
@_json
@click.pass_obj
def apply(invocation: Invocation, file: Path, as_json: bool) -> None:
    """Bring the database up to what FILE declares; all or nothing."""
    settings = invocation.settings()
    with opened(settings, create=True) as connection, _validity(file, as_json):
        store = ProvisioningStore(connection)
        parsed = parse(file, store, _checks(settings))
        declaration = parsed.declaration(partial(_import_prompt, settings.media.folder))
        changes = store.apply(
            declaration,
            new_secret=signing.new_secret,
            new_signing_key=keys.new_private_key,
        )
        generation = store.generation()
    _report_changes(file, changes, generation, as_json)


@click.command()
@_file
@_json
@click.pass_obj
def check(invocation: Invocation, file: Path, as_json: bool) -> None:
    """Say everything that is wrong with FILE, and touch nothing."""
    settings = invocation.settings()
    path = settings.database.path
    with outcomes(path), _stored(path) as known, _validity(file, as_json):
        parsed = parse(file, known, _checks(settings))
        _report_valid(file, parsed, as_json)


def _checks(settings: Settings) -> Checks:
    return checks(Policy.parse(settings.webhooks.allow))


def _import_prompt(folder: Path, file: Path) -> tuple[str, str]:
    return promptfiles.keep(folder, read_prompt(file), file.name)


@contextmanager
def _stored(path: Path) -> Iterator[Known]:
    """What the database knows, read without leaving a trace."""
    if not path.exists():
        yield NothingKnown()
        return
    with closing(open_quietly(path)) as connection:
        yield ProvisioningStore(connection) if has_schema(connection) else NothingKnown()


@contextmanager
def _validity(file: Path, as_json: bool) -> Iterator[None]:
    """What is wrong with the file, as words and the exit code."""
    try:
        yield
    except ProvisioningInvalid as invalid:
        _report_invalid(file, invalid.findings, as_json)
        raise click.exceptions.Exit(INVALID) from None


def _report_invalid(file: Path, findings: tuple[Finding, ...], as_json: bool) -> None:
    if as_json:
        found = [asdict(finding) for finding in findings]
        _write({"file": str(file), "valid": False, "findings": found})
        return
    say(findings)
    click.echo(f"{file}: {_count(len(findings), 'error')}", err=True)


def _report_valid(file: Path, parsed: Parsed, as_json: bool) -> None:
    counts = {kind: len(rows) for kind, rows in parsed.rows.items() if rows}
    if as_json:
        _write({"file": str(file), "valid": True, "findings": [], "declared": counts})
        return
    declared = ", ".join(_count(number, kind) for kind, number in counts.items())
    click.echo(f"{file}: valid ({declared or 'declares nothing'})")


def _report_changes(file: Path, changes: Sequence[Change], generation: int, as_json: bool) -> None:
    if as_json:
        listed = [asdict(change) for change in changes]
        body = {"file": str(file), "valid": True, "findings": [], "changes": listed}
        _write(body | {"generation": generation})
        return
    for change in changes:
        keys = f" ({', '.join(change.keys)})" if change.keys else ""
        click.echo(f"{change.change:<9} {change.kind} {change.name}{keys}")
    totals = Counter(change.change for change in changes)
    summary = ", ".join(f"{number} {what}" for what, number in sorted(totals.items()))
    click.echo(f"{file}: {summary or 'declares nothing'}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _write(body: object) -> None:
    click.echo(msgspec.json.encode(body).decode())
