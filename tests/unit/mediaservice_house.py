"""A Mediaservice domain and its calls, for the unit tests of that front end."""

from __future__ import annotations

from typing import Any

from adapter.core.model import Call, CallState, Direction
from adapter.core.tenants import Domain
from tests.fakes import tokens as theirs
from tests.unit.build import inbound, outbound

SECRET = "whsec_" + "QUJD" * 11
DOMAIN = Domain(
    name="one.example",
    callback_url="http://app.example/base/",
    fallback_url=None,
    alarm_url="http://alarms.example/one",
    api_public_key=theirs.public_pem("application"),
    api_user=None,
    api_password_hash=None,
    signing_key=theirs.private_pem("ours"),
    reply_secret="5e" * 32,
    webhook_secret=SECRET,
    voices={},
    max_session=600.0,
    allowed_destinations=("+46", "sip:sip.example"),
    trunk="carrier",
)
REFERENCE = {"foo": 1, "bar": [None, "2"]}
CONTEXT = {
    "callback_url": DOMAIN.callback_url,
    "alarm_url": DOMAIN.alarm_url,
    "trace": "trace-1",
    "connection": "connection-1",
    "participant": "leg-1",
    "ivr": "ivr-1",
    "reference": REFERENCE,
}


class Directory:
    """What was provisioned: one domain."""

    def __init__(self, *domains: Domain) -> None:
        self.domains = {domain.name: domain for domain in domains or (DOMAIN,)}

    def domain(self, name: str) -> Domain | None:
        """A domain by its name."""
        return self.domains.get(name)


def call(direction: Direction, state: CallState, **changes: Any) -> Call:
    """A call of the domain, come to its state by the way of the drawing."""
    build = inbound if direction is Direction.INBOUND else outbound
    given = {"contract": "mediaservice", "owner": DOMAIN.name, "context": CONTEXT, "asks": True}
    return build(state, **(given | changes))
