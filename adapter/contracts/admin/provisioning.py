"""Apps, domains, trunks, numbers and phones over HTTP: list, get, put, delete.

A PUT is a provisioning file with one table, whose name stands in the path: the same models, the
same checks, all or nothing. A secret that is left out stays as it is; an app without a key and an
owner of webhooks without a secret get one, which the reply to that PUT tells once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
from aiohttp import web
from msgspec import Struct

from adapter.contracts.admin import bodies, errors, keys, words
from adapter.contracts.admin.models import MODELS_OVER_HTTP
from adapter.contracts.admin.paging import PageQuery, cut
from adapter.contracts.admin.parse import ProvisioningInvalid, parse_tables
from adapter.contracts.admin.ports import Ports, Store
from adapter.contracts.http import Handler, Route, json_response, read_body, read_query
from adapter.core.masked import Secret
from adapter.core.tenants import Declaration, Kind
from adapter.tables import default_of

_decoder: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Collection:
    """One kind of object.

    Attributes:
        kind: in provisioning files.
        plural: in paths, and in the reply of its list.
        key: its name's field.
        find: looks one up.
        worded: makes its reply.
        reply: model of that.
        page: model of a page of them.
    """

    kind: Kind
    plural: str
    key: str
    find: Callable[[Store, str], Any]
    worded: Callable[[Any], Any]
    reply: type[Struct]
    page: type[Struct]


COLLECTIONS: Final = (
    Collection(
        "app", "apps", "id",
        lambda store, name: store.app(name), words.app, bodies.AppReply, bodies.AppPage,
    ),
    Collection(
        "domain", "domains", "name",
        lambda store, name: store.domain(name), words.domain,
        bodies.DomainReply, bodies.DomainPage,
    ),
    Collection(
        "trunk", "trunks", "name",
        lambda store, name: store.trunk(name), words.trunk, bodies.TrunkReply, bodies.TrunkPage,
    ),
    Collection(
        "number", "numbers", "number",
        lambda store, name: store.number(*_digits_and_pin(name)), words.number,
        bodies.NumberReply, bodies.NumberPage,
    ),
    Collection(
        "phone", "phones", "extension",
        lambda store, name: store.phone(name), words.phone, bodies.PhoneReply, bodies.PhonePage,
    ),
)  # fmt: skip


class ProvisioningApi:
    """Answers the routes, for each collection in the same way."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def list(self, of: Collection, request: web.Request) -> web.StreamResponse:
        """`GET /{plural}`"""
        query = read_query(request, PageQuery)
        names = self._ports.inventory.names(of.kind, query.after, query.limit + 1)
        page, more = cut(names, query.limit, str)
        found = [of.worded(of.find(self._ports.store, name)) for name in page]
        return json_response(of.page(**{of.plural: found, "next": more}))

    async def get(self, of: Collection, request: web.Request) -> web.StreamResponse:
        """`GET /{plural}/{name}`"""
        return json_response(await self._shown(of, self._found(of, request)))

    async def put(self, of: Collection, request: web.Request) -> web.StreamResponse:
        """`PUT /{plural}/{name}`"""
        table = self._named(of, request.match_info[of.key], await read_body(request, _decoder))
        if of.kind == "domain" and not table.get("signing_key"):
            await self._make_signing_key(table)
        made: dict[str, str] = {}
        if of.kind == "app" and not table.get("key") and not self._exists(of, table[of.key]):
            table["key"] = made["key"] = secrets.token_urlsafe(24)
        declaration = self._declared(of, table)

        def new_secret() -> str:
            made["webhook_secret"] = self._ports.new_secret()
            return made["webhook_secret"]

        (change,) = self._ports.store.apply(
            declaration, new_secret=new_secret, new_signing_key=keys.new_private_key
        )
        if change.change != "unchanged":
            self._ports.provisioned()
        reply = await self._shown(of, of.find(self._ports.store, change.name))
        status = 201 if change.change == "created" else 200
        return json_response(msgspec.structs.replace(reply, **made), status)

    async def delete(self, of: Collection, request: web.Request) -> web.StreamResponse:
        """`DELETE /{plural}/{name}`"""
        async with self._ports.audio.changing:
            name = _name(of, self._found(of, request))
            users = self._ports.inventory.referring(of.kind, name)
            if of.kind in ("app", "domain"):
                live = self._ports.engine.live.values()
                users += [f"call {call.id}" for call in live if call.owner == name][:10]
            if users:
                raise errors.in_use(f"{of.kind} {name}", users)
            paths = self._ports.inventory.remove(of.kind, name, now=self._ports.now())
            self._ports.provisioned()
            await self._ports.audio.drop(paths)
        if of.kind == "domain":
            await self._ports.forget_files(name)
        return json_response(bodies.Removed())

    def _exists(self, of: Collection, name: object) -> bool:
        return isinstance(name, str) and of.find(self._ports.store, name) is not None

    def _found(self, of: Collection, request: web.Request) -> Any:
        name = request.match_info[of.key]
        row = of.find(self._ports.store, name) if "\0" not in name else None
        if row is None:
            raise errors.not_found(f"{of.kind} of this name")
        return row

    async def _shown(self, of: Collection, row: Any) -> Any:
        reply = of.worded(row)
        if of.kind != "domain":
            return reply
        public = await asyncio.to_thread(keys.public_part, row.signing_key)  # takes milliseconds
        return msgspec.structs.replace(reply, callback_public_key=public)

    def _named(self, of: Collection, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """The table that a PUT declares, with the name of the path and secrets that stay."""
        named = _names(of, name)
        if wrong := [key for key in named if body.get(key, named[key]) != named[key]]:
            raise errors.invalid("is not that of the path", wrong[0])
        if files := [key for key in body if key.endswith("_file")]:
            raise errors.invalid("unknown key; files are for `ari-voice apply`", files[0])
        table = body | {key: value for key, value in named.items() if value}
        if of.kind == "phone" and table.get("password") is None:
            phone = self._ports.store.phone(name)
            return table | ({"password": phone.password} if phone else {})
        if of.kind == "trunk" and table.get("password") is None and table.get("username"):
            trunk = self._ports.store.trunk(name)
            same = trunk is not None and trunk.username == table["username"]
            return table | ({"password": trunk.password} if trunk and same else {})
        return table

    async def _make_signing_key(self, table: dict[str, Any]) -> None:
        """For a new domain, elsewhere: it takes a good part of a second."""
        name = table["name"]
        if isinstance(name, str) and self._ports.store.domain(name) is None:
            table["signing_key"] = await asyncio.to_thread(keys.new_private_key)

    def _declared(self, of: Collection, table: Mapping[str, Any]) -> Declaration:
        """What a table declares.

        Raises:
            Problem: 400, with the first finding's field and the words of all.
        """
        try:
            parsed = parse_tables(
                {of.kind: [table]}, "", Path(), self._ports.store, self._ports.checks,
                MODELS_OVER_HTTP,
            )  # fmt: skip
            return parsed.declaration(_no_prompt)
        except ProvisioningInvalid as invalid:
            found = [(one.key.rpartition("].")[2], one.reason) for one in invalid.findings]
            text = "; ".join(f"{field}: {reason}" for field, reason in found)
            raise errors.invalid(text, found[0][0]) from None


def _digits_and_pin(name: str) -> tuple[str, str]:
    """A shared number has its PIN behind an asterisk."""
    digits, _, pin = name.partition("*")
    return digits, pin


def _names(of: Collection, name: str) -> dict[str, str]:
    """What the name in a path says of the table."""
    if of.kind != "number":
        return {of.key: name}
    digits, pin = _digits_and_pin(name)
    return {"number": digits, "pin": pin}


def _name(of: Collection, row: Any) -> str:
    name: str = row.name if of.kind == "number" else getattr(row, of.key)
    return name


def _no_prompt(_file: Path) -> tuple[str, str]:
    raise ValueError("prompts are not declared here")


def _handler(verb: str, of: Collection) -> Handler:
    """A handler with a name of its own: operations of the OpenAPI document have one each."""

    async def answer(api: ProvisioningApi, request: web.Request) -> web.StreamResponse:
        handle: Handler = getattr(api, verb)
        return await handle(of, request)

    answer.__name__ = f"{verb}_{of.plural if verb == 'list' else of.kind}"
    return answer


def _request_model(of: Collection) -> type[Struct]:
    """The body of a PUT: the model of the table, without its name and files, secrets as text."""
    described: list[Any] = []
    for one in msgspec.structs.fields(MODELS_OVER_HTTP[of.kind]):
        if one.name == of.key or one.name.endswith("_file"):
            continue
        if _is_secret(one.type):
            described.append((one.name, str | None, None))
        elif one.required:
            described.append((one.name, one.type))
        else:
            described.append((one.name, one.type, default_of(one)))
    return msgspec.defstruct(f"{of.kind.title()}Request", described, kw_only=True)


def _is_secret(kind: Any) -> bool:
    return kind is Secret or any(_is_secret(part) for part in get_args(kind))


def _routes(of: Collection) -> tuple[Route, ...]:
    one = f"/{of.plural}/{{{of.key}}}"
    refused: dict[int, type | None] = dict.fromkeys((400, 401, 404), errors.AdminError)
    return (
        Route(
            methods=("GET",),
            path=f"/{of.plural}",
            handler=_handler("list", of),
            summary=f"List the {of.plural}",
            query=PageQuery,
            replies={200: of.page, 400: errors.AdminError, 401: errors.AdminError},
        ),
        Route(
            methods=("GET",),
            path=one,
            handler=_handler("get", of),
            summary=f"Show one of the {of.plural}",
            replies={**refused, 200: of.reply},
        ),
        Route(
            methods=("PUT",),
            path=one,
            handler=_handler("put", of),
            summary=f"Declare one of the {of.plural}, as a provisioning file does",
            request=_request_model(of),
            optional_body=True,
            replies={**refused, 200: of.reply, 201: of.reply}
            | dict.fromkeys((413, 503), errors.AdminError),
        ),
        Route(
            methods=("DELETE",),
            path=one,
            handler=_handler("delete", of),
            summary=f"Remove one of the {of.plural}; refused while something uses it",
            replies={**refused, 200: bodies.Removed} | dict.fromkeys((409, 503), errors.AdminError),
        ),
    )


PROVISIONING_ROUTES: Final[tuple[Route, ...]] = tuple(
    route for of in COLLECTIONS for route in _routes(of)
)
