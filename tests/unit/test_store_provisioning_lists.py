"""Provisioning as lists, and removing from it, on a real SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.core.faults import StoreFailed
from adapter.core.tenants import Declaration, Kind
from adapter.store import inventory
from adapter.store.inventory import Inventory
from adapter.store.provisioning import ProvisioningStore
from adapter.store.sqlite import open_database
from tests.unit.test_store_provisioning import ALL, APP, DOMAIN, IVR, NUMBER, PROMPT, apply

NOW = 1000.0


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(tmp_path / "p.db")
    apply(ProvisioningStore(opened), ALL)
    yield opened
    opened.close()


@pytest.fixture
def store(connection: sqlite3.Connection) -> ProvisioningStore:
    return ProvisioningStore(connection)


@pytest.fixture
def lists(connection: sqlite3.Connection) -> Inventory:
    return Inventory(connection)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("app", ["demo"]),
        ("domain", ["one.example"]),
        ("trunk", ["carrier"]),
        ("number", ["46123", "46124"]),
        ("phone", ["0003*210"]),
    ],
)
def test_names(lists: Inventory, kind: Kind, names: list[str]) -> None:
    """In order, behind a name, up to a limit."""
    assert lists.names(kind, "", 9) == names
    assert lists.names(kind, "", 1) == names[:1]
    assert lists.names(kind, names[0], 9) == names[1:]
    assert lists.names(kind, "~", 9) == []


def test_prompts(store: ProvisioningStore, lists: Inventory) -> None:
    """Of one app or of all, in the order of both names."""
    other = replace(PROMPT, app="zebra", name="a")
    apply(store, Declaration(apps=(replace(APP, id="zebra"),), prompts=(other,)))
    assert lists.prompts(None, ("", ""), 9) == [PROMPT, other]
    assert lists.prompts("zebra", ("", ""), 9) == [other]
    assert lists.prompts(None, ("demo", "welcome"), 9) == [other]
    assert lists.prompts("demo", ("demo", "welcome"), 9) == []


def test_who_refers(lists: Inventory) -> None:
    """Each reference of the schema is found; what nobody refers to has none."""
    assert lists.referring("app", "demo") == ["number 46123"]
    assert lists.referring("domain", "one.example") == ["number 46124"]
    assert lists.referring("trunk", "carrier") == [
        "number 46123",
        "number 46124",
        "domain one.example",
    ]
    assert lists.referring("prompt", "demo", "welcome") == ["number 46123"]
    assert lists.referring("prompt", "demo", "other") == []
    assert lists.referring("number", "46123") == lists.referring("phone", "0003*210") == []


def test_not_all_that_refer_are_named(store: ProvisioningStore, lists: Inventory) -> None:
    """Thousands of numbers do not make a message of thousands."""
    many = tuple(replace(NUMBER, number=f"47{n:04}") for n in range(50))
    apply(store, Declaration(numbers=many))
    assert len(lists.referring("app", "demo")) == inventory.SHOWN


def test_the_schema_keeps_what_is_referred_to(store: ProvisioningStore, lists: Inventory) -> None:
    """Whoever forgets to ask gets StoreFailed, and nothing is removed, prompts neither."""
    for kind, name in (("app", "demo"), ("domain", "one.example"), ("trunk", "carrier")):
        with pytest.raises(StoreFailed):
            lists.remove(kind, name, now=NOW)
    assert store.prompt("demo", "welcome") == PROMPT


def test_removing_everything(store: ProvisioningStore, lists: Inventory) -> None:
    """In the order of the references; each counts the generation up; an app's prompts go too."""
    generation = store.generation()
    order: list[tuple[Kind, str]] = [
        ("number", "46123"), ("number", "46124"), ("domain", "one.example"),
        ("trunk", "carrier"), ("phone", "0003*210"), ("app", "demo"),
    ]  # fmt: skip
    paths = [path for kind, name in order for path in lists.remove(kind, name, now=NOW)]
    assert paths == [PROMPT.path]
    assert store.generation() == generation + len(order)
    assert store.app("demo") is store.trunk("carrier") is store.phone("0003*210") is None
    assert store.prompt("demo", "welcome") is None


def test_audio_that_is_still_named_stays(store: ProvisioningStore, lists: Inventory) -> None:
    """Two prompts of one content share a file: it is free when the last one goes."""
    apply(store, Declaration(prompts=(replace(PROMPT, name="same"),)))
    assert lists.remove("prompt", "demo", "welcome", now=NOW) == []
    assert lists.remove("prompt", "demo", "same", now=NOW) == [PROMPT.path]


def test_what_is_not_there(store: ProvisioningStore, lists: Inventory) -> None:
    """LookupError, and the generation stays."""
    generation = store.generation()
    with pytest.raises(LookupError):
        lists.remove("phone", "1", now=NOW)
    with pytest.raises(LookupError):
        lists.remove("prompt", "demo", "x", now=NOW)
    assert store.generation() == generation


def test_webhooks_of_a_removed_owner(
    connection: sqlite3.Connection, store: ProvisioningStore, lists: Inventory
) -> None:
    """They are dead letters from now on; those of others wait as before."""
    for owner in ("demo", "other"):
        connection.execute(
            "INSERT INTO outbox (id, lane, contract, owner, event, url, body, created_at, next_at)"
            " VALUES (?, 'x', 'c', ?, 'e', 'u', '{}', 1, 2)",
            (owner, owner),
        )
    lists.remove("number", "46123", now=NOW)
    lists.remove("app", "demo", now=NOW)
    rows = connection.execute("SELECT owner, state, done_at FROM outbox ORDER BY seq").fetchall()
    assert rows == [("demo", "dead", NOW), ("other", "pending", None)]


def test_an_app_without_a_key_keeps_it(store: ProvisioningStore) -> None:
    """The admin API leaves it out; a new app can't be without."""
    before = store.app("demo")
    apply(store, Declaration(apps=(replace(APP, key=""),)))
    assert store.app("demo") == before
    with pytest.raises(StoreFailed, match="no key"):
        apply(store, Declaration(apps=(replace(APP, id="new", key=""),)))
    assert store.app("new") is None


def test_a_domain_without_a_password_keeps_it(store: ProvisioningStore) -> None:
    """As long as its user is the same; without a user there is none."""
    before = store.domain(DOMAIN.name)
    assert before is not None
    apply(store, Declaration(domains=(replace(DOMAIN, api_password=None),)))
    assert store.domain(DOMAIN.name) == before
    with pytest.raises(StoreFailed, match="no password"):
        apply(store, Declaration(domains=(replace(DOMAIN, api_user="x", api_password=None),)))
    apply(store, Declaration(domains=(replace(DOMAIN, api_user=None, api_password=None),)))
    after = store.domain(DOMAIN.name)
    assert after is not None
    assert after.api_password_hash is None


def test_a_number_of_a_domain_is_listed(lists: Inventory) -> None:
    """Numbers of both kinds of owners are in one list."""
    assert IVR.number in lists.names("number", NUMBER.number, 9)
