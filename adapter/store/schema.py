"""The schema of the database, as migrations that run at start (sqlite-utils).

A migration that has landed is never edited: add the next one. The tables:

* ``call``, ``journal``: the engine's rows and their history (`adapter.store.calls`).
* ``outbox``, ``delivery``, ``webhook_endpoint``: webhooks to send (`adapter.store.outbox`) and to
  be read (`adapter.store.feed`).
* ``answer``: replies that are kept for repetitions of their requests (`adapter.store.answers`).
* ``app``, ``domain``, ``trunk``, ``number``, ``prompt``, ``phone``, ``meta``: what `ari-voice
  apply` declares (`adapter.store.provisioning`).
* ``recording``: recordings of calls and where their files are (`adapter.store.recordings`).

Times are seconds since the epoch (REAL), flags are 0 or 1, lists and objects are JSON text.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("ari-voice-adapter")

_FOUNDATION = """
CREATE TABLE call (
    id TEXT PRIMARY KEY,            -- public id, a UUID with the cell in its last group
    contract TEXT NOT NULL,         -- front end that words its notices
    owner TEXT NOT NULL,            -- tenant of that front end (EnableX: app id)
    live INTEGER NOT NULL,          -- 1 until the terminal event
    version INTEGER NOT NULL,       -- number of inputs applied
    created_at REAL NOT NULL,
    ended_at REAL,
    body TEXT NOT NULL              -- the Call of adapter.core.model, as JSON
) WITHOUT ROWID;
CREATE INDEX call_live ON call (live) WHERE live = 1;
CREATE INDEX call_ended ON call (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE journal (
    call TEXT NOT NULL,
    version INTEGER NOT NULL,       -- the version of the call that this input made
    at REAL NOT NULL,
    body TEXT NOT NULL,             -- input, state before and after, effects, notices
    PRIMARY KEY (call, version)
) WITHOUT ROWID;

CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,        -- webhook-id, the same over all retries
    lane TEXT NOT NULL,             -- deliveries of one lane keep their order; the call id
    contract TEXT NOT NULL,
    owner TEXT NOT NULL,
    event TEXT NOT NULL,            -- name of the event, for people and metrics
    url TEXT NOT NULL,
    body TEXT NOT NULL,             -- JSON as worded by the contract, before signing and encryption
    created_at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL,          -- not before
    done_at REAL
);
CREATE INDEX outbox_pending ON outbox (lane, seq) WHERE state = 'pending';
CREATE INDEX outbox_dead ON outbox (seq) WHERE state = 'dead';
CREATE INDEX outbox_lane ON outbox (lane, seq);
CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;

CREATE TABLE delivery (             -- each attempt, for `ari-voice why` and the dead letters
    seq INTEGER NOT NULL REFERENCES outbox (seq) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    at REAL NOT NULL,
    duration REAL NOT NULL,         -- seconds
    status INTEGER,                 -- HTTP status, NULL when there was no answer
    error TEXT,
    PRIMARY KEY (seq, attempt)
) WITHOUT ROWID;

CREATE TABLE webhook_endpoint (     -- only the ones that answered 410 Gone
    owner TEXT NOT NULL,
    url TEXT NOT NULL,
    disabled_at REAL NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (owner, url)
) WITHOUT ROWID;

CREATE TABLE app (
    id TEXT PRIMARY KEY,
    key_hash TEXT NOT NULL,
    event_url TEXT,
    webhook_encryption TEXT,        -- NULL, or aes-128-cbc | aes-192-cbc | aes-256-cbc
    webhook_encryption_format TEXT NOT NULL DEFAULT 'base64',
    webhook_secret TEXT NOT NULL,   -- Standard Webhooks: whsec_ + base64
    allowed_destinations TEXT NOT NULL DEFAULT '[]',
    max_concurrent_calls INTEGER,
    calls_per_second REAL
) WITHOUT ROWID;

CREATE TABLE trunk (
    name TEXT PRIMARY KEY,
    uri TEXT NOT NULL,
    username TEXT,
    password TEXT,
    register INTEGER NOT NULL DEFAULT 0,
    match TEXT NOT NULL DEFAULT '[]',
    caller_id_header TEXT NOT NULL DEFAULT 'from'
) WITHOUT ROWID;

CREATE TABLE number (
    number TEXT PRIMARY KEY,        -- digits without a leading +
    app TEXT NOT NULL REFERENCES app (id),
    event_url TEXT,
    trunk TEXT REFERENCES trunk (name),
    inbound INTEGER NOT NULL DEFAULT 1,
    outbound INTEGER NOT NULL DEFAULT 1,
    greeting TEXT,
    outbound_greeting TEXT,
    accept_timeout REAL NOT NULL DEFAULT 30
) WITHOUT ROWID;
CREATE INDEX number_app ON number (app);

CREATE TABLE prompt (
    app TEXT NOT NULL REFERENCES app (id),
    name TEXT NOT NULL,
    path TEXT NOT NULL,             -- below media.folder
    sha256 TEXT NOT NULL,
    PRIMARY KEY (app, name)
) WITHOUT ROWID;

CREATE TABLE phone (
    extension TEXT PRIMARY KEY,
    password TEXT NOT NULL,
    name TEXT,
    recording INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('provisioning_generation', '0');
"""


_DOMAINS = """
CREATE TABLE domain (               -- tenants whose application is asked (Mediaservice)
    name TEXT PRIMARY KEY,
    callback_url TEXT NOT NULL,
    fallback_url TEXT,
    alarm_url TEXT,
    api_public_key TEXT NOT NULL,   -- PEM, SubjectPublicKeyInfo
    api_user TEXT,
    api_password_hash TEXT,
    signing_key TEXT NOT NULL,      -- PEM, PKCS #8
    reply_secret TEXT NOT NULL,     -- made once, with the row
    webhook_secret TEXT NOT NULL,
    voices TEXT NOT NULL DEFAULT '{}',
    max_session REAL NOT NULL DEFAULT 14400,
    allowed_destinations TEXT NOT NULL DEFAULT '[]',
    trunk TEXT REFERENCES trunk (name),
    CHECK ((api_user IS NULL) = (api_password_hash IS NULL))
) WITHOUT ROWID;

CREATE TABLE number_of_either (     -- SQLite cannot drop a NOT NULL: the table is made anew
    number TEXT PRIMARY KEY,        -- digits without a leading +
    app TEXT REFERENCES app (id),
    domain TEXT REFERENCES domain (name),
    service TEXT NOT NULL DEFAULT 'voice' CHECK (service IN ('voice', 'ivr')),
    event_url TEXT,
    trunk TEXT REFERENCES trunk (name),
    inbound INTEGER NOT NULL DEFAULT 1,
    outbound INTEGER NOT NULL DEFAULT 1,
    greeting TEXT,
    outbound_greeting TEXT,
    accept_timeout REAL NOT NULL DEFAULT 30,
    CHECK ((app IS NULL) <> (domain IS NULL))
) WITHOUT ROWID;
INSERT INTO number_of_either
    (number, app, event_url, trunk, inbound, outbound, greeting, outbound_greeting, accept_timeout)
SELECT number, app, event_url, trunk, inbound, outbound, greeting, outbound_greeting, accept_timeout
FROM number;
DROP TABLE number;
ALTER TABLE number_of_either RENAME TO number;
CREATE INDEX number_app ON number (app);
"""

_LEANER_OUTBOX = """
CREATE TABLE outbox_leaner (        -- as it was, without what each new row paid for
    seq INTEGER PRIMARY KEY,        -- no AUTOINCREMENT: it writes a page of its own for each row
    id TEXT NOT NULL,               -- webhook-id, made of the lane, the same over all retries
    lane TEXT NOT NULL,
    contract TEXT NOT NULL,
    owner TEXT NOT NULL,
    event TEXT NOT NULL,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at REAL NOT NULL,
    done_at REAL
);
CREATE TABLE delivery_leaner (
    seq INTEGER NOT NULL REFERENCES outbox_leaner (seq) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    at REAL NOT NULL,
    duration REAL NOT NULL,
    status INTEGER,
    error TEXT,
    PRIMARY KEY (seq, attempt)
) WITHOUT ROWID;
INSERT INTO outbox_leaner
    (seq, id, lane, contract, owner, event, url, body,
     created_at, state, attempts, next_at, done_at)
SELECT seq, id, lane, contract, owner, event, url, body,
    created_at, state, attempts, next_at, done_at
FROM outbox;
INSERT INTO delivery_leaner (seq, attempt, at, duration, status, error)
SELECT seq, attempt, at, duration, status, error FROM delivery;
DROP TABLE delivery;
DROP TABLE outbox;
ALTER TABLE outbox_leaner RENAME TO outbox;
ALTER TABLE delivery_leaner RENAME TO delivery;
CREATE UNIQUE INDEX outbox_id ON outbox (lane, id);
CREATE INDEX outbox_pending ON outbox (lane, seq) WHERE state = 'pending';
CREATE INDEX outbox_dead ON outbox (seq) WHERE state = 'dead';
CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;
"""


@migrations(name="0001_foundation")
def foundation(db: Database) -> None:
    """Calls, journal, outbox and provisioning."""
    _run(db, _FOUNDATION)


@migrations(name="0002_domains")
def domains(db: Database) -> None:
    """Domains; a number belongs to an app or to a domain."""
    _run(db, _DOMAINS)


@migrations(name="0003_leaner_outbox")
def leaner_outbox(db: Database) -> None:
    """The outbox writes fewer pages for each webhook (decision 0011)."""
    _run(db, _LEANER_OUTBOX)


_IDEMPOTENCY = """
CREATE TABLE answer (               -- of requests with an Idempotency-Key
    contract TEXT NOT NULL,
    owner TEXT NOT NULL,            -- tenant of that front end; the key is his
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,      -- of the request
    status INTEGER NOT NULL,        -- HTTP
    body TEXT NOT NULL,             -- JSON, as it was sent
    at REAL NOT NULL,
    PRIMARY KEY (contract, owner, key)
) WITHOUT ROWID;
CREATE INDEX answer_at ON answer (at);
"""


@migrations(name="0004_idempotency")
def idempotency(db: Database) -> None:
    """Answers that are kept."""
    _run(db, _IDEMPOTENCY)


_RECORDINGS = """
CREATE TABLE recording (
    id TEXT PRIMARY KEY,            -- public id
    contract TEXT NOT NULL,
    owner TEXT NOT NULL,
    call TEXT NOT NULL,
    name TEXT,                      -- the customer's, used once; NULL when it gave none
    state TEXT NOT NULL CHECK (state IN ('running', 'saved', 'failed')),
    created_at REAL NOT NULL,
    stem TEXT,                      -- of its files, below recordings.folder; NULL before the start
    seconds REAL,                   -- this and the rest: of the mixed file, once it is saved
    size INTEGER,
    sha256 TEXT,
    repaired INTEGER,
    CHECK ((state = 'saved') = (sha256 IS NOT NULL))
) WITHOUT ROWID;
CREATE UNIQUE INDEX recording_name ON recording (contract, owner, name) WHERE state <> 'failed';
CREATE INDEX recording_created ON recording (created_at);
"""


@migrations(name="0005_recordings")
def recordings(db: Database) -> None:
    """Recordings of calls."""
    _run(db, _RECORDINGS)


@migrations(name="0006_feed")
def feed(db: Database) -> None:
    """The messages of one tenant, in order."""
    db.execute("CREATE INDEX outbox_owner ON outbox (contract, owner, seq)")


_LIMITS = """
ALTER TABLE app ADD COLUMN suspended_at REAL;
ALTER TABLE app ADD COLUMN hang_up INTEGER NOT NULL DEFAULT 0;
"""


@migrations(name="0007_limits")
def limits(db: Database) -> None:
    """Apps can be suspended, and their live calls ended with that."""
    _run(db, _LIMITS)


_PINS = """
CREATE TABLE number_with_pin (      -- SQLite cannot change a primary key: the table is made anew
    number TEXT NOT NULL,           -- digits without a leading +
    pin TEXT NOT NULL DEFAULT '',   -- digits; '' when the number is not shared
    app TEXT REFERENCES app (id),
    domain TEXT REFERENCES domain (name),
    service TEXT NOT NULL DEFAULT 'voice' CHECK (service IN ('voice', 'ivr')),
    event_url TEXT,
    trunk TEXT REFERENCES trunk (name),
    inbound INTEGER NOT NULL DEFAULT 1,
    outbound INTEGER NOT NULL DEFAULT 1,
    greeting TEXT,
    outbound_greeting TEXT,
    accept_timeout REAL NOT NULL DEFAULT 30,
    pin_prompt TEXT,
    pin_retry_prompt TEXT,
    pin_goodbye_prompt TEXT,
    voicemail_detection INTEGER NOT NULL DEFAULT 0,
    name TEXT GENERATED ALWAYS AS (number || CASE pin WHEN '' THEN '' ELSE '*' || pin END),
    PRIMARY KEY (number, pin),
    CHECK ((app IS NULL) <> (domain IS NULL))
) WITHOUT ROWID;
INSERT INTO number_with_pin
    (number, app, domain, service, event_url, trunk, inbound, outbound, greeting,
     outbound_greeting, accept_timeout)
SELECT number, app, domain, service, event_url, trunk, inbound, outbound, greeting,
    outbound_greeting, accept_timeout
FROM number;
DROP TABLE number;
ALTER TABLE number_with_pin RENAME TO number;
CREATE INDEX number_app ON number (app);
"""


@migrations(name="0008_pins")
def pins(db: Database) -> None:
    """Several apps share a number, each with a PIN; numbers look for answering machines."""
    _run(db, _PINS)


_SRTP = """
ALTER TABLE trunk ADD COLUMN srtp INTEGER NOT NULL DEFAULT 0;
ALTER TABLE phone ADD COLUMN srtp INTEGER NOT NULL DEFAULT 0;
"""


@migrations(name="0009_srtp")
def srtp(db: Database) -> None:
    """Trunks and phones whose audio has to be encrypted."""
    _run(db, _SRTP)


@migrations(name="0010_call_created")
def call_created(db: Database) -> None:
    """Pages of calls, the latest first."""
    db.execute("CREATE INDEX call_created ON call (created_at, id)")


def _run(db: Database, script: str) -> None:
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)
