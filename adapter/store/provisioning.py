"""What was provisioned: read for each request, and written by `ari-voice apply`.

Reading takes some microseconds (one prepared statement). Writing is one transaction; it counts the
generation up when something changed, which the running server watches.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias, TypeVar, cast

import msgspec

from adapter.core.faults import StoreFailed
from adapter.core.tenants import (
    App,
    Change,
    Declaration,
    DeclaredApp,
    DeclaredDomain,
    Domain,
    Kind,
    Number,
    Phone,
    StoredPrompt,
    Trunk,
    hash_key,
    key_matches,
)
from adapter.store import rows

_APP = rows.APP + "WHERE id = ?"
_DOMAIN = rows.DOMAIN + "WHERE name = ?"
_NUMBER = rows.NUMBER + "WHERE number = ? AND pin = ?"
_NUMBERS_AT = rows.NUMBER + "WHERE number = ? ORDER BY pin"
_NUMBERS_OF = rows.NUMBER + "WHERE app = ? ORDER BY number, pin"
_TRUNK = rows.TRUNK + "WHERE name = ?"
_TRUNKS = rows.TRUNK + "ORDER BY name"
_PROMPT = "SELECT app, name, path, sha256 FROM prompt WHERE app = ? AND name = ?"
_PHONE = rows.PHONE + "WHERE extension = ?"
_PHONES = rows.PHONE + "ORDER BY extension"
_GENERATION = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'provisioning_generation'"
NEXT_GENERATION = """
UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'provisioning_generation'
"""

Found: TypeAlias = App | Number | StoredPrompt | Domain | tuple[Number, ...]
Row = TypeVar("Row", App, Number, StoredPrompt, Domain, tuple[Number, ...])

_KEYS: Mapping[Kind, tuple[str, ...]] = {
    "app": ("id",),
    "domain": ("name",),
    "trunk": ("name",),
    "number": ("number", "pin"),
    "prompt": ("app", "name"),
    "phone": ("extension",),
}


class ProvisioningStore:
    """Provisioning in SQLite. Construct with a connection in autocommit, whose owner uses it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def app(self, app_id: str) -> App | None:
        """An app by its id."""
        row = self._connection.execute(_APP, (app_id,)).fetchone()
        return rows.app(row) if row else None

    def domain(self, name: str) -> Domain | None:
        """A domain by its name."""
        row = self._connection.execute(_DOMAIN, (name,)).fetchone()
        return rows.domain(row) if row else None

    def number(self, digits: str, pin: str = "") -> Number | None:
        """A number, with or without its leading plus; one that is shared by its PIN."""
        row = self._connection.execute(_NUMBER, (digits.removeprefix("+"), pin)).fetchone()
        return rows.number(row) if row else None

    def numbers_at(self, digits: str) -> tuple[Number, ...]:
        """All numbers of these digits, with or without a plus, in the order of their PINs."""
        found = self._connection.execute(_NUMBERS_AT, (digits.removeprefix("+"),))
        return tuple(rows.number(row) for row in found)

    def numbers_of(self, app_id: str) -> list[Number]:
        """The numbers of an app, in order."""
        return [rows.number(row) for row in self._connection.execute(_NUMBERS_OF, (app_id,))]

    def trunk(self, name: str) -> Trunk | None:
        """A trunk by its name."""
        row = self._connection.execute(_TRUNK, (name,)).fetchone()
        return rows.trunk(row) if row else None

    def trunks(self) -> list[Trunk]:
        """All trunks, in order."""
        return [rows.trunk(row) for row in self._connection.execute(_TRUNKS)]

    def prompt(self, app: str, name: str) -> StoredPrompt | None:
        """A prompt of an app."""
        row = self._connection.execute(_PROMPT, (app, name)).fetchone()
        return StoredPrompt(app=row[0], name=row[1], path=row[2], sha256=row[3]) if row else None

    def phone(self, extension: str) -> Phone | None:
        """A phone by its extension."""
        row = self._connection.execute(_PHONE, (extension,)).fetchone()
        return rows.phone(row) if row else None

    def phones(self) -> list[Phone]:
        """All phones, in order."""
        return [rows.phone(row) for row in self._connection.execute(_PHONES)]

    def generation(self) -> int:
        """Goes up with every change."""
        (value,) = self._connection.execute(_GENERATION).fetchone()
        return int(value)

    def apply(
        self,
        declaration: Declaration,
        *,
        new_secret: Callable[[], str],
        new_signing_key: Callable[[], str],
        new_salt: Callable[[], bytes] = secrets.token_bytes,
    ) -> list[Change]:
        """Write what is declared, all or nothing. What is not declared stays.

        Args:
            declaration: what shall be.
            new_secret: makes the webhook secret of an app or domain that has none.
            new_signing_key: makes the signing key of a domain that has none: PEM. As that takes a
                while it is done before the transaction, which keeps others from writing.
            new_salt: random bytes for the hash of a new key.

        Returns:
            What became of each object, in the order in which they were written.

        Raises:
            StoreFailed: nothing was written; a reference goes nowhere, or the file took no write.
        """
        execute = self._connection.execute
        try:
            made = _Made(new_secret, new_salt, self._signing_keys(declaration, new_signing_key))
            execute("BEGIN IMMEDIATE")
            changes = list(self._changes(declaration, made))
            if any(change.change != "unchanged" for change in changes):
                execute(NEXT_GENERATION)
            execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StoreFailed(f"provisioning was not written: {error}") from error
            raise
        return changes

    def _signing_keys(
        self, declaration: Declaration, new_signing_key: Callable[[], str]
    ) -> dict[str, str]:
        """Keys for the domains that have and declare none, by name."""
        return {
            domain.name: new_signing_key()
            for domain in declaration.domains
            if domain.signing_key is None and self.domain(domain.name) is None
        }

    def _changes(self, all_: Declaration, made: _Made) -> Iterator[Change]:
        """Write each object after those it refers to."""
        for app in all_.apps:
            yield self._put("app", self._app_row(app, made), app.id)
        for trunk in all_.trunks:
            yield self._put("trunk", _row(trunk), trunk.name)
        for domain in all_.domains:
            yield self._put("domain", self._domain_row(domain, made), domain.name)
        for prompt in all_.prompts:
            yield self._put("prompt", _row(prompt), f"{prompt.app}/{prompt.name}")
        for number in all_.numbers:
            owner = {"app": number.app or None, "domain": number.domain or None}
            yield self._put("number", _row(number) | owner, number.name)
        for phone in all_.phones:
            yield self._put("phone", _row(phone), phone.extension)

    def _app_row(self, app: DeclaredApp, made: _Made) -> dict[str, Any]:
        """The row of an app: an unchanged key keeps its hash, no secret keeps the one there is."""
        before = self.app(app.id)
        if before is None and not app.key:
            raise StoreFailed(f"provisioning was not written: app {app.id} has no key")
        row = _row(app)
        row["key_hash"] = made.hash(row.pop("key"), before.key_hash if before else None)
        if row["webhook_secret"] is None:
            row["webhook_secret"] = before.webhook_secret if before else made.secret()
        return row

    def _domain_row(self, domain: DeclaredDomain, made: _Made) -> dict[str, Any]:
        """The row of a domain: what is not declared stays as it is, or is made."""
        before = self.domain(domain.name)
        row = _row(domain)
        password = row.pop("api_password")
        same_user = before is not None and before.api_user == domain.api_user
        if domain.api_user is None:
            row["api_password_hash"] = None
        elif password is None and not same_user:
            raise StoreFailed(f"provisioning was not written: no password of {domain.api_user}")
        else:
            row["api_password_hash"] = made.hash(
                password or "", before.api_password_hash if before else None
            )
        if row["signing_key"] is None:
            row["signing_key"] = before.signing_key if before else made.signing_keys[domain.name]
        if row["webhook_secret"] is None:
            row["webhook_secret"] = before.webhook_secret if before else made.secret()
        row["reply_secret"] = before.reply_secret if before else secrets.token_hex(32)
        return row

    def _put(self, kind: Kind, row: Mapping[str, Any], name: str) -> Change:
        """Insert or update one row; names of tables and columns are constants of this program."""
        execute = self._connection.execute
        where = " AND ".join(f"{key} = :{key}" for key in _KEYS[kind])
        columns = ", ".join(row)
        before = execute(f"SELECT {columns} FROM {kind} WHERE {where}", row).fetchone()  # noqa: S608
        if before is None:
            values = ", ".join(f":{column}" for column in row)
            execute(f"INSERT INTO {kind} ({columns}) VALUES ({values})", row)  # noqa: S608
            return Change(kind, name, "created")
        changed = [column for column, old in zip(row, before, strict=True) if old != row[column]]
        if not changed:
            return Change(kind, name, "unchanged")
        assignments = ", ".join(f"{column} = :{column}" for column in changed)
        execute(f"UPDATE {kind} SET {assignments} WHERE {where}", row)  # noqa: S608
        keys = dict.fromkeys(_AS_DECLARED.get(column, column) for column in changed)
        return Change(kind, name, "updated", tuple(keys))


_AS_DECLARED = {
    "key_hash": "key",
    "api_password_hash": "api_password",
    "path": "file",
    "sha256": "file",
}


@dataclass(frozen=True, slots=True)
class _Made:
    """What `apply` makes by itself."""

    secret: Callable[[], str]
    salt: Callable[[], bytes]
    signing_keys: Mapping[str, str]

    def hash(self, key: str, before: str | None) -> str:
        """The hash that there is, when it is this key's or no key is given; else one with salt."""
        if before is not None and (not key or key_matches(key, before)):
            return before
        return hash_key(key, self.salt())


def _row(
    value: DeclaredApp | DeclaredDomain | Trunk | Number | StoredPrompt | Phone,
) -> dict[str, Any]:
    """A dataclass as columns: lists and objects as JSON text, flags as 0 and 1."""
    return {
        key: msgspec.json.encode(one, order="sorted").decode() if isinstance(one, tuple | dict)
        else int(one) if isinstance(one, bool) else one
        for key, one in asdict(value).items()
    }  # fmt: skip


class Directory:
    """Provisioning for those who ask at every request and webhook: found rows are remembered.

    A change is seen at the next `refresh`, which the server calls every second. What was not found
    is not remembered, so new objects are there at once and strangers' guesses take no memory.

    Args:
        store: where the rows are.
    """

    def __init__(self, store: ProvisioningStore) -> None:
        self._store = store
        self._generation = store.generation()
        self._found: dict[tuple[str, ...], Found] = {}

    def refresh(self) -> int:
        """Forget what was remembered if anything has changed. Returns the generation."""
        generation = self._store.generation()
        if generation != self._generation:
            self._found.clear()
            self._generation = generation
        return generation

    def app(self, app_id: str) -> App | None:
        """An app by its id."""
        return self._remember(self._store.app, app_id)

    def number(self, digits: str) -> Number | None:
        """A number that is not shared, with or without its leading plus."""
        return self._remember(self._store.number, digits)

    def numbers_at(self, digits: str) -> tuple[Number, ...]:
        """All numbers of these digits, in the order of their PINs; a plus makes no difference."""
        return self._remember(self._store.numbers_at, digits) or ()

    def prompt(self, app: str, name: str) -> StoredPrompt | None:
        """A prompt of an app."""
        return self._remember(self._store.prompt, app, name)

    def domain(self, name: str) -> Domain | None:
        """A domain by its name."""
        return self._remember(self._store.domain, name)

    def phone(self, extension: str) -> Phone | None:
        """A phone by its extension; most destinations are none, so this is asked each time."""
        return self._store.phone(extension)

    def _remember(self, find: Callable[..., Row | None], *key: str) -> Row | None:
        known = self._found.get((find.__name__, *key))
        if known is not None:
            return cast(Row, known)
        row = find(*key)
        if row:
            self._found[(find.__name__, *key)] = row
        return row
