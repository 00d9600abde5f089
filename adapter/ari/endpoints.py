"""Trunks and phones in Asterisk, through ARI's dynamic configuration.

Asterisk keeps them in memory: they are pushed at each connect and whenever they change. The
attributes are explained in asterisk-conf/README.md. Names of objects carry a prefix, so that a
trunk and a phone of the same name do not meet.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from adapter.ari.client import AriClient
from adapter.ari.errors import Refused
from adapter.core.destinations import (
    SIP_URI_ENDPOINT,
    is_of_ours,
    phone_endpoint,
    trunk_endpoint,
)
from adapter.core.tenants import Phone, Trunk

log = logging.getLogger(__name__)

_COMMON = {
    "allow": "!all,ulaw,alaw",  # one attribute: the result of two would depend on their order
    "allow_transfer": "no",
    "direct_media": "no",
    "dtmf_mode": "rfc4733",
    "send_connected_line": "no",
    "redirect_method": "uri_core",
    "rtp_symmetric": "yes",
    "rewrite_contact": "yes",
    "force_rport": "yes",
    "timers": "no",
}

_SRTP = {"media_encryption": "sdes"}
"""Keys in the SDP (RFC 4568). Plain audio is then neither offered nor taken: 488."""

_REGISTER_AGAIN = {
    "retry_interval": "30",
    "forbidden_retry_interval": "300",
    "fatal_retry_interval": "300",
    "max_retries": "4294967295",
}
"""Seconds: after no answer, or what may pass; after a refusal. By default Asterisk gives up after
ten times, or one refusal, and only its restart makes it register again."""

_USERS_FIRST = ("registration", "identify", "endpoint", "aor", "auth")
"""Types of objects in the order in which they are deleted: a later one is named by earlier ones."""


class Endpoints:
    """Pushes what was provisioned.

    No endpoint names a transport: Asterisk takes the one that the address asks for.

    Args:
        client: of ARI.
        rtp_timeout: seconds without audio from the far end after which a leg is ended; 0: never.
        rtp_timeout_hold: the same while the far end holds the call.
    """

    def __init__(self, client: AriClient, rtp_timeout: int, rtp_timeout_hold: int) -> None:
        self._client = client
        self._common = _COMMON | {
            "rtp_timeout": str(rtp_timeout),
            "rtp_timeout_hold": str(rtp_timeout_hold),
        }
        self._pushed: dict[tuple[str, str], dict[str, str]] = {}  # what Asterisk may have

    async def push(
        self, trunks: Iterable[Trunk], phones: Iterable[Phone], *, anew: bool = True
    ) -> bool:
        """Create or update them; one that Asterisk refuses is logged and left out.

        What an earlier push made and this one does not is deleted: whole trunks and phones, and
        the registration of a trunk that does not register any more. So is what a push before our
        start made: who was removed while the adapter was down neither calls nor registers.

        Args:
            trunks: all there are.
            phones: likewise.
            anew: all of them, as at a connect: Asterisk may have forgotten. Else what has changed.

        Returns:
            Whether Asterisk took all of them.

        Raises:
            AriError: Asterisk does not answer.
        """
        anyone = {**self._common, "context": "blocked"}
        trunks = list(trunks)
        wanted = [("endpoint", SIP_URI_ENDPOINT, [("endpoint", SIP_URI_ENDPOINT, anyone)])]
        wanted += [("trunk", trunk.name, self._trunk_objects(trunk)) for trunk in trunks]
        wanted += [("phone", phone.extension, self._phone_objects(phone)) for phone in phones]
        named = {(kind, name) for _, _, objects in wanted for kind, name, _ in objects}
        if anew:
            self._pushed = {one: {} for one in self._pushed} | self._of_trunks(trunks)
        all_taken = await self._delete(self._pushed.keys() - named)
        if anew:
            await self._delete_forgotten(named)
        for kind, name, objects in wanted:
            all_taken &= await self._try(kind, name, objects)
        return all_taken

    def _of_trunks(self, trunks: Iterable[Trunk]) -> dict[tuple[str, str], dict[str, str]]:
        """What Asterisk may have of them from before our start, while they were otherwise."""
        names = [trunk_endpoint(trunk.name) for trunk in trunks]
        return {(kind, name): {} for name in names for kind in ("registration", "identify", "auth")}

    async def _delete(self, gone: set[tuple[str, str]]) -> bool:
        try:
            for one in sorted(gone, key=lambda one: _USERS_FIRST.index(one[0])):
                await self._client.delete_config(*one)
                self._pushed.pop(one, None)
        except Refused as refused:
            log.warning("not deleted by Asterisk", extra={"error": str(refused)})
            return False
        return True

    async def _delete_forgotten(self, named: set[tuple[str, str]]) -> None:
        """Endpoints with names as ours that nobody has provisioned, but those of pjsip.conf."""
        for endpoint in await self._client.list_endpoints():
            name = endpoint.resource
            if endpoint.technology != "PJSIP" or ("endpoint", name) in named:
                continue
            if not is_of_ours(name):
                continue
            try:
                for object_type in _USERS_FIRST:
                    await self._client.delete_config(object_type, name)
            except Refused as refused:
                kept = {"object": name, "error": str(refused)}
                log.info("an endpoint of pjsip.conf is named as ours are", extra=kept)
            else:
                log.info("deleted what is not provisioned any more", extra={"object": name})

    async def _try(
        self, kind: str, name: str, objects: list[tuple[str, str, dict[str, str]]]
    ) -> bool:
        try:
            changed = False
            for object_type, object_id, fields in objects:
                changed |= await self._put(object_type, object_id, fields, changed)
        except Refused as refused:
            refusal = {"kind": kind, "object": name, "error": str(refused)}
            log.warning("not accepted by Asterisk", extra=refusal)
            return False
        return True

    async def _put(
        self, object_type: str, object_id: str, fields: dict[str, str], others_changed: bool
    ) -> bool:
        """Write one object, unless Asterisk has it so; returns whether it had it otherwise.

        Some objects are made anew, because an update of Asterisk 22 does not replace everything:

        * aor and identify: contacts and addresses are added to those that are there, so that a
          trunk which has moved is called, and believed, at its old place.
        * endpoint: without a callerid it gets the number that Asterisk writes for none,
          "unknown", and all its callers have that instead of their own.
        * registration, with what has changed of its trunk: it begins at once then, with a
          password that was mended.

        A phone's aor has no contact of ours: it keeps those that the phone has registered.
        """
        name = (object_type, object_id)
        had = self._pushed.get(name)
        again = object_type == "registration" and others_changed
        if had == fields and not again:
            return False
        self._pushed[name] = {}
        if (
            object_type in ("endpoint", "identify")
            or "contact" in fields
            or (object_type == "registration" and had)
        ):
            await self._client.delete_config(object_type, object_id)
        await self._client.put_config(object_type, object_id, fields)
        self._pushed[name] = fields
        return bool(had)

    def _trunk_objects(self, trunk: Trunk) -> list[tuple[str, str, dict[str, str]]]:
        name = trunk_endpoint(trunk.name)
        objects: list[tuple[str, str, dict[str, str]]] = []
        endpoint = {
            **self._common,
            "context": "inbound",
            "aors": name,
            "trust_id_inbound": "yes" if trunk.caller_id_header == "p-asserted-identity" else "no",
            "trust_id_outbound": "yes",
            "send_pai": "yes",
            **(_SRTP if trunk.srtp else {}),
        }
        if trunk.username:
            auth = {
                "auth_type": "userpass",
                "username": trunk.username,
                "password": trunk.password or "",
            }
            objects.append(("auth", name, auth))
            endpoint["outbound_auth"] = name
        objects.append(("aor", name, {"contact": trunk.uri}))
        objects.append(("endpoint", name, endpoint))
        if trunk.match:
            objects.append(("identify", name, {"endpoint": name, "match": ",".join(trunk.match)}))
        if trunk.register:
            user = trunk.username or ""
            host = trunk.uri.split(":", 1)[1]
            registration = {
                "server_uri": trunk.uri,
                "client_uri": f"sip:{user}@{host}",
                "outbound_auth": name,
                "contact_user": user,
                "max_random_initial_delay": "0",
                **_REGISTER_AGAIN,
            }
            objects.append(("registration", name, registration))
        return objects

    def _phone_objects(self, phone: Phone) -> list[tuple[str, str, dict[str, str]]]:
        name = phone_endpoint(phone.extension)
        auth = {"auth_type": "userpass", "username": name, "password": phone.password}
        aor = {"max_contacts": "5", "remove_existing": "yes", "qualify_frequency": "60"}
        endpoint = {
            **self._common,
            "context": "phones",
            "aors": name,
            "auth": name,
            "callerid": f'"{phone.name}" <{phone.extension}>' if phone.name else phone.extension,
            **(_SRTP if phone.srtp else {}),
        }
        return [("auth", name, auth), ("aor", name, aor), ("endpoint", name, endpoint)]
