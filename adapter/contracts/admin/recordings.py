"""Recordings over HTTP: list, look at, download, remove, whoever's they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from adapter.contracts.admin import errors
from adapter.contracts.admin.bodies import Next
from adapter.contracts.admin.paging import PageQuery, Text, cut
from adapter.contracts.admin.ports import Ports
from adapter.contracts.admin.words import time_of
from adapter.contracts.download import PreconditionFailed, RangeUnsatisfiable, send_file
from adapter.contracts.http import Route, json_response, read_query
from adapter.core.kept import KeptRecording, KeptState


class AdminRecording(Struct, kw_only=True, omit_defaults=True):
    """A recording; what is known once it is saved comes then."""

    id: str
    app: str
    call: str
    name: str | UnsetType = UNSET
    state: KeptState
    created_at: str
    seconds: float | UnsetType = UNSET
    bytes: int | UnsetType = UNSET
    sha256: str | UnsetType = UNSET
    repaired: Annotated[
        bool | UnsetType, Meta(description="its end was missing, because Asterisk died")
    ] = UNSET


class RecordingPage(Struct, kw_only=True):
    """A page of recordings, the latest first."""

    recordings: Sequence[AdminRecording]
    next: Next


class RecordingQuery(PageQuery, kw_only=True):
    """Which recordings."""

    app: Text = ""
    call: Text = ""
    state: KeptState | UnsetType = UNSET


class RecordingApi:
    """Answers the routes."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._recordings = ports.recordings

    async def list_recordings(self, request: web.Request) -> web.StreamResponse:
        """`GET /recordings`"""
        query = read_query(request, RecordingQuery)
        rows = self._recordings.page(
            owner=query.app or None,
            call=query.call or None,
            state=query.state or None,
            after=query.after or None,
            limit=query.limit + 1,
        )
        page, more = cut(rows, query.limit, lambda row: row.id)
        return json_response(RecordingPage(recordings=[_body(row) for row in page], next=more))

    async def show_recording(self, request: web.Request) -> web.StreamResponse:
        """`GET /recordings/{id}`"""
        return json_response(_body(self._recording(request)))

    async def download(self, request: web.Request) -> web.StreamResponse:
        """`GET /recordings/{id}/file`: whole, or a range of it (RFC 9110, 14)."""
        recording = self._recording(request)
        if recording.saved is None:
            raise errors.conflict("the recording is not saved")
        headers = {"Content-Type": "audio/wav", "Cache-Control": "private"}
        path = self._recordings.file(recording)
        try:
            return await send_file(request, path, recording.saved.sha256, headers)
        except FileNotFoundError:
            raise errors.not_found("file of this recording") from None
        except RangeUnsatisfiable as beyond:
            sent = {"Content-Range": beyond.content_range}
            raise errors.Problem(416, "range", str(beyond), headers=sent) from beyond
        except PreconditionFailed:
            raise errors.Problem(412, "precondition", "Precondition Failed") from None

    async def remove_recording(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /recordings/{id}`: its files, then its row."""
        recording = self._recording(request)
        if recording.state is KeptState.RUNNING:
            raise errors.conflict("the recording is still being made")
        try:
            self._recordings.remove(recording)
        except OSError as error:
            raise errors.Problem(503, "unavailable", f"not removed: {error.strerror}") from error
        return json_response(_body(recording))

    def _recording(self, request: web.Request) -> KeptRecording:
        found = self._recordings.known(request.match_info["id"])
        if found is None:
            raise errors.not_found("recording of this id")
        return found


def _body(row: KeptRecording) -> AdminRecording:
    body = AdminRecording(
        id=row.id,
        app=row.owner,
        call=row.call,
        name=row.name if row.name is not None else UNSET,
        state=row.state,
        created_at=time_of(row.created_at),
    )
    if row.saved is not None:
        body.seconds = round(row.saved.seconds, 3)
        body.bytes = row.saved.size
        body.sha256 = row.saved.sha256
        body.repaired = row.saved.repaired
    return body


_REFUSED: Final = dict.fromkeys((401, 404, 429), errors.AdminError)

RECORDING_ROUTES: Final[tuple[Route, ...]] = (
    Route(
        methods=("GET",),
        path="/recordings",
        handler=RecordingApi.list_recordings,
        summary="List recordings, the latest first",
        query=RecordingQuery,
        replies={200: RecordingPage} | dict.fromkeys((400, 401, 429), errors.AdminError),
    ),
    Route(
        methods=("GET",),
        path="/recordings/{id}",
        handler=RecordingApi.show_recording,
        summary="Show a recording",
        replies={**_REFUSED, 200: AdminRecording},
    ),
    Route(
        methods=("GET", "HEAD"),
        path="/recordings/{id}/file",
        handler=RecordingApi.download,
        summary="Download a recording: WAV, whole or a range",
        replies={**_REFUSED, **dict.fromkeys((200, 206, 304))}
        | dict.fromkeys((409, 412, 416), errors.AdminError),
    ),
    Route(
        methods=("DELETE",),
        path="/recordings/{id}",
        handler=RecordingApi.remove_recording,
        summary="Remove a recording and its files",
        replies={**_REFUSED, 200: AdminRecording} | dict.fromkeys((409, 503), errors.AdminError),
    ),
)
