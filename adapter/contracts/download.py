"""One file as an HTTP answer: whole, one range of it, or not at all when the client has it.

RFC 9110, sections 8.8 (validators), 13 (conditions) and 14 (ranges). aiohttp's FileResponse does
most of it, but makes its entity tag of the file's time and compares no tag in If-Range. Several
ranges in one request are answered with the whole file, which section 14.2 allows.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import IO, Final

from aiohttp import ETag, web

_RANGE: Final = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)
_CHUNK: Final = 256 * 1024
_STALLED: Final = 60.0  # seconds for one chunk; then the client is taken for gone


class RangeUnsatisfiable(Exception):
    """416: the range begins behind the end.

    Attributes:
        content_range: the header that says where the end is.
    """

    def __init__(self, size: int) -> None:
        super().__init__("Range Not Satisfiable")
        self.content_range = f"bytes */{size}"


class PreconditionFailed(Exception):
    """412: the file is not the one that If-Match or If-Unmodified-Since asks for."""


@dataclass(frozen=True, slots=True)
class Span:
    """Some of a file: its first byte, and how many."""

    first: int
    length: int


def span_of(header: str, size: int) -> Span | None:
    """What a Range header asks for; None for the whole (also when it cannot be understood).

    Raises:
        RangeUnsatisfiable: nothing of it is there.
    """
    match = _RANGE.fullmatch(header)
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":  # the last so many
        length = min(int(match[2]), size)
        if length == 0:
            raise RangeUnsatisfiable(size)
        return Span(size - length, length)
    first = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None
    if first >= size:
        raise RangeUnsatisfiable(size)
    return Span(first, min(last, size - 1) - first + 1)


async def send_file(
    request: web.Request, path: Path, tag: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Answer a GET or HEAD with a file, which does not change under this tag.

    Args:
        request: to answer.
        path: the file.
        tag: strong entity tag, without quotes.
        headers: of the answer, with Content-Type.

    Raises:
        FileNotFoundError: it is not there; nothing was sent. So with the other two:
        RangeUnsatisfiable, PreconditionFailed: see there.
    """
    file = await asyncio.to_thread(path.open, "rb")
    try:
        stat = os.fstat(file.fileno())
        modified = datetime.fromtimestamp(int(stat.st_mtime), UTC)
        response = web.StreamResponse(headers=headers)
        response.etag = tag
        response.headers["Last-Modified"] = format_datetime(modified, usegmt=True)
        response.headers["Accept-Ranges"] = "bytes"
        if _is_known(request, tag, modified):
            response.set_status(304)
            await response.prepare(request)
            return response
        span = _wanted(request, tag, modified, stat.st_size)
        if span is not None:
            response.set_status(206)
            last = span.first + span.length - 1
            response.headers["Content-Range"] = f"bytes {span.first}-{last}/{stat.st_size}"
        span = span or Span(0, stat.st_size)
        response.content_length = span.length
        await response.prepare(request)
        if request.method != "HEAD":
            await _send(request, response, file, span)
        return response
    finally:
        file.close()


def _is_known(request: web.Request, tag: str, modified: datetime) -> bool:
    """Whether the client has the file already (13.2.2, in its order)."""
    if request.if_match is not None:
        if not _among(request.if_match, tag, weak=False):
            raise PreconditionFailed
    elif request.if_unmodified_since is not None and modified > request.if_unmodified_since:
        raise PreconditionFailed
    if request.if_none_match is not None:
        return _among(request.if_none_match, tag, weak=True)
    return request.if_modified_since is not None and modified <= request.if_modified_since


def _among(tags: tuple[ETag, ...], tag: str, *, weak: bool) -> bool:
    return any(one.value in ("*", tag) and (weak or not one.is_weak) for one in tags)


def _wanted(request: web.Request, tag: str, modified: datetime, size: int) -> Span | None:
    """The range to send; None for the whole."""
    header = request.headers.get("Range")
    if header is None or request.method != "GET":
        return None
    condition = request.headers.get("If-Range")
    if condition is not None and condition.strip() != f'"{tag}"' and request.if_range != modified:
        return None
    return span_of(header, size)


async def _send(
    request: web.Request, response: web.StreamResponse, file: IO[bytes], span: Span
) -> None:
    """Send the bytes. A client that goes, or stops reading, gets no error: nobody hears it."""
    file.seek(span.first)
    left = span.length
    try:
        while left:
            chunk = await asyncio.to_thread(file.read, min(_CHUNK, left))
            if not chunk:
                raise OSError("the file has become shorter")
            async with asyncio.timeout(_STALLED):
                await response.write(chunk)
            left -= len(chunk)
    except OSError:  # also TimeoutError and ConnectionError
        if request.transport is not None:
            request.transport.abort()
