"""EnableX recordings: the routes that give the file to the app that owns it, and remove it.

Source: enablex-voice.txt, "Retrieve Call Recording", with the decisions of enablex.md. DELETE, and
`?channels=2` for a stereo file, are ours. A recording that is not saved yet is not found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal

from aiohttp import web
from msgspec import Meta, Struct

from adapter.contracts.download import PreconditionFailed, RangeUnsatisfiable, send_file
from adapter.contracts.enablex import NAME, words
from adapter.contracts.enablex import errors as problems
from adapter.contracts.enablex.auth import APP
from adapter.contracts.http import Route, json_response, read_query
from adapter.core.kept import KeptRecording
from adapter.media.recordings import Recordings

_STEREO_TAG: Final = "-stereo"


class RecordingNotFound(Struct, kw_only=True):
    """404 of a recording: these two keys, as documented."""

    result: Literal[404] = 404
    msg: Literal["Recording File Not Found"] = "Recording File Not Found"


class RecordingRemoved(Struct, kw_only=True):
    """`DELETE /recording/{recording_id}`."""

    recording_id: str
    state: Literal["success"] = "success"
    status: Literal["success"] = "success"
    timestamp: str


class RecordingQuery(Struct, kw_only=True):
    """The query parameters of `GET /recording/{recording_id}`. Our extension."""

    channels: Annotated[
        Literal[1, 2], Meta(description="2: the caller left, the other side right")
    ] = 1


class RecordingApi:
    """The routes of recordings.

    Args:
        recordings: of all apps.
        now: seconds since the epoch.
    """

    def __init__(self, recordings: Recordings, now: Callable[[], float]) -> None:
        self._recordings = recordings
        self._now = now

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """`GET /recording/{recording_id}`: the WAV file, or one range of it."""
        recording = self._owned(request)
        channels = read_query(request, RecordingQuery).channels
        if recording is None:
            return _not_found()
        try:
            return await self._send(request, recording, stereo=channels == 2)
        except FileNotFoundError:
            return _not_found()
        except RangeUnsatisfiable as beyond:
            headers = {"Content-Range": beyond.content_range}
            raise problems.Problem(416, 416, str(beyond), headers=headers) from beyond
        except PreconditionFailed:
            raise problems.Problem(412, 412, "Precondition Failed") from None
        except OSError:
            raise problems.unavailable() from None

    async def fetch_misspelt(self, request: web.Request) -> web.StreamResponse:
        """`GET /recordubg/{recording_id}`: the document writes it so once."""
        return await self.fetch(request)

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /recording/{recording_id}`: the file is gone, and its name free."""
        recording = self._owned(request)
        if recording is None:
            return _not_found()
        try:
            self._recordings.remove(recording)
        except OSError:
            raise problems.unavailable() from None
        at = words.timestamp(self._now())
        return json_response(RecordingRemoved(recording_id=recording.id, timestamp=at))

    def _owned(self, request: web.Request) -> KeptRecording | None:
        """The recording that the path names; another app's is not found (enablex.md, "Base")."""
        app = request[APP]
        return self._recordings.find(request.match_info["recording_id"], NAME, app.id)

    async def _send(
        self, request: web.Request, recording: KeptRecording, *, stereo: bool
    ) -> web.StreamResponse:
        assert recording.saved is not None  # noqa: S101 - `find` gives saved ones
        path = self._recordings.file(recording)
        ending = ""
        if stereo:
            path = await self._recordings.stereo(recording)
            ending = _STEREO_TAG
        headers = {
            "Content-Type": "audio/wav",
            "Content-Disposition": f'attachment; filename="{recording.id}{ending}.wav"',
            "Cache-Control": "private",
        }
        return await send_file(request, path, recording.saved.sha256 + ending, headers)


def _not_found() -> web.Response:
    return json_response(RecordingNotFound(), 404)


_ERROR = words.ErrorReply

_FILE: Mapping[int, type | None] = {
    **{200: None, 206: None, 304: None, 404: RecordingNotFound},
    **dict.fromkeys((400, 401, 412, 416, 429, 503), _ERROR),
}

RECORDING_ROUTES: tuple[Route, ...] = (
    Route(
        methods=("GET", "HEAD"),
        path="/recording/{recording_id}",
        handler=RecordingApi.fetch,
        summary="Download a recording: WAV, whole or a range",
        query=RecordingQuery,
        replies=_FILE,
    ),
    Route(
        methods=("GET", "HEAD"),
        path="/recordubg/{recording_id}",
        handler=RecordingApi.fetch_misspelt,
        summary="The same, as the document misspells it",
        query=RecordingQuery,
        replies=_FILE,
    ),
    Route(
        methods=("DELETE",),
        path="/recording/{recording_id}",
        handler=RecordingApi.remove,
        summary="Remove a recording",
        replies={200: RecordingRemoved, 404: RecordingNotFound}
        | dict.fromkeys((401, 429, 503), _ERROR),
    ),
)
"""Mounted beside those of calls (`adapter.contracts.enablex.server`)."""
