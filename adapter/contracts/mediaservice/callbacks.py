"""Asking a Mediaservice application what to do: `newCall` and `getIvrCommand`.

Source: mediaservice.txt ("/newCall", "/getIvrCommand") with mediaservice.md. One try with a time
limit, then one at the fallback base URL when the domain has one; the answer is read by `parse`.
Not here: notifications, which nobody waits for (`words`, and the outbox).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from adapter.contracts.mediaservice import parse, words
from adapter.contracts.mediaservice.ports import Asking
from adapter.contracts.mediaservice.tokens import callback_token
from adapter.core.faults import NoAnswer
from adapter.core.invite import Address, Invite, parse_address
from adapter.core.model import Call, Instruction, Topic
from adapter.core.outputs import Ask
from adapter.core.tenants import Domain

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode
_FAILED = {Topic.OFFER: parse.NEW_CALL_FAILED, Topic.NEXT: parse.COMMAND_ERROR}
_PATHS = {Topic.OFFER: "newCall", Topic.NEXT: "getIvrCommand"}


class NewCall(Struct, kw_only=True, omit_defaults=True):
    """The body of `/newCall`."""

    sessionId: str
    sipCallId: str | UnsetType = UNSET
    ivrServer: str | UnsetType = UNSET
    callingPartyPrivacy: str
    callingParty: str | UnsetType = UNSET
    displayName: str | UnsetType = UNSET
    fromUser: str | UnsetType = UNSET
    xHeaders: dict[str, Any] | UnsetType = UNSET
    pHeaders: dict[str, Any] | UnsetType = UNSET
    calledParty: str
    diversionHeaders: str | UnsetType = UNSET
    referredBy: str | UnsetType = UNSET
    paiNumber: str | UnsetType = UNSET
    subject: str | UnsetType = UNSET
    srcAddr: str | UnsetType = UNSET


class Applications:
    """The applications of this contract, as `adapter.engine.ports.Applications` wants them."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def ask(self, call: Call, question: Ask) -> Instruction:
        """Put a question to the application of a call.

        Raises:
            NoAnswer: with the words of the alarm.
        """
        asking = self._asking
        domain = asking.directory.domain(call.owner)
        if domain is None:
            log.warning("the domain is gone", extra={"call": call.id, "domain": call.owner})
            raise NoAnswer(_FAILED[question.topic])
        if question.topic is Topic.OFFER:
            invite = await asking.headers(call.channel)
            body = new_call(call, invite, asking.ivr_server)
            return parse.offer(await self._answer(call, domain, question, body))
        reply = words.command_id(domain, call, words.COMMAND, question.question)
        body = words.get_ivr_command(call, reply, asking.ivr_server)
        answer = await self._answer(call, domain, question, body)
        return parse.command(
            answer,
            call,
            question.question.rpartition(".")[2],
            domain.voices,
            lambda name: asking.prompt_file(domain.name, name),
        )

    async def _answer(self, call: Call, domain: Domain, question: Ask, body: bytes) -> bytes:
        """The body of the first 2xx answer."""
        path = _PATHS[question.topic]
        for base in _bases(call, domain):
            try:
                status, answer = await self._post(domain, f"{base}/{path}", question, body)
            except NoAnswer as none:
                fault = str(none)
            else:
                if 200 <= status < 300:
                    return answer
                fault = f"HTTP {status}"
            detail = {"call": call.id, "question": path, "base": base, "error": fault}
            log.warning("the application did not answer", extra=detail)
        raise NoAnswer(_FAILED[question.topic])

    async def _post(
        self, domain: Domain, url: str, question: Ask, body: bytes
    ) -> tuple[int, bytes]:
        asking = self._asking
        now = asking.now()
        message = question.question.replace(".", "-")  # a webhook-id has no dot
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {callback_token(domain, body, now)}",
            **asking.sign(message, int(now), body, domain.webhook_secret),
        }
        return await asking.post(url, body, headers, asking.timeout)


def new_call(call: Call, invite: Invite, server: str) -> bytes:
    """The body of `newCall`.

    `callingParty` is the number of P-Asserted-Identity, else of From (RFC 3325); the trunk's
    setting decides which of them Asterisk believes, when the INVITE cannot be read.
    """
    sender = parse_address(invite.first("From"))
    asserted = _asserted(invite)
    caller = asserted.user or sender.user or call.caller
    body = NewCall(
        sessionId=call.id,
        sipCallId=call.context.get("sip_call_id") or UNSET,
        ivrServer=server or UNSET,
        callingPartyPrivacy="secret" if _secret(call, invite, sender) else "public",
        callingParty=caller or UNSET,
        displayName=asserted.display or sender.display or call.context.get("caller_name") or UNSET,
        fromUser=sender.user or UNSET,
        xHeaders=_prefixed(invite, "x-"),
        pHeaders=_prefixed(invite, "p-"),
        calledParty=call.callee,
        diversionHeaders=", ".join(invite.all("Diversion")) or UNSET,
        referredBy=invite.first("Referred-By") or UNSET,
        paiNumber=asserted.user or UNSET,
        subject=invite.first("Subject") or UNSET,
        srcAddr=invite.source or UNSET,
    )
    return _encode(body)


def _bases(call: Call, domain: Domain) -> Iterator[str]:
    yield call.context["callback_url"].rstrip("/")
    if domain.fallback_url:
        yield domain.fallback_url.rstrip("/")


def _asserted(invite: Invite) -> Address:
    """The first P-Asserted-Identity that has a user (there may be a sip and a tel URI)."""
    found = [parse_address(one) for one in invite.all("P-Asserted-Identity")]
    return next((one for one in found if one.user), Address())


def _secret(call: Call, invite: Invite, sender: Address) -> bool:
    """Whether the caller wants to be unknown (RFC 3323, 4.1.1.3 and 4.2; RFC 3325, 9.3)."""
    wanted = {part.strip().lower() for value in invite.all("Privacy") for part in value.split(";")}
    if wanted & {"id", "user", "header"} or sender.host.lower() == "anonymous.invalid":
        return True
    return not (call.caller or sender.user)


def _prefixed(invite: Invite, prefix: str) -> dict[str, Any] | UnsetType:
    """The headers with this prefix; one that is repeated has a list."""
    found: dict[str, Any] = {}
    for name, values in invite.headers.items():
        if name.lower().startswith(prefix):
            found[name] = values[0] if len(values) == 1 else list(values)
    return found or UNSET
