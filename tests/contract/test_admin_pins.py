"""Shared numbers through the admin API: each is named with its PIN."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.admin_api import SETTINGS, AdminApi
from tests.contract.stack import APP, OTHER_APP, RINGS, Stack

SHARED = "/numbers/4612300*0471"


@pytest.fixture
async def api(idle: Stack) -> AsyncIterator[AdminApi]:
    """An adapter with the admin API."""
    idle.configure(SETTINGS)
    await idle.start()
    yield AdminApi(idle)
    await idle.stop()


async def test_a_shared_number(api: AdminApi) -> None:
    """Declared, shown, listed and removed by its name; another PIN is another number."""
    made = await api.done("PUT", SHARED, {"app": APP, "voicemail_detection": True})
    assert (made["number"], made["pin"], made["voicemail_detection"]) == ("4612300", "0471", True)
    await api.done("PUT", "/numbers/4612300*9", {"app": OTHER_APP, "pin": "9"})
    assert (await api.done("GET", SHARED))["app"] == APP
    page = await api.done("GET", "/numbers?after=4612300&limit=2")
    assert [(one["number"], one["pin"]) for one in page["numbers"]] == [
        ("4612300", "0471"),
        ("4612300", "9"),
    ]
    assert (await api.done("DELETE", SHARED)) == {"removed": True}
    await api.refused(404, "GET", SHARED)
    assert (await api.done("GET", "/numbers/4612300*9"))["app"] == OTHER_APP


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("4612300*0471", {"pin": "0472"}, "pin"),
        ("4612300", {"pin": "0471"}, "pin"),
        ("4612300*12a", {}, "pin"),
        (f"{RINGS}*1", {}, "pin"),
        ("4612300*0471", {"pin_prompt": "nothing"}, "pin_prompt"),
    ],
)
async def test_what_is_refused(api: AdminApi, name: str, body: dict[str, str], field: str) -> None:
    """A PIN that is not the path's or no PIN; and a number that another app has alone."""
    error = await api.refused(400, "PUT", f"/numbers/{name}", {"app": APP, **body})
    assert error["field"] == field
