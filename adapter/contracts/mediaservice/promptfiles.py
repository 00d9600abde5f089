"""Prompt files over HTTP: list, put, get, delete, and links that open one file for a while.

The document leaves out the bodies: PUT takes the file itself, GET of a file answers with it
(mediaservice.md, "Base, methods, authentication"). Only WAV files are taken in this version.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal, Protocol
from urllib.parse import quote

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from adapter.contracts.http import BadBody, Route, json_response, read_query
from adapter.contracts.mediaservice import errors as problems
from adapter.contracts.mediaservice.access import DOMAIN, authenticate
from adapter.contracts.mediaservice.replies import Failure, Success, done
from adapter.contracts.mediaservice.tokens import check_file_token, file_token
from adapter.contracts.throttle import Throttle

LARGEST: Final = 50 * 1024 * 1024
"""Bytes of a file."""

PAGE: Final = 100
"""Files in one reply of the list."""

_NAME = re.compile(r"[^./\\\x00-\x1f\x7f-\x9f\ud800-\udfff][^/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]*")
_LONGEST_NAME = 128


class PromptFiles(Protocol):
    """Where the files are: `adapter.media.promptfiles.PromptFiles`, and its words."""

    def original(self, domain: str, name: str) -> Path | None: ...  # noqa: D102 - documented there
    async def put(self, domain: str, name: str, content: bytes) -> None: ...  # noqa: D102
    async def delete(self, domain: str, name: str) -> bool: ...  # noqa: D102
    async def listed(  # noqa: D102
        self, domain: str, after: str, limit: int
    ) -> Sequence[tuple[str, int]]: ...


class ListQuery(Struct, kw_only=True):
    """Which page of the files."""

    next: Annotated[str, Meta(description="`next` of the page before")] = ""


class FileQuery(Struct, kw_only=True):
    """What may let in instead of credentials."""

    token: Annotated[str, Meta(description="as a link has it")] | UnsetType = UNSET


class PromptFileEntry(Struct, kw_only=True):
    """A stored file; `size` in bytes."""

    name: str
    size: int


class PromptFileList(Struct, kw_only=True):
    """A page of the files, in the order of their names; `next` is null on the last one."""

    success: Literal[True] = True
    files: list[PromptFileEntry]
    next: str | None


class PromptFileUrl(Struct, kw_only=True):
    """A link that needs no credentials."""

    success: Literal[True] = True
    url: str


class PromptFileApi:
    """Answers the routes.

    Args:
        files: all domains' files.
        now: seconds since the epoch.
        public_url: scheme, host and port of links; None for those of the request.
        page: files in one reply of the list.
        throttle: slows down wrong passwords; one of its own when it is not given.
    """

    def __init__(
        self,
        files: PromptFiles,
        now: Callable[[], float],
        *,
        public_url: str | None = None,
        page: int = PAGE,
        throttle: Throttle | None = None,
    ) -> None:
        self._files = files
        self._now = now
        self._public_url = public_url
        self._page = page
        self._throttle = throttle or Throttle()

    async def list(self, request: web.Request) -> web.StreamResponse:
        """`GET /{domain}/promptfile`"""
        after = _read_cursor(read_query(request, ListQuery).next)
        with _storage():
            found = await self._files.listed(request[DOMAIN].name, after, self._page + 1)
        page = found[: self._page]
        more = _cursor(page[-1][0]) if len(found) > len(page) else None
        files = [PromptFileEntry(name=name, size=size) for name, size in page]
        return json_response(PromptFileList(files=files, next=more))

    async def put(self, request: web.Request) -> web.StreamResponse:
        """`PUT /{domain}/promptfile/{filename}`"""
        name = file_name(request)
        content = await _read(request)
        with _storage():
            try:
                await self._files.put(request[DOMAIN].name, name, content)
            except ValueError as error:
                raise problems.bad_request("The file can't be used", str(error)) from None
        return done()

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /{domain}/promptfile/{filename}`"""
        with _storage():
            if not await self._files.delete(request[DOMAIN].name, file_name(request)):
                raise problems.file_not_found()
        return done()

    async def get(self, request: web.Request) -> web.StreamResponse:
        """`GET /{domain}/promptfile/{filename}`, with credentials or with a link's token."""
        domain, name = request[DOMAIN], file_name(request)
        token = read_query(request, FileQuery).token
        if token is UNSET:
            await authenticate(request, domain, self._throttle, self._now())
        else:
            check_file_token(domain, name, token, self._now())
        headers = {
            "Content-Type": "audio/wav",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "Cache-Control": "private, no-cache",
            "X-Content-Type-Options": "nosniff",
        }
        return web.FileResponse(self._original(request), headers=headers)

    async def url(self, request: web.Request) -> web.StreamResponse:
        """`GET /{domain}/promptfile/{filename}/url`"""
        self._original(request)
        token = file_token(request[DOMAIN], file_name(request), self._now())
        try:
            base = self._public_url or str(request.url.origin())
        except ValueError as error:
            raise problems.bad_request("The Host header is wrong", str(error)) from None
        path = request.rel_url.raw_path.rstrip("/").removesuffix("/url")
        return json_response(PromptFileUrl(url=f"{base.rstrip('/')}{path}?token={token}"))

    async def move(self, request: web.Request) -> web.StreamResponse:
        """`POST /{domain}/promptfile/{filename}/move`: not yet."""
        self._original(request)
        raise problems.not_available("move")

    def _original(self, request: web.Request) -> Path:
        path = self._files.original(request[DOMAIN].name, file_name(request))
        if path is None:
            raise problems.file_not_found()
        return path


def file_name(request: web.Request) -> str:
    """The file that the path names, decoded once.

    Raises:
        Problem: 400, for what can be no file's name.
    """
    name = request.match_info["filename"]
    if len(name) > _LONGEST_NAME:
        raise problems.bad_request("The file name is too long", f"more than {_LONGEST_NAME}")
    if not _NAME.fullmatch(name):
        raise problems.bad_request(
            "The file name is not allowed",
            "a name has no slashes and no control characters, and does not begin with a dot",
        )
    return name


async def _read(request: web.Request) -> bytes:
    """The body, up to `LARGEST`.

    Raises:
        Problem: 400: it is larger.
        BadBody: it is not what Content-Encoding says.
    """
    content = bytearray()
    try:
        async for chunk in request.content.iter_any():
            content += chunk
            if len(content) > LARGEST:
                reason = f"larger than {LARGEST >> 20} MiB"
                raise problems.bad_request("The file is too large", reason)
    except web.RequestPayloadError as error:
        raise BadBody("the body is not what Content-Encoding says") from error
    return bytes(content)


@contextmanager
def _storage() -> Iterator[None]:
    """What the disk refuses is 502; its words name no path."""
    try:
        yield
    except OSError as error:
        raise problems.storage_failed(error.strerror or type(error).__name__) from error


def _cursor(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _read_cursor(text: str) -> str:
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise problems.bad_request("next is not what an earlier reply had") from None


_FILE = "/{domain}/promptfile/{filename:[^/]+}"
_REFUSED: Final[Mapping[int, type | None]] = dict.fromkeys((400, 401, 404, 429), Failure)

FILE_ROUTES: tuple[Route, ...] = (
    Route(
        methods=("GET",),
        path="/{domain}/promptfile",
        handler=PromptFileApi.list,
        summary="List the prompt files of a domain",
        query=ListQuery,
        replies={**_REFUSED, 200: PromptFileList, 502: Failure},
    ),
    Route(
        methods=("PUT",),
        path=_FILE,
        handler=PromptFileApi.put,
        summary="Add or replace a prompt file; the body is a WAV file",
        replies={**_REFUSED, 200: Success, 502: Failure},
    ),
    Route(
        methods=("GET",),
        path=_FILE,
        handler=PromptFileApi.get,
        summary="Download a prompt file, with credentials or by a link",
        query=FileQuery,
        replies={**_REFUSED, 200: None},
        public=True,
    ),
    Route(
        methods=("DELETE",),
        path=_FILE,
        handler=PromptFileApi.delete,
        summary="Delete a prompt file",
        replies={**_REFUSED, 200: Success, 502: Failure},
    ),
    Route(
        methods=("GET",),
        path=_FILE + "/url",
        handler=PromptFileApi.url,
        summary="Make a link to a prompt file that is valid for 15 minutes",
        replies={**_REFUSED, 200: PromptFileUrl},
    ),
    Route(
        methods=("POST",),
        path=_FILE + "/move",
        handler=PromptFileApi.move,
        summary="Move a prompt file to S3; not available in this version",
        replies=_REFUSED,
    ),
)
