"""The kill switch in the database: what it writes, and what it leaves alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapter.core.faults import StoreFailed
from adapter.core.tenants import Declaration, DeclaredApp
from adapter.store.provisioning import ProvisioningStore
from adapter.store.sqlite import open_database
from adapter.store.suspensions import Suspensions

DEMO = DeclaredApp(
    id="demo",
    key="key-0123456789abcdef",
    event_url=None,
    webhook_encryption=None,
    webhook_encryption_format="base64",
    webhook_secret="whsec_x",
    allowed_destinations=(),
    max_concurrent_calls=3,
    calls_per_second=1.5,
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with one app."""
    with closing(open_database(tmp_path / "x.db")) as connection:
        declare(connection)
        yield connection


def declare(connection: sqlite3.Connection) -> list[str]:
    changes = ProvisioningStore(connection).apply(
        Declaration(apps=(DEMO,)), new_secret=lambda: "whsec_x", new_signing_key=lambda: ""
    )
    return [change.change for change in changes]


def test_limits_are_stored(connection: sqlite3.Connection) -> None:
    """They come back as declared; declared again nothing changes."""
    app = ProvisioningStore(connection).app("demo")
    assert app is not None
    assert (app.max_concurrent_calls, app.calls_per_second, app.suspended) == (3, 1.5, False)
    assert declare(connection) == ["unchanged"]


def test_suspend_and_resume(connection: sqlite3.Connection) -> None:
    """Suspended from the first time on; each change counts the generation up."""
    store, apps = ProvisioningStore(connection), Suspensions(connection)
    generations = [store.generation()]
    for now, hang_up in ((100.0, False), (200.0, True)):
        assert apps.suspend("demo", now, hang_up=hang_up)
        app = store.app("demo")
        assert app is not None
        assert (app.suspended_at, app.hang_up) == (100.0, hang_up)
        assert apps.hanging_up() == (frozenset({"demo"}) if hang_up else frozenset())
        generations.append(store.generation())
    assert apps.resume("demo")
    app = store.app("demo")
    assert app is not None
    assert (app.suspended, app.hang_up) == (False, False)
    generations.append(store.generation())
    assert generations == sorted(set(generations))


def test_apply_does_not_resume(connection: sqlite3.Connection) -> None:
    """What is declared says nothing of it."""
    Suspensions(connection).suspend("demo", 100.0, hang_up=True)
    assert declare(connection) == ["unchanged"]
    (standing,) = Suspensions(connection).standings()
    assert (standing.suspended_at, standing.hang_up, standing.live) == (100.0, True, 0)


def test_no_such_app(connection: sqlite3.Connection) -> None:
    """Nothing is written, and it says so."""
    before = ProvisioningStore(connection).generation()
    apps = Suspensions(connection)
    assert not apps.suspend("nobody", 100.0, hang_up=True)
    assert not apps.resume("nobody")
    assert ProvisioningStore(connection).generation() == before


def test_a_database_that_takes_no_write(connection: sqlite3.Connection) -> None:
    """A fault, and no transaction stays open."""
    connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreFailed):
        Suspensions(connection).suspend("demo", 100.0, hang_up=False)
    assert not connection.in_transaction
