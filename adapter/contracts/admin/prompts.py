"""Prompts of apps over HTTP: list, put as audio of any common format, fetch, delete."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote

from aiohttp import BodyPartReader, web

from adapter.contracts.admin import bodies, errors, fields, words
from adapter.contracts.admin.models import PromptName
from adapter.contracts.admin.paging import PageQuery, cut
from adapter.contracts.admin.ports import Ports
from adapter.contracts.http import BadBody, Route, json_response, read_query
from adapter.core.tenants import Declaration, StoredPrompt
from adapter.tables import convert

LARGEST: Final = 50 * 1024 * 1024
"""Bytes of an audio file."""

_RAW: Mapping[str, str] = {
    "audio/basic": "prompt.ulaw",  # RFC 2046, 4.3
    "audio/pcmu": "prompt.ulaw",  # RFC 4856
    "audio/pcma": "prompt.alaw",
}
_CHUNK = 64 * 1024


class PromptApi:
    """Answers the routes."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def list_prompts(self, request: web.Request) -> web.StreamResponse:
        """`GET /apps/{id}/prompts`"""
        app = self._app(request)
        query = read_query(request, PageQuery)
        rows = self._ports.inventory.prompts(app, (app, query.after), query.limit + 1)
        page, more = cut(rows, query.limit, lambda row: row.name)
        return json_response(
            bodies.PromptPage(prompts=[words.prompt(row) for row in page], next=more)
        )

    async def put_prompt(self, request: web.Request) -> web.StreamResponse:
        """`PUT /apps/{id}/prompts/{name}`"""
        app, name = self._app(request), _name(request)
        content, file = await _audio(request)
        async with self._ports.audio.changing, _storage():
            try:
                path, digest = await self._ports.audio.keep(content, file or name)
            except ValueError as error:
                raise errors.invalid(str(error)) from None
            self._app(request)  # it may be gone meanwhile
            row = StoredPrompt(app=app, name=name, path=path, sha256=digest)
            (change,) = self._ports.store.apply(
                Declaration(prompts=(row,)), new_secret=str, new_signing_key=str
            )
        if change.change != "unchanged":
            self._ports.provisioned()
        return json_response(words.prompt(row), 201 if change.change == "created" else 200)

    async def get_prompt(self, request: web.Request) -> web.StreamResponse:
        """`GET /apps/{id}/prompts/{name}`: the audio as it is played, in its best quality."""
        file = self._ports.audio.best(self._found(request).path)
        if file is None:
            raise errors.not_found("audio of this prompt any more")
        name = quote(f"{request.match_info['name']}.wav", safe="")
        headers = {
            "Content-Type": "audio/wav",
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "Cache-Control": "private, no-cache",
            "X-Content-Type-Options": "nosniff",
        }
        return web.FileResponse(file, headers=headers)

    async def delete_prompt(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /apps/{id}/prompts/{name}`"""
        async with self._ports.audio.changing, _storage():
            row = self._found(request)
            if users := self._ports.inventory.referring("prompt", row.app, row.name):
                raise errors.in_use(f"prompt {row.name}", users)
            now = self._ports.now()
            paths = self._ports.inventory.remove("prompt", row.app, row.name, now=now)
            self._ports.provisioned()
            await self._ports.audio.drop(paths)
        return json_response(bodies.Removed())

    def _app(self, request: web.Request) -> str:
        app = self._ports.store.app(request.match_info["id"])
        if app is None:
            raise errors.not_found("app of this name")
        return app.id

    def _found(self, request: web.Request) -> StoredPrompt:
        row = self._ports.store.prompt(self._app(request), request.match_info["name"])
        if row is None:
            raise errors.not_found("prompt of this name")
        return row


def _name(request: web.Request) -> str:
    """The prompt that the path names, which may be new."""
    try:
        return fields.not_default(convert(request.match_info["name"], PromptName))
    except ValueError as error:
        raise errors.invalid(
            f"{error} (up to 128 letters, digits, spaces and ._-)", "name"
        ) from None


async def _audio(request: web.Request) -> tuple[bytes, str]:
    """The file that is the body, or the first one in it (multipart), and what it is called.

    Raises:
        Problem: 413; 400 for a form without a file.
        BadBody: it is not what its headers say.
    """
    try:
        if not request.content_type.startswith("multipart/"):
            chunks = request.content.iter_chunked(_CHUNK)
            return await _read(chunks), _RAW.get(request.content_type, "")
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.filename is not None:
                named = re.sub(r".*[/\\]", "", part.filename)[:256]
                return await _read(_chunks(part)), named
    except (web.RequestPayloadError, ValueError, AssertionError) as error:
        raise BadBody("the body is not what its headers say") from error
    raise errors.invalid("there is no file in the form")


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_CHUNK):
        yield chunk


async def _read(chunks: AsyncIterator[bytes]) -> bytes:
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > LARGEST:
            raise errors.too_large(LARGEST)
    return bytes(content)


@asynccontextmanager
async def _storage() -> AsyncIterator[None]:
    """What the disk refuses is 503; its words name no path."""
    try:
        yield
    except OSError as error:
        raise errors.storage_failed(error.strerror or type(error).__name__) from error


_ONE = "/apps/{id}/prompts/{name}"
_REFUSED: Final = dict.fromkeys((400, 401, 404), errors.AdminError)

PROMPT_ROUTES: Final[tuple[Route, ...]] = (
    Route(
        methods=("GET",),
        path="/apps/{id}/prompts",
        handler=PromptApi.list_prompts,
        summary="List the prompts of an app; ?limit= and ?after= make pages",
        replies={**_REFUSED, 200: bodies.PromptPage},
    ),
    Route(
        methods=("PUT",),
        path=_ONE,
        handler=PromptApi.put_prompt,
        summary="Add or replace a prompt; the body is an audio file, or a form with one",
        replies={**_REFUSED, 200: bodies.PromptReply, 201: bodies.PromptReply}
        | dict.fromkeys((413, 503), errors.AdminError),
    ),
    Route(
        methods=("GET",),
        path=_ONE,
        handler=PromptApi.get_prompt,
        summary="Download the audio of a prompt, as it is played",
        replies={**_REFUSED, 200: None},
    ),
    Route(
        methods=("DELETE",),
        path=_ONE,
        handler=PromptApi.delete_prompt,
        summary="Delete a prompt; refused while a number greets with it",
        replies={**_REFUSED, 200: bodies.Removed} | dict.fromkeys((409, 503), errors.AdminError),
    ),
)
