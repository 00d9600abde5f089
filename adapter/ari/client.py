"""AriClient: every verb that the adapter uses, on one connection pool.

It sends one request for one call and repeats nothing: what is worth repeating is the caller's
decision (`AriError.retryable`). Commands for one channel are carried out in the order in which
Asterisk gets them, so a caller that awaits each one before the next keeps their order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping

from adapter.ari import verbs
from adapter.ari.bridges import BridgeVerbs
from adapter.ari.channels import ChannelVerbs
from adapter.ari.errors import NotFound
from adapter.ari.resources import (
    Application,
    AsteriskInfo,
    AsteriskPing,
    ConfigTuple,
    Endpoint,
    SystemInfo,
)
from adapter.ari.transport import checked, reader

_read_ping = reader(AsteriskPing)
_read_info = reader(AsteriskInfo)
_read_application = reader(Application)
_read_endpoints = reader(list[Endpoint])
_read_config = reader(list[ConfigTuple])
_PJSIP = "res_pjsip"


class AriClient(ChannelVerbs, BridgeVerbs):
    """Typed ARI. Construction and errors: `Transport` and `errors`."""

    async def ping(self) -> AsteriskPing:
        """Ask for a sign of life. While booting: Unreachable or Unavailable."""
        return _read_ping(await self._send(verbs.PING))

    async def info(self) -> SystemInfo:
        """Return Asterisk's version, such as "22.10.1", and entity id."""
        return _read_info(await self._send(verbs.INFO, query={"only": "system"})).system

    async def get_application(self) -> Application | None:
        """Return our application's subscriptions, or None before its first WebSocket."""
        try:
            return _read_application(await self._send(verbs.GET_APPLICATION, self.app))
        except NotFound:
            return None

    async def subscribe(self, event_source: str) -> Application:
        """Subscribe to "channel:{id}", "bridge:{id}", "endpoint:{tech}"...

        Not needed on the event WebSocket of `connect_events`, which gets everything.
        """
        query = {"eventSource": event_source}
        return _read_application(await self._send(verbs.SUBSCRIBE, self.app, query=query))

    async def event_filter(self, allowed: Iterable[str]) -> None:
        """Let only these event types through, until Asterisk restarts; none means all.

        An allow list, for our subscription covers the whole box and what a later Asterisk adds to
        it would be noise. It must name ApplicationReplaced, if that is to be heard.
        """
        body = {"allowed": [{"type": name} for name in allowed]}
        await self._send(verbs.EVENT_FILTER, self.app, body=body)

    async def list_endpoints(self) -> list[Endpoint]:
        """Return every endpoint with its state."""
        return _read_endpoints(await self._send(verbs.LIST_ENDPOINTS))

    async def get_config(self, object_type: str, object_id: str) -> dict[str, list[str]] | None:
        """Return a PJSIP object's attributes, or None when it does not exist.

        Most have one value, some any number of them, as an aor has contacts: Asterisk lists such
        an attribute once for each.
        """
        try:
            answer = await self._send(verbs.GET_CONFIG, _PJSIP, object_type, object_id)
        except NotFound:
            return None
        attributes: dict[str, list[str]] = {}
        for item in _read_config(answer):
            attributes.setdefault(item.attribute, []).append(item.value)
        return attributes

    async def put_config(self, object_type: str, object_id: str, fields: Mapping[str, str]) -> None:
        """Create or update a PJSIP object: auth, aor, endpoint, identify, registration.

        In that order: a later one names earlier ones. It lives in memory and is gone after a
        restart of Asterisk (lab.md, 14). Raises Forbidden for one that stands in pjsip.conf.
        """
        body = {
            "fields": [
                {"attribute": name, "value": checked(value, name)} for name, value in fields.items()
            ]
        }
        await self._send(verbs.PUT_CONFIG, _PJSIP, object_type, object_id, body=body)

    async def delete_config(self, object_type: str, object_id: str) -> None:
        """Delete a PJSIP object; gone already is success."""
        with contextlib.suppress(NotFound):
            await self._send(verbs.DELETE_CONFIG, _PJSIP, object_type, object_id)
