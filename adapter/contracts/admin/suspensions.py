"""The kill switch of apps over HTTP: suspend one, and let it work again (docs/limits.md)."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from adapter.contracts.admin import bodies, errors, words
from adapter.contracts.admin.ports import Ports
from adapter.contracts.http import Route, json_response, read_body


class SuspensionRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """`PUT /apps/{id}/suspension`."""

    hang_up: Annotated[bool, Meta(description="end its live calls; otherwise they go on")] = False


_decoder = msgspec.json.Decoder(SuspensionRequest)


class SuspensionApi:
    """Answers the routes."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def suspend(self, request: web.Request) -> web.StreamResponse:
        """`PUT /apps/{id}/suspension`"""
        wanted = await read_body(request, _decoder)
        name, now = request.match_info["id"], self._ports.now()
        found = self._ports.suspensions.suspend(name, now, hang_up=wanted.hang_up)
        return self._changed(name, found)

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """`DELETE /apps/{id}/suspension`"""
        name = request.match_info["id"]
        return self._changed(name, self._ports.suspensions.resume(name))

    def _changed(self, name: str, found: bool) -> web.Response:
        app = self._ports.store.app(name) if found else None
        if app is None:
            raise errors.not_found("app of this name")
        self._ports.provisioned()
        return json_response(words.app(app))


_PATH: Final = "/apps/{id}/suspension"

SUSPENSION_ROUTES: Final[tuple[Route, ...]] = (
    Route(
        methods=("PUT",),
        path=_PATH,
        handler=SuspensionApi.suspend,
        summary="Suspend an app; with hang_up its live calls are ended",
        request=SuspensionRequest,
        optional_body=True,
        replies={200: bodies.AppReply}
        | dict.fromkeys((400, 401, 404, 413, 503), errors.AdminError),
    ),
    Route(
        methods=("DELETE",),
        path=_PATH,
        handler=SuspensionApi.resume,
        summary="Let a suspended app work again",
        replies={200: bodies.AppReply} | dict.fromkeys((401, 404, 503), errors.AdminError),
    ),
)
