"""`/openapi.json`: OpenAPI 3.1, made of the very routes and models that serve and validate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

from adapter.contracts.http import Route, query_schemas
from adapter.contracts.idempotency import HEADER, PATTERN

_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)(?::[^}]*)?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One contract, as it is documented.

    Attributes:
        base: path before the routes.
        tag: groups its operations.
        routes: what it serves.
        security: names of the security schemes, any of which lets a request in.
        webhooks: models of the webhooks that it sends, by name.
    """

    base: str
    tag: str
    routes: Sequence[Route]
    security: Sequence[str]
    webhooks: Mapping[str, type]


def document(
    *, title: str, version: str, apis: Sequence[Api], schemes: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole document (OpenAPI Specification 3.1.0).

    Args:
        title: of the API.
        version: of the product.
        apis: the contracts.
        schemes: security schemes by name.
    """
    models = list(_models(apis))
    references, components = msgspec.json.schema_components(models, ref_template=_REF)
    schema = dict(zip(models, references, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": _paths(apis, schema),
        "webhooks": {
            name: {"post": _webhook(api.tag, schema[model])}
            for api in apis
            for name, model in api.webhooks.items()
        },
        "components": {"schemas": components, "securitySchemes": dict(schemes)},
    }


def _models(apis: Sequence[Api]) -> dict[type, None]:
    models: dict[type, None] = {}
    for api in apis:
        for route in api.routes:
            for model in (route.request, *route.replies.values()):
                if model is not None:
                    models[model] = None
        models.update(dict.fromkeys(api.webhooks.values()))
    return models


def _paths(apis: Sequence[Api], schema: Mapping[type, Any]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for api in apis:
        for route in api.routes:
            item = paths.setdefault(api.base + _PARAMETER.sub(r"{\1}", route.path), {})
            for method in route.methods:
                item[method.lower()] = _operation(api, route, method, schema)
    return paths


def _operation(api: Api, route: Route, method: str, schema: Mapping[type, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{api.tag}_{route.handler.__name__}_{method.lower()}",
        "summary": route.summary,
        "tags": [api.tag, *route.tags],
        "security": [] if route.public else [{scheme: []} for scheme in api.security],
        "responses": {
            str(status): _response(status, model, schema)
            for status, model in sorted(route.replies.items())
        },
    }
    parameters = list(_parameters(route))
    if parameters:
        operation["parameters"] = parameters
    if route.request is not None:
        operation["requestBody"] = {
            "required": not route.optional_body,
            "content": {"application/json": {"schema": schema[route.request]}},
        }
    return operation


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    text = {"type": "string"}
    for name in _PARAMETER.findall(route.path):
        yield {"name": name, "in": "path", "required": True, "schema": text}
    if route.query is not None:
        for name, schema in query_schemas(route.query).items():
            yield {"name": name, "in": "query", "schema": schema}
    if route.idempotent:
        yield {"name": HEADER, "in": "header", "schema": text | {"pattern": PATTERN}}


def _response(status: int, model: type | None, schema: Mapping[type, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if model is not None:
        response["content"] = {"application/json": {"schema": schema[model]}}
    return response


def _webhook(tag: str, reference: Any) -> dict[str, Any]:
    return {
        "tags": [tag],
        "requestBody": {"content": {"application/json": {"schema": reference}}},
        "responses": {"2XX": {"description": "acknowledged"}},
    }
