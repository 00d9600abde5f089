"""Holds our event types and requests against the JSON resource files of an Asterisk.

Not a Swagger validator: it asks only whether what we name exists there with a type that can be
what we read. The files are those at GET /ari/api-docs/{resource}.json.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from adapter.ari.events import EVENT_CLASSES
from adapter.ari.resources import Resource
from adapter.ari.verbs import Verb

Models = Mapping[str, Mapping[str, Any]]

SCALARS: dict[type, set[str]] = {
    str: {"string", "Date", "dateTime"},
    int: {"int", "long"},
    bool: {"boolean"},
}
NAMED = {
    "DialplanPosition": "DialplanCEP",
    "CallerId": "CallerID",
    "RequestedDestination": "RequiredDestination",
}
"""Our name for a model where it is not Asterisk's."""


def models_of(documents: Mapping[str, Any]) -> dict[str, Any]:
    """All models of all resource files, by name."""
    return {
        name: model
        for document in documents.values()
        for name, model in document.get("models", {}).items()
    }


def event_differences(models: Models) -> Iterator[str]:
    """What our events name that Asterisk's do not, in words."""
    seen: set[type] = set()
    for event in EVENT_CLASSES:
        yield from struct_differences(event, event.__name__, models, seen)


def resource_differences(models: Models) -> Iterator[str]:
    """The same for every resource, read by an event or not."""
    seen: set[type] = set()
    for resource in Resource.__subclasses__():
        yield from struct_differences(resource, _model_name(resource), models, seen)


def struct_differences(
    struct: type[msgspec.Struct], name: str, models: Models, seen: set[type]
) -> Iterator[str]:
    """Compare one struct and those it contains with the model `name`."""
    if struct in seen:
        return
    seen.add(struct)
    if name not in models:
        yield f"{name}: no such model"
        return
    properties = _properties(name, models)
    for field in msgspec.structs.fields(struct):
        said = properties.get(field.encode_name)
        if said is None:
            yield f"{name}.{field.encode_name}: no such field"
            continue
        ours = _plain(field.type)
        if not _compatible(ours, said["type"]):
            yield f"{name}.{field.encode_name}: {said['type']} there, {ours} here"
        if field.required and not said.get("required", False):
            yield f"{name}.{field.encode_name}: optional there, required here"
        for inner in _structs(ours):
            yield from struct_differences(inner, _model_name(inner), models, seen)


def verb_differences(verb: Verb, document: Mapping[str, Any]) -> Iterator[str]:
    """What a request names that the resource file does not."""
    for api in document["apis"]:
        if api["path"] != verb.path:
            continue
        for operation in api["operations"]:
            if operation["httpMethod"] == verb.method:
                known = {parameter["name"] for parameter in operation.get("parameters", ())}
                yield from (
                    f"{verb.name}: no parameter {name}" for name in verb.params if name not in known
                )
                return
    yield f"{verb.name}: no {verb.method} {verb.path}"


def _properties(name: str, models: Models) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for parent, model in models.items():
        if name in model.get("subTypes", ()):
            found |= _properties(parent, models)
    return found | dict(models[name].get("properties", {}))


def _plain(kind: Any) -> Any:
    """Take away Optional and Annotated."""
    if typing.get_origin(kind) is typing.Annotated:
        return _plain(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        [some] = [arm for arm in typing.get_args(kind) if arm is not types.NoneType]
        return _plain(some)
    return kind


def _structs(kind: Any) -> list[type[msgspec.Struct]]:
    arms = [kind, *typing.get_args(kind)]
    return [arm for arm in arms if isinstance(arm, type) and issubclass(arm, msgspec.Struct)]


def _compatible(ours: Any, theirs: str) -> bool:
    if ours in SCALARS:
        return theirs in SCALARS[ours]
    if typing.get_origin(ours) in (tuple, list):
        inner = _plain(typing.get_args(ours)[0])
        return theirs.startswith("List[") and _compatible(inner, theirs[5:-1])
    if typing.get_origin(ours) is dict:
        return theirs in ("object", "containers")
    return _model_name(ours) == theirs


def _model_name(struct: type) -> str:
    return NAMED.get(struct.__name__, struct.__name__)
