"""`/openapi.json` as the yardstick of what the adapter says: replies and webhooks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

_KINDS = {
    "playstate": "enablex_play",
    "asr_id": "enablex_speech",
    "recording_id": "enablex_recording",
    "digit": "enablex_keys",
    "voice_Id": "enablex_bridge",
}


def kind_of(webhook: Mapping[str, Any]) -> str:
    """The kind of a webhook, by the key that only this kind has: one of state and playstate."""
    assert ("state" in webhook) != ("playstate" in webhook), webhook
    return next((kind for key, kind in _KINDS.items() if key in webhook), "enablex_call")


class Document:
    """An OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def reply(self, method: str, path: str, status: int, body: Any) -> None:
        """The reply to a documented operation has a documented status and body."""
        operation = self._operation(method, path)
        if operation is None:
            return
        documented = operation["responses"].get(str(status))
        assert documented is not None, f"{status} of {method} {path}: {body}"
        self._validate(documented["content"]["application/json"]["schema"], body)

    def webhook(self, body: Mapping[str, Any]) -> None:
        """A webhook, if it is not encrypted, is of one kind and has its documented body."""
        if "encrypted_data" not in body:
            webhook = self._document["webhooks"][kind_of(body)]["post"]
            content = webhook["requestBody"]["content"]
            self._validate(content["application/json"]["schema"], body)

    def _operation(self, method: str, path: str) -> Any:
        for template, item in self._document["paths"].items():
            pattern = re.sub(r"\{\w+\}", "[^/]+", template.removeprefix("/voice/v1"))
            if re.fullmatch(pattern + "/?", path.partition("?")[0]):
                return item.get(method.lower())
        return None

    def _validate(self, schema: Any, body: Any) -> None:
        components = {"components": self._document["components"]}
        Draft202012Validator(schema | components).validate(body)
