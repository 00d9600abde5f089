"""EnableX: who may be called, and under which number; the checks before anything is dialled.

Source: enablex.md, "Outbound". The first leg of a call and further ones differ only in how a wrong
caller id is refused.
"""

from __future__ import annotations

from collections.abc import Callable

from adapter.contracts.enablex import errors as problems
from adapter.contracts.enablex.errors import Problem
from adapter.contracts.enablex.ports import Ports
from adapter.core.destinations import (
    DestinationInvalid,
    Destinations,
    Number,
    SipUri,
    dial_string,
    parse_destination,
    phone_dial_string,
)
from adapter.core.model import DialOrder, LegOrder
from adapter.core.tenants import App
from adapter.core.tenants import Number as OwnNumber


class Dialling:
    """Makes dial orders of what an application asks for."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def own_number(self, app: App, text: str, foreign: Callable[[], Problem]) -> OwnNumber:
        """The caller id, when it may be used.

        Raises:
            Problem: 404 with 6110 without outbound service; `foreign` when it is not the app's.
        """
        own = [one for one in self._ports.directory.numbers_at(text) if one.app == app.id]
        if not own:
            raise foreign()
        usable = [one for one in own if one.outbound and one.trunk is not None]
        if not usable:
            raise problems.service_not_found()
        return usable[0]

    def order(
        self,
        app: App,
        number: OwnNumber,
        caller: str,
        callee: str,
        ring_timeout: float | None,
        key: str = "to",
    ) -> DialOrder:
        """How `callee`, named by `key`, is dialled for `caller`, which is the app's `number`.

        Raises:
            Problem: 400 for what is no destination, 403 for one that the app may not call.
        """
        try:
            destination = parse_destination(callee)
        except DestinationInvalid as invalid:
            raise problems.bad_request(f"'{key}': {invalid}") from invalid
        if not Destinations(app.allowed_destinations).allows(destination):
            raise problems.forbidden_destination()
        return DialOrder(
            endpoint=self._endpoint(destination, number),
            caller_number=caller,
            ring_timeout=ring_timeout or self._ports.ring_timeout,
        )

    def leg(
        self, app: App, caller: str, callee: str, ring_timeout: float | None, key: str = "to"
    ) -> LegOrder:
        """A further party of a call, named by `key`.

        Raises:
            Problem: as `own_number` and `order`; 400 when a number is missing.
        """
        if not caller or not callee:
            raise problems.bad_request(f"'{key if caller else 'from'}' is required")
        number = self.own_number(app, caller, problems.number_not_found)
        dial = self.order(app, number, caller, callee, ring_timeout, key)
        return LegOrder(caller=caller, callee=callee, dial=dial)

    def _endpoint(self, destination: Number | SipUri, number: OwnNumber) -> str:
        """One of our own phones when the number is its extension; else through the trunk."""
        if isinstance(destination, Number):
            phone = self._ports.directory.phone(destination.digits)
            if phone is not None:
                return phone_dial_string(phone.extension)
        assert number.trunk is not None  # noqa: S101 - own_number has looked
        return dial_string(destination, number.trunk)
