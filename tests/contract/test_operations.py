"""What operators ask: alive, ready, metrics, the OpenAPI document, the interactive page."""

from __future__ import annotations

import asyncio
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapter.contracts import http
from adapter.core.kept import KeptState
from tests.contract.stack import CALLEE, Stack, eventually
from tests.fakes.ari_model import Callee


async def samples(stack: Stack) -> dict[str, list[tuple[dict[str, str], float]]]:
    """All samples of /metrics, as the Prometheus parser reads them, by name."""
    answer = await stack.get("/metrics")
    assert answer.content_type == "text/plain"
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(await answer.text()):
        assert family.documentation, family.name
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def total(found: dict[str, list[tuple[dict[str, str], float]]], name: str, **labels: str) -> float:
    """The sum over the samples of a name that have these labels."""
    return sum(value for has, value in found[name] if labels.items() <= has.items())


async def ready(stack: Stack, status: int) -> bool:
    """Whether /readyz has this status now."""
    return (await stack.get("/readyz")).status == status


async def pending(stack: Stack, count: int) -> bool:
    """Whether so many webhooks are not acknowledged now."""
    return total(await samples(stack), "ari_voice_webhooks_pending") == count


async def test_alive_and_ready(stack: Stack) -> None:
    """Both are 200 without credentials."""
    for path, key in (("/livez", "alive"), ("/readyz", "ready")):
        answer = await stack.get(path)
        assert answer.status == 200
        assert (await answer.json())[key] is True


async def test_not_ready_without_asterisk(stack: Stack) -> None:
    """Without Asterisk /readyz is 503 with a reason, /livez stays 200; then it is ready again."""
    await stack.ari.refuse_connections()
    await eventually(lambda: ready(stack, 503))
    answer = await stack.get("/readyz")
    body = await answer.json()
    assert (body["ready"], body["reasons"][0].split(":")[0]) == (False, "asterisk")
    assert (await stack.get("/livez")).status == 200
    await stack.ari.listen()
    await eventually(lambda: ready(stack, 200))


async def test_drain(stack: Stack) -> None:
    """While draining: not ready, live calls go on; it ends with the last call."""
    call = await stack.connected()
    draining = asyncio.create_task(stack.adapter.drain(30))
    await asyncio.sleep(0)
    assert (await (await stack.get("/readyz")).json())["reasons"] == ["draining"]
    assert (await stack.say(call)).status == 200
    await stack.event(call, "playfinished")
    assert not draining.done()
    await stack.hang_up(call)
    await asyncio.wait_for(draining, 5)


async def test_inbound_call_while_draining(stack: Stack) -> None:
    """A call that comes in while draining is turned away so that the carrier tries elsewhere."""
    await stack.adapter.drain(0)
    stack.ari.inbound("15551000", caller="+1")
    await stack.ari.wait_for(lambda: stack.ari.count("hangup") == 1)
    assert stack.ari.seen("hangup")[0].query["reason"] == "congestion"


@pytest.mark.parametrize(
    "name",
    [
        "ari_voice_calls_active",
        "ari_voice_calls_total",
        "ari_voice_call_setup_seconds_bucket",
        "ari_voice_post_dial_delay_seconds_bucket",
        "ari_voice_ari_connected",
        "ari_voice_ari_connections_total",
        "ari_voice_ari_command_seconds_bucket",
        "ari_voice_webhooks_pending",
        "ari_voice_webhooks_delivered_total",
        "ari_voice_webhook_delivery_seconds_bucket",
        "ari_voice_tts_render_seconds_bucket",
        "ari_voice_tts_cache_total",
        "ari_voice_event_loop_lag_seconds_bucket",
    ],
)
async def test_metric_is_there_after_a_call(stack: Stack, name: str) -> None:
    """Each figure that operators are promised has a sample after one call with a prompt."""
    call = await stack.connected()
    await stack.say(call)
    await stack.event(call, "playfinished")
    await stack.hang_up(call)
    await stack.over(call)
    if "lag" in name:
        await asyncio.sleep(0.3)
    found = await samples(stack)
    assert found[name]


async def test_metrics_count(stack: Stack) -> None:
    """Calls active and by outcome, webhooks and speech are counted as they happen."""
    stack.ari.callee("+15559002", Callee.refuses(486))
    busy = (await stack.place(to="+15559002"))["voice_id"]
    await stack.over(busy)
    call = await stack.connected()
    await stack.offered()
    for _ in range(2):
        await stack.say(call)
        await stack.event(call, "playfinished", count=_ + 1)
    found = await samples(stack)
    assert total(found, "ari_voice_calls_active", direction="outbound") == 1
    assert total(found, "ari_voice_calls_active", direction="inbound") == 1
    assert total(found, "ari_voice_calls_total", cause="busy") == 1
    assert total(found, "ari_voice_tts_cache_total", result="miss") == 1
    assert total(found, "ari_voice_tts_cache_total", result="hit") >= 1
    assert total(found, "ari_voice_ari_connected") == 1
    assert total(found, "ari_voice_webhooks_delivered_total", event="playfinished") == 2
    assert total(found, "ari_voice_ari_command_seconds_count", verb="play", ok="yes") == 2


async def test_backlog_is_seen(stack: Stack) -> None:
    """Webhooks that can't be delivered are a backlog, and none when they are."""
    await stack.sink.down()
    call = (await stack.place())["voice_id"]
    await stack.answered(call)
    await eventually(lambda: pending(stack, 2))
    await stack.sink.up()
    await stack.event(call, "connected")
    await eventually(lambda: pending(stack, 0))


async def test_metrics_have_nobody_in_them(stack: Stack) -> None:
    """No telephone number, call id, app or address is a label: labels are few and not private."""
    call = await stack.connected(owner_ref="private-text")
    await stack.hang_up(call)
    await stack.over(call)
    text = await (await stack.get("/metrics")).text()
    for secret in (call, CALLEE.lstrip("+"), "private-text", "5f1c8a52e4b0", "/hook"):
        assert secret not in text


async def document(stack: Stack) -> Any:
    """/openapi.json"""
    return await (await stack.get("/openapi.json")).json()


async def test_document_is_openapi_3_1(stack: Stack) -> None:
    """It has what OpenAPI 3.1.0 asks for, its schemas are JSON Schema, all $refs lead on."""
    found = await document(stack)
    assert re.fullmatch(r"3\.1\.\d", found["openapi"])
    assert {"title", "version"} <= set(found["info"])
    for schema in found["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = await (await stack.get("/openapi.json")).text()
    for reference in re.findall(r'"\$ref": ?"([^"]+)"', text):
        assert reference.removeprefix("#/components/schemas/") in found["components"]["schemas"]
    operations = [
        operation
        for item in [*found["paths"].values(), *found["webhooks"].values()]
        for operation in item.values()
    ]
    ids = [operation["operationId"] for operation in operations if "operationId" in operation]
    assert len(ids) == len(set(ids))
    assert all(
        response["description"]
        for operation in operations
        for response in operation["responses"].values()
    )
    schemes = set(found["components"]["securitySchemes"])
    assert {name for o in operations for one in o.get("security", []) for name in one} == schemes


async def test_path_parameters_are_declared(stack: Stack) -> None:
    """Every {parameter} of a path is a required path parameter of its operations."""
    for path, item in (await document(stack))["paths"].items():
        for operation in item.values():
            declared = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path))


async def test_query_parameters_are_declared(stack: Stack) -> None:
    """Those of lists, of files and of the feed, each with a schema that says what it takes."""
    paths = (await document(stack))["paths"]
    declared = {
        (path, one["name"]): one["schema"]
        for path, item in paths.items()
        for operation in item.values()
        for one in operation.get("parameters", [])
        if one["in"] == "query"
    }
    assert "live" in declared["/admin/v1/calls", "state"]["enum"]
    assert set(declared["/admin/v1/recordings", "state"]["enum"]) == set(KeptState)
    assert declared["/admin/v1/apps", "limit"]["maximum"] == 500
    assert declared["/voice/v1/recording/{recording_id}", "channels"]["enum"] == [1, 2]
    assert ("/admin/v1/webhooks/replay", "since") in declared
    assert ("/voice/v1/events", "wait") in declared
    assert any(name == "token" for _, name in declared)
    assert "$ref" not in json.dumps(list(declared.values()))


def test_nobody_reads_the_query_himself() -> None:
    """So that each parameter stands in the document: `read_query` is the only way to them."""
    readers = {
        path.name
        for path in Path(http.__file__).parent.rglob("*.py")
        if re.search(r"\.query\b(?!,)", path.read_text())
    }
    assert readers == {"http.py", "openapi.py"}


@pytest.mark.parametrize("status", [401, 413])
async def test_errors_that_every_request_can_have(stack: Stack, status: int) -> None:
    """401 is documented everywhere, 413 wherever EnableX takes a body (Mediaservice says 400)."""
    for path, item in (await document(stack))["paths"].items():
        if status == 413 and not path.startswith("/voice/"):
            continue
        for method, operation in item.items():
            public = operation.get("security") == []  # preflights and signed links
            if (status == 401 and not public) or (status == 413 and "requestBody" in operation):
                assert str(status) in operation["responses"], (method, path)


class References(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One tag."""
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


async def test_docs_work_offline(stack: Stack) -> None:
    """The page loads only what this server has, and its policy keeps the browser to that."""
    page = await stack.get("/docs")
    assert page.status == 200
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    references = References()
    references.feed(await page.text())
    assert len(references.found) >= 3
    for reference in references.found:
        whole = urljoin(f"{stack.url}/docs", reference)
        assert urlsplit(whole).netloc == urlsplit(stack.url).netloc
        loaded = await stack.get(urlsplit(whole).path)
        assert loaded.status == 200
        assert loaded.content_type in ("text/css", "text/javascript", "application/javascript")
        text = await loaded.text()
        assert "/openapi.json" in text or len(text) > 10_000
    await _styles_stay_here(stack)


async def _styles_stay_here(stack: Stack) -> None:
    style = await (await stack.get("/docs/static/swagger-ui.css")).text()
    for url in re.findall(r"url\(['\"]?([^)'\"]+)", style):
        assert url.startswith(("data:", "#")), url


async def test_static_files_stay_in_their_folder(stack: Stack) -> None:
    """Nothing outside the folder of the page can be had."""
    for path in ("/docs/static/../__init__.py", "/docs/static/%2e%2e/__init__.py", "/docs/static/"):
        assert (await stack.get(path)).status in (403, 404)
