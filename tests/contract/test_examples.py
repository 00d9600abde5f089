"""Each example of the EnableX Voice document: sent as a request, or compared with what we say.

The examples are in tests/contract/examples, each with its original; `scenes` leads up to them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import aiohttp
import pytest

from adapter.front_ends import openapi_document
from tests.conformance.examples import CREDENTIALS, Example, load, parse
from tests.conformance.table import ENABLEX_VOICE, Row, rows
from tests.contract.scenes import EVENTS, REPLIES, REQUESTS
from tests.contract.stack import APP, KEY, Stack

ROWS: Mapping[str, Row] = {row.id: row for row in rows(ENABLEX_VOICE)}
SCENES = {"request": REQUESTS, "reply": REPLIES, "error": REPLIES, "event": EVENTS}
SAID = ("state", "status", "playstate", "result", "reason", "direction", "digit")
REAL_ID = "f1aa71c0-8f2a-4fe8-b5ef-9a330454ef58"


def tables(example: Example, variant: str) -> list[Row]:
    """The tables of keys that this message has to have in full; a request need not."""
    of = [row for row in ROWS.values() if row.of == example.row and not row.schema]
    return [row for row in of if row.variant in ("", variant)]


def cases(*kinds: str) -> Iterator[Any]:
    """The examples of these kinds, each variant a test that proves its rows."""
    for example in load(ENABLEX_VOICE):
        if ROWS[example.row].kind in kinds:
            for variant in example.examples:
                proved = [example.row, *(row.id for row in tables(example, variant))]
                mark = pytest.mark.contract(ENABLEX_VOICE, *proved)
                yield pytest.param(example, variant, id=f"{example.name}-{variant}", marks=mark)


def like(wanted: Any, ours: Any, path: str = "$") -> None:
    """Each key of the example is in ours, with the same type; where it is a word, the same one."""
    assert type(ours) is type(wanted), (path, wanted, ours)
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            assert key in ours, f"{path}.{key}"
            like(value, ours[key], f"{path}.{key}")
            if key in SAID and not isinstance(value, dict):
                assert ours[key] == value, f"{path}.{key}"


def has_keys(body: Mapping[str, Any], example: Example, variant: str) -> None:
    """Each key of the document's tables is in a message."""
    for table in tables(example, variant):
        assert not set(table.keys) - set(body), table.id


async def send(stack: Stack, request: Mapping[str, Any], named: str) -> tuple[int, str, bytes]:
    """Send a request as it stands, for the call or recording that is there in place of its own.

    Its webhook comes to us, and it is spoken in a language that the scripted synthesiser has.
    """
    body = json.dumps(request["body"]) if request["body"] is not None else ""
    body = body.replace("https://yourserver.com/webhook", stack.sink.url("/webhook"))
    body = body.replace("es-US", "en-US")
    url = request["url"].replace(REAL_ID, named)
    async with (
        aiohttp.ClientSession(stack.url) as session,
        session.request(
            request["method"], url, headers=request["headers"], data=body or None
        ) as answer,
    ):
        return answer.status, answer.content_type, await answer.read()


@pytest.mark.parametrize(("example", "variant"), [*cases("request")])
async def test_request(stack: Stack, example: Example, variant: str) -> None:
    """The request is taken as it stands in the document."""
    named = await REQUESTS[example.name](stack)
    status, kind, body = await send(stack, example.examples[variant], named)
    assert status == 200, body
    if example.row == "download.request":
        assert (kind, body[:4]) == ("audio/wav", b"RIFF")
    else:
        assert kind == "application/json"
        assert isinstance(json.loads(body), dict)


@pytest.mark.parametrize(("example", "variant"), [*cases("reply", "error")])
async def test_reply(stack: Stack, example: Example, variant: str) -> None:
    """Our reply has the example's status, keys, types and words; an error has its `msg` too."""
    wanted = example.examples[variant]
    reply = await REPLIES[example.name](stack, variant)
    assert reply.status == wanted["status"], reply
    like(wanted["body"], reply.body)
    has_keys(reply.body, example, variant)
    if ROWS[example.row].kind == "error" and example.name not in ("dial-error", "play-error"):
        assert reply["msg"] == wanted["body"]["msg"]


@pytest.mark.parametrize(("example", "variant"), [*cases("event")])
async def test_event(stack: Stack, example: Example, variant: str) -> None:
    """Our webhook has the example's keys, types and words."""
    event = await EVENTS[example.name](stack, variant)
    like(example.examples[variant], event)
    has_keys(event, example, variant)


def requests_with_keys() -> Iterator[Any]:
    """The tables of keys of requests."""
    for row in ROWS.values():
        if row.schema:
            yield pytest.param(row, id=row.id, marks=pytest.mark.contract(ENABLEX_VOICE, row.id))


@pytest.mark.parametrize("row", [*requests_with_keys()])
def test_keys_of_a_request(row: Row) -> None:
    """Each key of the table is in the request's schema in /openapi.json, at its place."""
    schemas = openapi_document()["components"]["schemas"]
    for key in row.keys:
        schema = schemas[row.schema]
        for name in key.split("."):
            known = _object(schema, schemas)["properties"]
            assert name in known, key
            schema = known[name]


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object that a schema is, or may be, or names."""
    if "properties" in schema:
        return schema
    (named,) = re.findall(r"#/components/schemas/(\w+)", json.dumps(schema))
    found: Mapping[str, Any] = schemas[named]
    return found


def mandatory() -> Iterator[Any]:
    """Each key without which a request is refused."""
    for row in ROWS.values():
        mark = pytest.mark.contract(ENABLEX_VOICE, row.id)
        for key in row.mandatory:
            yield pytest.param(row, key, id=f"{row.id}-{key}", marks=mark)


@pytest.mark.parametrize(("row", "key"), [*mandatory()])
async def test_mandatory_key(stack: Stack, row: Row, key: str) -> None:
    """Without a mandatory key the request is refused with 400; it names the key."""
    (example,) = (one for one in load(ENABLEX_VOICE) if one.row == row.of)
    request = next(iter(example.examples.values()))
    body = {name: value for name, value in request["body"].items() if name != key}
    named = await REQUESTS[example.name](stack)
    status, _, answer = await send(stack, request | {"body": body}, named)
    assert status == 400
    assert key in json.loads(answer)["msg"]


@pytest.mark.parametrize("example", load(ENABLEX_VOICE), ids=lambda example: example.name)
def test_corrections_are_all_there_are(example: Example) -> None:
    """The original, with its corrections and no other change, says what the example says."""
    assert {name: parse(example.corrected(name)) for name in example.examples} == example.examples
    assert example.examples


def test_examples_and_scenes_are_the_same() -> None:
    """Each example is tested, each scene has its example, and credentials are the stack's."""
    for example in load(ENABLEX_VOICE):
        assert example.name in SCENES[ROWS[example.row].kind]
    scenes = {*REQUESTS, *REPLIES, *EVENTS}
    assert scenes == {example.name for example in load(ENABLEX_VOICE)}
    assert f"Basic {CREDENTIALS}" == aiohttp.encode_basic_auth(APP, KEY)
