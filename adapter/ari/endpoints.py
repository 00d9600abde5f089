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
from adapter.core.destinations import SIP_URI_ENDPOINT, phone_endpoint, trunk_endpoint
from adapter.core.tenants import Phone, Trunk

log = logging.getLogger(__name__)

_COMMON = {
    "allow": "!all,ulaw,alaw",  # one attribute: the result of two would depend on their order
    "direct_media": "no",
    "dtmf_mode": "rfc4733",
    "send_connected_line": "no",
    "redirect_method": "uri_core",
    "rtp_symmetric": "yes",
    "rewrite_contact": "yes",
    "force_rport": "yes",
    "timers": "no",
}


class Endpoints:
    """Pushes what was provisioned. Construct with the client.

    No endpoint names a transport: Asterisk takes the one that the address asks for.
    """

    def __init__(self, client: AriClient) -> None:
        self._client = client

    async def push(self, trunks: Iterable[Trunk], phones: Iterable[Phone]) -> bool:
        """Create or update all of them; one that Asterisk refuses is logged and left out.

        Returns:
            Whether Asterisk took all of them.

        Raises:
            AriError: Asterisk does not answer.
        """
        anyone = {**_COMMON, "context": "blocked"}
        all_taken = await self._try(
            "endpoint", SIP_URI_ENDPOINT, [("endpoint", SIP_URI_ENDPOINT, anyone)]
        )
        for trunk in trunks:
            all_taken &= await self._try("trunk", trunk.name, self._trunk_objects(trunk))
        for phone in phones:
            all_taken &= await self._try("phone", phone.extension, self._phone_objects(phone))
        return all_taken

    async def _try(
        self, kind: str, name: str, objects: list[tuple[str, str, dict[str, str]]]
    ) -> bool:
        try:
            for object_type, object_id, fields in objects:
                await self._client.put_config(object_type, object_id, fields)
        except Refused as refused:
            refusal = {"kind": kind, "object": name, "error": str(refused)}
            log.warning("not accepted by Asterisk", extra=refusal)
            return False
        return True

    def _trunk_objects(self, trunk: Trunk) -> list[tuple[str, str, dict[str, str]]]:
        name = trunk_endpoint(trunk.name)
        objects: list[tuple[str, str, dict[str, str]]] = []
        endpoint = {
            **_COMMON,
            "context": "inbound",
            "aors": name,
            "trust_id_inbound": "yes" if trunk.caller_id_header == "p-asserted-identity" else "no",
            "trust_id_outbound": "yes",
            "send_pai": "yes",
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
                "retry_interval": "30",
                "max_random_initial_delay": "0",
            }
            objects.append(("registration", name, registration))
        return objects

    def _phone_objects(self, phone: Phone) -> list[tuple[str, str, dict[str, str]]]:
        name = phone_endpoint(phone.extension)
        auth = {"auth_type": "userpass", "username": name, "password": phone.password}
        aor = {"max_contacts": "5", "remove_existing": "yes", "qualify_frequency": "60"}
        endpoint = {
            **_COMMON,
            "context": "phones",
            "aors": name,
            "auth": name,
            "callerid": f'"{phone.name}" <{phone.extension}>' if phone.name else phone.extension,
        }
        return [("auth", name, auth), ("aor", name, aor), ("endpoint", name, endpoint)]
