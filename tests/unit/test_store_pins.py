"""Numbers that several apps share, on a real SQLite file; and the owner that a call finds late."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.core import inputs as i
from adapter.core.call import step
from adapter.core.model import Call, CallState
from adapter.core.tenants import Change, Declaration, Number
from adapter.store import rows
from adapter.store.calls import CallStore
from adapter.store.inventory import Inventory
from adapter.store.outbox import OutboxStore
from adapter.store.provisioning import Directory, ProvisioningStore
from adapter.store.sqlite import migrate, open_database
from tests.unit.build import NOW, admission, admitted, key, offer, up
from tests.unit.earlier_versions import of_migrations
from tests.unit.test_store_provisioning import APP, NUMBER, TRUNK, apply

OTHER = replace(APP, id="other")
SHARED = replace(
    NUMBER,
    pin="007",
    pin_prompt="welcome",
    pin_retry_prompt="again",
    pin_goodbye_prompt="bye",
    voicemail_detection=True,
)
OTHERS = replace(SHARED, pin="9", app="other", pin_prompt=None)
ALL = Declaration(apps=(APP, OTHER), trunks=(TRUNK,), numbers=(OTHERS, SHARED))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(tmp_path / "p.db")
    apply(ProvisioningStore(opened), ALL)
    yield opened
    opened.close()


def test_numbers_of_the_same_digits(connection: sqlite3.Connection) -> None:
    """Found together in the order of their PINs, each with every field, and each by its PIN."""
    store = ProvisioningStore(connection)
    assert store.numbers_at("+46123") == store.numbers_at("46123") == (SHARED, OTHERS)
    assert (store.number("46123", "9"), store.number("46123")) == (OTHERS, None)
    assert store.numbers_of("other") == [OTHERS]
    assert store.numbers_at("46123*9") == ()
    columns = connection.execute(rows.NUMBER).description
    assert {column for column, *_ in columns} == set(Number.__dataclass_fields__)


def test_a_change_is_of_the_number_with_its_pin(connection: sqlite3.Connection) -> None:
    """Declaring one of them again leaves the others as they are."""
    changed = Declaration(numbers=(replace(OTHERS, outbound=True), SHARED))
    assert apply(ProvisioningStore(connection), changed) == [
        Change("number", "46123*9", "updated", ("outbound",)),
        Change("number", "46123*007", "unchanged"),
    ]


def test_the_directory_forgets_what_has_changed(connection: sqlite3.Connection) -> None:
    """A new PIN counts from the next refresh on; nobody's digits are not remembered."""
    store = ProvisioningStore(connection)
    directory = Directory(store)
    assert directory.numbers_at("46123") == (SHARED, OTHERS)
    assert directory.numbers_at("1") == ()
    added = replace(SHARED, pin="5")
    apply(store, Declaration(numbers=(added, replace(SHARED, number="1", pin="1"))))
    assert len(directory.numbers_at("1")) == 1
    directory.refresh()
    assert directory.numbers_at("46123") == (SHARED, added, OTHERS)


def test_lists_name_numbers_with_their_pins(connection: sqlite3.Connection) -> None:
    """In lists, as users of others, and to be removed, the name tells them apart."""
    lists = Inventory(connection)
    assert lists.names("number", "", 9) == ["46123*007", "46123*9"]
    assert lists.names("number", "46123*007", 9) == ["46123*9"]
    assert lists.referring("app", "other") == ["number 46123*9"]
    assert lists.referring("prompt", "demo", "bye") == ["number 46123*007"]
    lists.remove("number", "46123*007", now=NOW)
    assert lists.names("number", "", 9) == ["46123*9"]


def test_numbers_survive_the_pins(tmp_path: Path) -> None:
    """A database of the version before has numbers of apps and domains, without PINs, and works."""
    connection = of_migrations(tmp_path / "voice.db", 7)
    connection.execute("INSERT INTO app (id, key_hash, webhook_secret) VALUES ('demo', 'k', 's')")
    connection.execute("INSERT INTO trunk (name, uri) VALUES ('carrier', 'sip:a')")
    connection.execute(
        "INSERT INTO number VALUES"
        " ('46123', 'demo', NULL, 'voice', 'http://e', 'carrier', 0, 1, 'g', 'o', 12.5)"
    )
    assert "0008_pins" in migrate(connection)
    assert ProvisioningStore(connection).number("46123") == Number(
        number="46123",
        app="demo",
        event_url="http://e",
        trunk="carrier",
        inbound=False,
        outbound=True,
        greeting="g",
        outbound_greeting="o",
        accept_timeout=12.5,
    )
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute("INSERT INTO number (number, app) VALUES ('1', 'nobody')")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        connection.execute("INSERT INTO number (number, app) VALUES ('46123', 'demo')")
    connection.close()


def test_the_owner_of_a_call_is_found_later(connection: sqlite3.Connection) -> None:
    """The column that lists of calls look at follows the row."""
    store = CallStore(connection, OutboxStore(connection).insert)
    call: Call | None = None

    def take(given: i.Input) -> Call:
        nonlocal call
        made = step(call, given, NOW)
        store.save(made, given, NOW, ())
        call = made.call
        return made.call

    def owner() -> object:
        return connection.execute("SELECT owner FROM call").fetchone()[0]

    row = take(offer(owner="", admission=admission()))
    row = take(up(row))
    assert owner() == ""
    for digit in "12#":
        row = take(key(row, digit))
    row = take(admitted(row, owner="other"))
    assert (owner(), row.state) == ("other", CallState.WAITING)
    assert store.load(row.id) == row
