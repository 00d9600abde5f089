"""Our ARI types against the resource files that the running Asterisk ships.

Without a real Asterisk the first part still shows that the comparison can fail.
"""

from __future__ import annotations

import base64
import json
import urllib.request
from typing import Any

import pytest

from adapter.ari import verbs
from adapter.ari.resources import Variable
from tests.live import drift
from tests.live.asterisk import Instance

RESOURCES = sorted({verb.resource for verb in verbs.ALL})


def _model(**fields: str) -> dict[str, Any]:
    return {"properties": {name: {"type": kind, "required": True} for name, kind in fields.items()}}


def test_a_changed_field_is_seen() -> None:
    """A missing field, another type, and a field that became optional are each named."""

    def said(model: dict[str, Any]) -> list[str]:
        return list(drift.struct_differences(Variable, "Variable", {"Variable": model}, set()))

    assert said(_model(value="string")) == []
    assert said(_model(val="string")) == ["Variable.value: no such field"]
    assert len(said(_model(value="int"))) == 1
    optional = _model(value="string")
    optional["properties"]["value"]["required"] = False
    assert said(optional) == ["Variable.value: optional there, required here"]
    assert list(drift.struct_differences(Variable, "Variable", {}, set())) != []


def test_a_changed_request_is_seen() -> None:
    """A moved path, another method and a missing parameter are each named."""

    def said(path: str, method: str, *names: str) -> list[str]:
        parameters = [{"name": name} for name in names]
        operations = [{"httpMethod": method, "parameters": parameters}]
        document = {"apis": [{"path": path, "operations": operations}]}
        return list(drift.verb_differences(verbs.DIAL, document))

    assert said("/channels/{channelId}/dial", "POST", "caller", "timeout") == []
    assert said("/channels/{channelId}/dial", "POST", "caller") == ["dial: no parameter timeout"]
    assert len(said("/channels/{channelId}/dial", "PUT")) == 1
    assert len(said("/channels/{id}/dial", "POST")) == 1


@pytest.fixture(scope="session")
def documents(shared_asterisk: Instance) -> dict[str, Any]:
    """The resource files of the running Asterisk, by resource."""
    pair = f"{shared_asterisk.ari_user}:{shared_asterisk.ari_password}"
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    found = {}
    for resource in RESOURCES:
        url = f"http://127.0.0.1:{shared_asterisk.http_port}/ari/api-docs/{resource}.json"
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            found[resource] = json.loads(answer.read())
    return found


@pytest.mark.live
def test_every_event_is_as_asterisk_describes_it(documents: dict[str, Any]) -> None:
    """Each event type and field that we read exists there with a type that fits."""
    assert list(drift.event_differences(drift.models_of(documents))) == []


@pytest.mark.live
def test_every_resource_is_as_asterisk_describes_it(documents: dict[str, Any]) -> None:
    """Each field of each answer that we read exists there with a type that fits."""
    assert list(drift.resource_differences(drift.models_of(documents))) == []


@pytest.mark.live
@pytest.mark.parametrize("verb", verbs.ALL, ids=lambda verb: verb.name)
def test_every_request_is_as_asterisk_describes_it(
    verb: verbs.Verb, documents: dict[str, Any]
) -> None:
    """Path, method and every parameter that we send exist there."""
    assert list(drift.verb_differences(verb, documents[verb.resource])) == []
