"""The admin API of a running adapter, as an operator's program uses it."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec
from jsonschema import Draft202012Validator
from yarl import URL

from adapter.front_ends import openapi_document
from tests.contract.stack import Stack

TOKEN = "token-of-the-operator-000001"
SETTINGS = f'[admin]\ntoken = "{TOKEN}"\n'
BASE = "/admin/v1"

_document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(openapi_document()))


class AdminApi:
    """One stack's admin API. Every JSON reply is validated against the OpenAPI document."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    async def raw(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        token: str | None = TOKEN,
        base: str = BASE,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers of one request."""
        given = {"Authorization": f"Bearer {token}"} if token is not None else {}
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method,
                URL(f"{self.stack.url}{base}{path}", encoded=True),
                data=io.BytesIO(data) if isinstance(data, bytes) else data,
                headers=given | dict(headers or {}),
            ) as answer,
        ):
            return answer.status, await answer.read(), dict(answer.headers)

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Status and JSON of one request; `body` is sent as JSON, bytes as they are."""
        if body is not None and not isinstance(body, bytes | aiohttp.FormData):
            body = msgspec.json.encode(body)
            more["headers"] = {"Content-Type": "application/json", **more.get("headers", {})}
        status, content, headers = await self.raw(method, path, body, **more)
        assert headers["Content-Type"].startswith("application/json"), (status, content[:200])
        reply = msgspec.json.decode(content)
        if more.get("base", BASE) == BASE:
            _validate(method, path.partition("?")[0], status, reply)
        return status, reply

    async def done(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of a request that succeeds."""
        status, reply = await self.ask(method, path, body, **more)
        assert status in (200, 201), (status, reply)
        return reply

    async def refused(self, status: int, method: str, path: str, body: Any = None) -> Any:
        """The error of a request that is refused with this status."""
        given, reply = await self.ask(method, path, body)
        assert given == status, reply
        return reply["error"]


def _validate(method: str, path: str, status: int, body: Any) -> None:
    """A reply is documented, with its status; an unknown path has the error's form."""
    error = {"$ref": "#/components/schemas/AdminError"}
    schema: Any = error if status in (401, 404, 405) else None
    for template, item in _document["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern + "/?", BASE + path) and method.lower() in item:
            documented = item[method.lower()]["responses"].get(str(status))
            assert documented is not None, f"{status} of {method} {path}: {body}"
            schema = documented["content"]["application/json"]["schema"]
            break
    assert schema is not None, f"{method} {path} is not documented: {status} {body}"
    Draft202012Validator(schema | {"components": _document["components"]}).validate(body)
