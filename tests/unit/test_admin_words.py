"""The admin API's words: every reply is free of secrets, every parameter is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from adapter.commands.checks import check_prompt, checks, read_prompt
from adapter.contracts.admin import bodies, errors, paging, words
from adapter.contracts.admin.calls import CallQuery
from adapter.contracts.admin.known import NothingKnown
from adapter.contracts.admin.models import MODELS, MODELS_OVER_HTTP
from adapter.contracts.admin.paging import PageQuery
from adapter.contracts.admin.parse import ProvisioningInvalid, parse_tables
from adapter.contracts.admin.provisioning import COLLECTIONS
from adapter.contracts.admin.server import ROUTES
from adapter.contracts.http import BadQuery, read_query
from adapter.media import decoding
from adapter.outbox.egress import Policy
from adapter.store.history import Webhook
from tests.unit.test_wav import riff

HIDDEN = {"password", "signing_key", "reply_secret", "key_hash", "api_password"}


def request(query: str) -> Any:
    return make_mocked_request("GET", f"/x?{query}")


def test_no_reply_has_a_field_for_a_secret() -> None:
    """But the two that a PUT may have made; what a model leaves out can't be sent by accident."""
    models = {model for route in ROUTES for model in route.replies.values() if model}
    assert len(models) > 15
    names = {field.name for model in models for field in msgspec.structs.fields(model)}
    assert not HIDDEN & names
    assert {"key", "webhook_secret"} == names & {"key", "webhook_secret"}


def test_every_kind_of_a_file_is_a_collection() -> None:
    """What a file declares the API has, by the same models; prompts are audio there."""
    assert {of.kind for of in COLLECTIONS} == MODELS.keys() - {"prompt"} == MODELS_OVER_HTTP.keys()
    for kind, model in MODELS_OVER_HTTP.items():
        fields = {field.name for field in msgspec.structs.fields(model)}
        assert fields == {field.name for field in msgspec.structs.fields(MODELS[kind])}


def test_limits_and_pages() -> None:
    """A page has what fits, and knows whether there is more."""
    assert read_query(request(""), PageQuery) == PageQuery(limit=100, after="")
    assert read_query(request("limit=500"), PageQuery).limit == paging.LARGEST
    assert paging.cut(["a", "b", "c"], 2, str) == (["a", "b"], "b")
    assert paging.cut(["a", "b"], 2, str) == (["a", "b"], None)
    assert paging.cut([], 2, str) == ([], None)


@pytest.mark.parametrize("limit", ["0", "501", "x", "1.5", "-1", "9" * 5000, "%D9%A3", "+1", " 1"])
def test_wrong_limits(limit: str) -> None:
    """Refused, naming the field."""
    with pytest.raises(BadQuery) as bad:
        read_query(request(f"limit={limit}"), PageQuery)
    assert bad.value.field == "limit"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:01:00%2B01:00", 60.0),
        ("1970-01-01", 0.0),
        ("", None),
    ],
)
def test_times(text: str, at: float | None) -> None:
    """ISO 8601; without a zone it is UTC."""
    assert paging.time_of(unquote(text), "since") == at


@pytest.mark.parametrize("text", ["x", "12", "2026-13-01", "%00"])
def test_wrong_times(text: str) -> None:
    """400 with the field, whatever datetime makes of it."""
    with pytest.raises(errors.Problem) as problem:
        paging.time_of(unquote(text), "since")
    assert problem.value.field == "since"


def test_texts_are_limited() -> None:
    """Neither long ones nor NULs come to the database."""
    assert read_query(request("app=x"), CallQuery).app == "x"
    for text in ("x" * 301, "%00", "x%00y", "x%0A%00"):
        with pytest.raises(BadQuery) as bad:
            read_query(request(f"app={text}"), CallQuery)
        assert bad.value.field == "app"


def test_urls_of_webhooks_keep_no_tokens() -> None:
    """Neither a query nor credentials are shown."""
    row = Webhook(
        "w", "c", "enablex", "demo", "ringing", "https://user:hush@x.example:9/p?token=hush",
        "pending", 0, 0.0, 5.0, None, None,
    )  # fmt: skip
    shown = words.webhook(row)
    assert shown.url == "https://x.example:9/p"
    assert shown.next_at == "1970-01-01T00:00:05.000Z"
    assert isinstance(shown, bodies.WebhookReply)


def test_checks_of_other_parts(tmp_path: Path) -> None:
    """Addresses that are not public, secrets that are none and files that are no audio."""
    made = checks(Policy.parse(()))
    with pytest.raises(ValueError, match=r"webhooks\.allow"):
        made.url("http://127.0.0.1/")
    with pytest.raises(ValueError, match="whsec_"):
        made.secret("hush")
    file = tmp_path / "a.wav"
    file.write_bytes(riff(bytes(1600), 8000, 1, 16))
    check_prompt(file)
    file.write_bytes(b"hello")
    with pytest.raises(ValueError, match="not a WAV file"):
        made.prompt(file)


def test_no_more_is_read_than_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an endless file only as much as shows that it is too large."""
    monkeypatch.setattr(decoding, "LARGEST", 10)
    assert len(read_prompt(Path("/dev/zero"))) == 11
    with pytest.raises(ValueError, match="larger"):
        check_prompt(Path("/dev/zero"))


def test_tables_without_a_file() -> None:
    """What is wrong is found as in a file, with the table's place."""
    tables = {"app": [{"id": "a"}], "prompt": []}
    with pytest.raises(ProvisioningInvalid) as invalid:
        parse_tables(tables, "", Path(), NothingKnown(), checks(Policy.parse(())), MODELS_OVER_HTTP)
    assert [str(finding) for finding in invalid.value.findings] == ["prompt: unknown key"]
