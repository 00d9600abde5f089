"""Schemathesis against the running adapter's own document, with a fake Asterisk behind it.

The adapter runs in a thread of its own, because schemathesis asks over blocking HTTP. The examples
are the same in each run, so that a failure is one of the change that made it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode

from tests.contract.stack import APP, CALLEE, KEY, RINGS, Stack
from tests.fakes.ami import FakeAmi
from tests.fakes.ari_server import FakeAri
from tests.fakes.webhook_sink import WebhookSink

T = TypeVar("T")
EXAMPLES = 60
OPERATIONS = (
    ("POST", "/voice/v1/call"),
    ("GET", "/voice/v1/call/{voice_id}"),
    ("DELETE", "/voice/v1/call/{voice_id}"),
    ("PUT", "/voice/v1/call/{voice_id}/accept"),
    ("POST", "/voice/v1/call/{voice_id}/accept"),
    ("PUT", "/voice/v1/call/{voice_id}/play"),
    ("POST", "/voice/v1/call/{voice_id}/play"),
    ("PUT", "/voice/v1/call/{voice_id}/connect"),
    ("POST", "/voice/v1/call/{voice_id}/connect"),
    ("PUT", "/voice/v1/call/{voice_id}/transfer"),
    ("PUT", "/voice/v1/call/{voice_id}/forward"),
    ("PUT", "/voice/v1/call/{voice_id}/hold"),
    ("POST", "/voice/v1/call/{voice_id}/hold"),
    ("PUT", "/voice/v1/call/{voice_id}/recording"),
    ("GET", "/voice/v1/recording/{recording_id}"),
    ("HEAD", "/voice/v1/recording/{recording_id}"),
    ("DELETE", "/voice/v1/recording/{recording_id}"),
    ("GET", "/voice/v1/recordubg/{recording_id}"),
    ("HEAD", "/voice/v1/recordubg/{recording_id}"),
    ("POST", "/voice/v1/calls"),
    ("GET", "/voice/v1/calls/{voice_id}"),
    ("DELETE", "/voice/v1/calls/{voice_id}"),
    ("POST", "/voice/v1/calls/{voice_id}"),
    ("GET", "/voice/v1/events"),
)
NO_ROUTE = (404, 405)  # of a parameter that makes another path
load_all_checks()
CONFORM = [
    CHECKS.get_one(name)
    for name in (
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
    )
]


class Running:
    """A stack in a thread."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.ari, self.ami, self.sink = FakeAri(), FakeAmi(), WebhookSink()
        self.stack = Stack(folder, self.ari, self.ami, self.sink)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something over there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def start(self) -> None:
        """Start everything."""
        await self.ari.listen()
        await self.ami.listen()
        await self.sink.start()
        self.stack.configure()
        self.stack.provision()
        await self.stack.start()

    async def stop(self) -> None:
        """Stop everything."""
        await self.stack.stop()
        await self.sink.stop()
        await self.ami.close()
        await self.ari.__aexit__()

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, plug_in: str) -> Iterator[Running]:
    """An adapter in a thread, for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(plug_in)
        running = Running(tmp_path_factory.mktemp("fuzz"))
        running.do(running.start())
        try:
            yield running
        finally:
            running.do(running.stop())
            running.close()


@pytest.fixture(scope="module")
def schema(running: Running) -> Any:
    """The document, as schemathesis reads it."""
    return schemathesis.openapi.from_url(f"{running.stack.url}/openapi.json")


def test_document_is_valid(schema: Any) -> None:
    """Schemathesis finds the document valid; all of EnableX's operations in it are tested here."""
    schema.validate()
    found = {
        (result.ok().method.upper(), result.ok().path)
        for result in schema.get_all_operations()
        if result.ok().path.startswith("/voice/")
    }
    assert found == set(OPERATIONS)


def fuzz(running: Running, strategy: Any, check: Callable[[Any, bool], None]) -> None:
    """Run one strategy through a check; `live` says whether to aim at a call that is up."""

    @given(case=strategy, live=st.booleans())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Any, live: bool) -> None:
        check(case, live)

    run()
    assert requests.get(f"{running.stack.url}/readyz", timeout=5).status_code == 200


async def aimed(stack: Stack, path: str) -> dict[str, str]:
    """Parameters of a path that lead to something: a call that is up, a recording of it."""
    if "{" not in path:
        return {}
    call = await stack.connected()
    if "{voice_id}" in path:
        return {"voice_id": call}
    started = await stack.ask("PUT", f"/call/{call}/recording", {"start": True})
    await stack.hang_up(call)
    await stack.over(call)
    return {"recording_id": started["recording_id"]}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda text: text.split("}/")[-1])
def test_every_answer_is_as_documented(
    running: Running,
    schema: Any,
    method: str,
    path: str,
    mode: GenerationMode,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No undocumented status, no 500, no other JSON than the contract's, whatever is sent."""
    stack = running.stack
    aim = running.do(aimed(stack, path))

    def check(case: Any, live: bool) -> None:
        if live:
            case.path_parameters.update(aim)
        if live and isinstance(case.body, dict):
            case.body |= {"from": RINGS, "to": CALLEE, "transfer_to": CALLEE}
            case.body.pop("event_url", None)
        case.headers.pop("Authorization", None)
        case.query.pop("wait", None)  # it would be waited for
        response = case.call(base_url=stack.url, auth=(APP, KEY), timeout=10)
        if (
            response.status_code in NO_ROUTE
            and str(response.status_code) not in (schema[path][method].definition.raw["responses"])
        ):
            assert response.json()["status"] == "failed"
            return
        case.validate_response(response, checks=CONFORM)

    fuzz(running, schema[path][method].as_strategy(generation_mode=mode), check)
    assert not [record for record in caplog.records if record.exc_info]
