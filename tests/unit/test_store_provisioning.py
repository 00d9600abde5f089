"""Provisioning on a real SQLite file, with a second connection where that matters."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from adapter.core.faults import StoreFailed
from adapter.core.tenants import (
    App,
    Change,
    Declaration,
    DeclaredApp,
    DeclaredDomain,
    Domain,
    Number,
    Phone,
    StoredPrompt,
    Trunk,
    hash_key,
    key_matches,
)
from adapter.store import provisioning as queries
from adapter.store.provisioning import Directory, ProvisioningStore
from adapter.store.sqlite import open_database

APP = DeclaredApp(
    id="demo",
    key="0123456789abcdef",
    event_url=None,
    webhook_encryption="aes-256-cbc",
    webhook_encryption_format="hex",
    webhook_secret=None,
    allowed_destinations=("+46", "sip:a"),
)
TRUNK = Trunk(
    name="carrier",
    uri="sip:carrier.example",
    username="u",
    password="hush",
    register=True,
    match=("192.0.2.0/24", "198.51.100.7"),
    caller_id_header="p-asserted-identity",
    srtp=True,
)
NUMBER = Number(
    number="46123",
    app="demo",
    event_url="http://app.example/",
    trunk="carrier",
    inbound=True,
    outbound=False,
    greeting="welcome",
    outbound_greeting=None,
    accept_timeout=12.5,
)
DOMAIN = DeclaredDomain(
    name="one.example",
    callback_url="http://app.example/one",
    fallback_url="http://app.example/two",
    alarm_url=None,
    api_public_key="their pem",
    api_user="api",
    api_password="fedcba9876543210",
    signing_key=None,
    webhook_secret=None,
    voices={"Joanna": "en-US/female", "Brian": "en-GB/male"},
    max_session=600.0,
    allowed_destinations=("+46",),
    trunk="carrier",
)
IVR = replace(NUMBER, number="46124", app="", domain=DOMAIN.name, service="ivr", greeting=None)
PROMPT = StoredPrompt(app="demo", name="welcome", path="prompts/x.wav", sha256="5a")
PHONE = Phone(extension="0003*210", password="long-enough", name="Åsa", recording=True, srtp=True)
ALL = Declaration(
    apps=(APP,),
    domains=(DOMAIN,),
    trunks=(TRUNK,),
    numbers=(NUMBER, IVR),
    prompts=(PROMPT,),
    phones=(PHONE,),
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_database(tmp_path / "p.db")
    yield opened
    opened.close()


@pytest.fixture
def store(connection: sqlite3.Connection) -> ProvisioningStore:
    return ProvisioningStore(connection)


@pytest.fixture
def other(connection: sqlite3.Connection, tmp_path: Path) -> Iterator[ProvisioningStore]:
    """The same file from another connection, as the server has it."""
    opened = open_database(tmp_path / "p.db")
    yield ProvisioningStore(opened)
    opened.close()


def apply(store: ProvisioningStore, declaration: Declaration) -> list[Change]:
    return store.apply(
        declaration,
        new_secret=lambda: "s1",
        new_signing_key=lambda: "pem1",
        new_salt=lambda: b"salt",
    )


def test_what_is_written_is_read_back(store: ProvisioningStore) -> None:
    """Every field of every kind survives the database."""
    apply(store, ALL)
    assert store.app("demo") == App(
        id="demo",
        key_hash=hash_key(APP.key, b"salt"),
        event_url=None,
        webhook_encryption="aes-256-cbc",
        webhook_encryption_format="hex",
        webhook_secret="s1",
        allowed_destinations=("+46", "sip:a"),
    )
    assert store.trunk("carrier") == TRUNK
    assert store.trunks() == [TRUNK]
    assert store.number("46123") == store.number("+46123") == NUMBER
    assert store.number("46124") == IVR
    assert store.numbers_of("demo") == [NUMBER]
    assert store.prompt("demo", "welcome") == PROMPT
    assert store.phone("0003*210") == PHONE
    assert store.phones() == [PHONE]


def test_what_is_not_there(store: ProvisioningStore) -> None:
    """None, or nothing, for names that nobody declared."""
    apply(store, ALL)
    assert store.app("x") is store.trunk("x") is store.number("1") is store.phone("1") is None
    assert store.prompt("demo", "x") is store.prompt("x", "welcome") is None
    assert store.numbers_of("x") == []


def test_applying_again_changes_nothing(store: ProvisioningStore) -> None:
    """Idempotent: a salted hash and a generated secret stay, and so does the generation."""
    first = apply(store, ALL)
    assert [change.change for change in first] == ["created"] * 7
    app, domain, generation = store.app("demo"), store.domain(DOMAIN.name), store.generation()
    again = store.apply(ALL, new_secret=lambda: "s2", new_signing_key=lambda: "pem2")
    assert [change.change for change in again] == ["unchanged"] * 7
    assert (store.app("demo"), store.generation()) == (app, generation)
    assert store.domain(DOMAIN.name) == domain


def test_a_domain_is_read_back(store: ProvisioningStore) -> None:
    """Its password as a hash; the keys that were not declared are made, each its own."""
    apply(store, ALL)
    domain = store.domain("one.example")
    assert domain is not None
    assert len(domain.reply_secret) == 64
    assert domain == Domain(
        name="one.example",
        callback_url="http://app.example/one",
        fallback_url="http://app.example/two",
        alarm_url=None,
        api_public_key="their pem",
        api_user="api",
        api_password_hash=hash_key("fedcba9876543210", b"salt"),
        signing_key="pem1",
        reply_secret=domain.reply_secret,
        webhook_secret="s1",
        voices={"Joanna": "en-US/female", "Brian": "en-GB/male"},
        max_session=600.0,
        allowed_destinations=("+46",),
        trunk="carrier",
    )
    apply(store, Declaration(domains=(replace(DOMAIN, name="two.example"),)))
    two = store.domain("two.example")
    assert two is not None
    assert two.reply_secret != domain.reply_secret
    assert store.domain("ONE.EXAMPLE") is None


def test_what_we_made_for_a_domain_stays(store: ProvisioningStore) -> None:
    """A declared key replaces it and then stays; replies always keep their secret."""
    apply(store, ALL)
    before = store.domain(DOMAIN.name)
    mine = replace(DOMAIN, signing_key="mine", webhook_secret="w", api_user=None, api_password=None)
    (change,) = apply(store, Declaration(domains=(mine,)))
    assert set(change.keys) == {"api_user", "api_password", "signing_key", "webhook_secret"}
    apply(store, Declaration(domains=(replace(mine, signing_key=None, webhook_secret=None),)))
    after = store.domain(DOMAIN.name)
    assert before is not None
    assert after is not None
    assert (after.signing_key, after.webhook_secret) == ("mine", "w")
    assert (after.api_user, after.api_password_hash) == (None, None)
    assert after.reply_secret == before.reply_secret


def test_keys_are_made_before_the_transaction(
    store: ProvisioningStore, connection: sqlite3.Connection
) -> None:
    """Making one takes long, and others write meanwhile; and only for a domain that has none."""
    made: list[bool] = []

    def new_key() -> str:
        made.append(connection.in_transaction)
        return "pem"

    for _ in range(2):
        store.apply(ALL, new_secret=lambda: "s", new_signing_key=new_key)
    assert made == [False]


def test_a_number_may_change_its_owner(store: ProvisioningStore) -> None:
    """From an app to a domain and back, never to both or none."""
    apply(store, ALL)
    apply(store, Declaration(numbers=(replace(IVR, number="46123"),)))
    assert store.numbers_of("demo") == []
    apply(store, Declaration(numbers=(NUMBER,)))
    assert store.numbers_of("demo") == [NUMBER]
    for bad in (replace(NUMBER, domain=DOMAIN.name), replace(NUMBER, app="")):
        with pytest.raises(StoreFailed, match="CHECK"):
            apply(store, Declaration(numbers=(bad,)))


def test_changes_are_named_without_their_values(store: ProvisioningStore) -> None:
    """An update lists the keys as they are declared, and the generation goes up by one."""
    apply(store, ALL)
    before = store.generation()
    changed = Declaration(
        apps=(replace(APP, key="another-key-0123", event_url="http://new.example/"),),
        trunks=(replace(TRUNK, password="quiet"),),
        prompts=(replace(PROMPT, path="prompts/y.wav", sha256="6b"),),
    )
    assert apply(store, changed) == [
        Change("app", "demo", "updated", ("event_url", "key")),
        Change("trunk", "carrier", "updated", ("password",)),
        Change("prompt", "demo/welcome", "updated", ("file",)),
    ]
    assert store.generation() == before + 1
    assert store.number("46123") == NUMBER


def test_a_secret_is_kept_until_another_is_declared(store: ProvisioningStore) -> None:
    """Generated once; a declared one replaces it; leaving it out again keeps that."""
    apply(store, Declaration(apps=(APP,)))
    assert apply(store, Declaration(apps=(replace(APP, webhook_secret="mine"),)))[0].keys == (
        "webhook_secret",
    )
    assert apply(store, Declaration(apps=(APP,)))[0].change == "unchanged"
    app = store.app("demo")
    assert app is not None
    assert app.webhook_secret == "mine"


@pytest.mark.parametrize(
    "bad",
    [
        Declaration(numbers=(replace(NUMBER, trunk="nowhere"),)),
        Declaration(numbers=(replace(NUMBER, app="nobody", trunk=None),)),
        Declaration(prompts=(replace(PROMPT, app="nobody"),)),
        Declaration(domains=(replace(DOMAIN, trunk="nowhere"),)),
        Declaration(numbers=(replace(IVR, domain="nobody"),)),
    ],
)
def test_all_or_nothing(
    store: ProvisioningStore, connection: sqlite3.Connection, bad: Declaration
) -> None:
    """A reference that goes nowhere takes back what was written before it."""
    declaration = replace(bad, apps=(APP,), trunks=(TRUNK,))
    with pytest.raises(StoreFailed, match="FOREIGN KEY"):
        apply(store, declaration)
    assert store.app("demo") is None
    assert store.trunks() == []
    assert store.generation() == 0
    assert not connection.in_transaction


def test_an_error_that_is_not_the_databases_is_rolled_back_too(
    store: ProvisioningStore, connection: sqlite3.Connection
) -> None:
    """Whatever breaks in the middle leaves no open transaction."""

    def broken() -> str:
        raise RuntimeError("no entropy")

    first = replace(APP, id="first", webhook_secret="mine")
    with pytest.raises(RuntimeError):
        store.apply(Declaration(apps=(first, APP)), new_secret=broken, new_signing_key=broken)
    assert store.app("first") is None
    assert not connection.in_transaction


def test_the_server_sees_it_at_once(store: ProvisioningStore, other: ProvisioningStore) -> None:
    """Another connection reads the new rows and the new generation."""
    assert other.generation() == 0
    apply(store, ALL)
    assert other.generation() == 1
    assert other.number("46123") == NUMBER


def test_a_busy_database_is_a_fault(
    store: ProvisioningStore, connection: sqlite3.Connection, other: ProvisioningStore
) -> None:
    """When somebody else writes for too long nothing is written, and it says so."""
    other._connection.execute("BEGIN IMMEDIATE")
    connection.execute("PRAGMA busy_timeout = 0")
    with pytest.raises(StoreFailed, match="locked"):
        apply(store, ALL)
    other._connection.execute("ROLLBACK")
    assert store.app("demo") is None


def test_lookups_use_an_index(connection: sqlite3.Connection) -> None:
    """No lookup of a request walks a table."""
    for sql, count in (
        (queries._APP, 1),
        (queries._DOMAIN, 1),
        (queries._NUMBER, 2),
        (queries._NUMBERS_AT, 1),
        (queries._NUMBERS_OF, 1),
        (queries._PROMPT, 2),
        (queries._PHONE, 1),
        (queries._TRUNK, 1),
    ):
        plan = connection.execute("EXPLAIN QUERY PLAN " + sql, ("x",) * count).fetchall()
        assert all(step[3].startswith("SEARCH") for step in plan), plan


def test_nothing_shows_a_secret(store: ProvisioningStore) -> None:
    """What the store gives can be logged."""
    apply(store, ALL)
    domain = store.domain(DOMAIN.name)
    assert domain is not None
    shown = repr([store.app("demo"), domain, store.trunks(), store.phones(), ALL])
    for secret in (APP.key, "sha256", "s1", "hush", "long-enough", "fedc", "pem1"):
        assert secret not in shown.replace("sha256='5a'", "")
    assert domain.reply_secret not in shown


def test_keys() -> None:
    """A key matches its own hash, whatever the salt; nothing else does."""
    assert key_matches("key", hash_key("key", b"a"))
    assert hash_key("key", b"a") != hash_key("key", b"b")
    for wrong in ("", "Key", "key ", "kéy"):
        assert not key_matches(wrong, hash_key("key", b"a"))
    assert not key_matches("key", "plain$$key")


def test_the_directory_sees_a_change_at_the_next_refresh(tmp_path: Path) -> None:
    """What was found is remembered until something changed; what was not found is asked again."""
    with closing(open_database(tmp_path / "x.db")) as connection:
        store = ProvisioningStore(connection)
        directory = Directory(store)
        assert directory.app("new") is None
        app = DeclaredApp(
            id="new",
            key="key-of-the-new-app-1",
            event_url="http://a.example/",
            webhook_encryption=None,
            webhook_encryption_format="base64",
            webhook_secret=None,
            allowed_destinations=(),
        )
        apply(store, Declaration(apps=(app,)))
        found = directory.app("new")
        assert found is not None
        changed = replace(app, event_url="http://b.example/")
        apply(store, Declaration(apps=(changed,)))
        assert directory.app("new") is found
        assert directory.refresh() == store.generation()
        again = directory.app("new")
        assert again is not None
        assert again.event_url == "http://b.example/"
