"""What all HTTP contracts share: routes as data, credentials, JSON bodies, replies that come first.

A contract declares its routes as values (`Route`), from which both the server and `/openapi.json`
are made. Not here: any contract's wording.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import msgspec
from aiohttp import web

Handler = Callable[[Any, web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_AT = " - at `$."  # how msgspec ends its reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route of a contract.

    Attributes:
        methods: HTTP methods that do the same thing.
        path: relative to the contract's base, in aiohttp's notation.
        handler: answers it; a method, given unbound so that routes need no server.
        summary: one line for the documentation.
        request: model of the JSON body; None when it takes none.
        replies: model of the body for each status; None for a body that is no JSON.
        query: model of the query parameters; None when it takes none.
        optional_body: the body may be empty.
        idempotent: takes an Idempotency-Key (`adapter.contracts.idempotency`).
        public: asks for no credentials, or checks by itself what lets in.
    """

    methods: tuple[str, ...]
    path: str
    handler: Handler
    summary: str
    replies: Mapping[int, type | None]
    request: type | None = None
    query: type | None = None
    optional_body: bool = False
    idempotent: bool = False
    public: bool = False
    tags: tuple[str, ...] = field(default=())


class BadBody(Exception):
    """The request's body is not what the contract asks for; the text says where and why."""


class BadQuery(Exception):
    """The query parameters are not what the contract asks for; the text says where and why.

    Attributes:
        field: the parameter that is to blame.
    """

    def __init__(self, text: str, field: str) -> None:
        super().__init__(text)
        self.field = field


def basic_credentials(request: web.Request) -> tuple[str, str] | None:
    """User and password of HTTP Basic authentication (RFC 7617); None when there are none."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:  # also binascii.Error, UnicodeDecodeError, and text that is not ASCII
        return None
    return (user, password) if colon else None


async def read_bytes(request: web.Request) -> bytes:
    """The body as it was sent; it can be read again.

    Raises:
        BadBody: it cannot be unpacked.
        web.HTTPRequestEntityTooLarge: more than the application's limit.
    """
    try:
        return await request.read()
    except web.RequestPayloadError as error:
        raise BadBody("the body is not what Content-Encoding says") from error


async def read_body(request: web.Request, decoder: msgspec.json.Decoder[T]) -> T:
    """The JSON body as a validated model.

    Clients send ``Content-Type: application/json`` with nothing behind it: that is `{}`.

    Raises:
        BadBody: no JSON, or not of the model's form.
        web.HTTPRequestEntityTooLarge: more than the application's limit.
    """
    raw = await read_bytes(request) or b"{}"
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise BadBody(str(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BadBody("the body is not valid JSON") from error


def read_query(request: web.Request, model: type[T]) -> T:
    """The query parameters as a validated model; unknown ones are ignored.

    Raises:
        BadQuery: one of them is not of the model's form.
    """
    try:
        return msgspec.convert(dict(request.query), model, strict=False)
    except msgspec.ValidationError as error:
        text = str(error)
        field = text.rpartition(_AT)[2].rstrip("`")
        if words := query_schemas(model)[field].get("enum"):
            text = f"{field}: one of {', '.join(map(str, words))}"
        raise BadQuery(text, field) from error


def query_schemas(model: type) -> dict[str, Any]:
    """The JSON schema of each query parameter, by its name, without references."""
    _, models = msgspec.json.schema_components([model], ref_template="{name}")
    properties = models[model.__name__]["properties"]
    return {
        name: models[schema["$ref"]] if "$ref" in schema else schema
        for name, schema in properties.items()
    }


def json_response(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON reply from a model or plain data."""
    return web.Response(
        body=_encode(body), status=status, content_type="application/json", headers=headers
    )


async def send_first(request: web.Request, response: web.Response) -> web.Response:
    """Write a reply out now, so that what is released afterwards comes behind it."""
    await response.prepare(request)
    await response.write_eof()
    return response


def add_routes(app: web.Application, routes: tuple[Route, ...], owner: object) -> None:
    """Mount routes, each also with a trailing slash, on the object whose methods they are."""
    for route in routes:
        handler = partial(route.handler, owner)
        for method in route.methods:
            for path in (route.path, route.path + "/"):
                app.router.add_route(method, path, handler)
