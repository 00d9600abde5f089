"""Apps, domains, trunks, numbers and phones through the admin API, and what they do at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapter import provisioned
from adapter.contracts.admin.provisioning import COLLECTIONS
from adapter.core.tenants import App, Domain
from tests.contract.admin_api import SETTINGS, AdminApi
from tests.contract.stack import APP, OTHER_APP, RINGS, Stack, eventually
from tests.fakes import tokens


@pytest.fixture
async def api(idle: Stack) -> AsyncIterator[AdminApi]:
    """An adapter with the admin API."""
    idle.configure(SETTINGS)
    await idle.start()
    yield AdminApi(idle)
    await idle.stop()


DOMAIN = {
    "callback_url": "http://127.0.0.1:9/ivr",
    "api_public_key": tokens.public_pem("application"),
    "api_user": "api",
    "api_password": "hush-0123456789abcdef",
}
SECRETS = {"key", "password", "webhook_secret", "api_password", "signing_key", "reply_secret",
           "key_hash", "api_password_hash"}  # fmt: skip


async def test_a_new_app_works_at_once(api: AdminApi) -> None:
    """Its generated key opens the voice API in the next request, and is told only once."""
    made = await api.done("PUT", "/apps/new-app", {"allowed_destinations": ["+1555"]})
    assert made["id"] == "new-app"
    assert made["webhook_secret"].startswith("whsec_")
    assert made["allowed_destinations"] == ["+1555"]
    reply = await api.stack.ask("GET", "/call/x", auth=("new-app", made["key"]))
    assert reply.status == 404
    shown = await api.done("GET", "/apps/new-app")
    assert shown == {key: value for key, value in made.items() if key not in SECRETS}
    again = await api.done("PUT", "/apps/new-app", {})
    assert "key" not in again
    assert again["allowed_destinations"] == []
    reply = await api.stack.ask("GET", "/call/x", auth=("new-app", made["key"]))
    assert reply.status == 404  # an app that is declared again keeps its key


async def test_a_key_is_replaced(api: AdminApi) -> None:
    """The old one is refused from the next request on; the new one is in no reply."""
    before = await api.done("PUT", "/apps/a", {})
    after = await api.done("PUT", "/apps/a", {"key": "another-key-0123456789"})
    assert "key" not in after
    for key, status in ((before["key"], 401), ("another-key-0123456789", 404)):
        assert (await api.stack.ask("GET", "/call/x", auth=("a", key))).status == status


async def test_whole_objects(api: AdminApi) -> None:
    """What is put is what is got, for every kind; again is 200, and a changed one is changed."""
    bodies: dict[str, dict[str, Any]] = {
        "apps/a": {"event_url": "http://127.0.0.1:9/x", "webhook_encryption": "aes-256-cbc",
                   "webhook_encryption_format": "hex", "allowed_destinations": ["+46"]},
        "trunks/t": {"uri": "sip:127.0.0.1:5090", "username": "u", "password": "p-1",
                     "register": True, "match": ["192.0.2.0/24"], "caller_id_header": "from",
                     "srtp": False},
        "domains/d.example": DOMAIN | {"voices": {"Joanna": "en-US/female"}, "trunk": "t",
                                       "max_session": 60.0, "alarm_url": None,
                                       "fallback_url": None, "allowed_destinations": []},
        "numbers/4612300": {"app": "a", "domain": None, "service": "voice", "event_url": None,
                            "trunk": "t", "inbound": True, "outbound": False,
                            "greeting": "default", "outbound_greeting": None,
                            "accept_timeout": 5.0},
        "phones/0003*211": {"password": "long-enough", "name": "Åsa", "recording": True,
                             "srtp": True},
    }  # fmt: skip
    for path, body in bodies.items():
        assert (await api.ask("PUT", f"/{path}", body))[0] == 201
        assert (await api.ask("PUT", f"/{path}", body))[0] == 200
        shown = await api.done("GET", f"/{path}")
        assert {key: shown[key] for key in body if key not in SECRETS} == {
            key: value for key, value in body.items() if key not in SECRETS
        }
        assert not SECRETS & shown.keys()
    changed = await api.done("PUT", "/numbers/4612300", {"app": "a"})
    assert changed["trunk"] is None
    assert changed["accept_timeout"] == 30.0
    key = (await api.done("GET", "/domains/d.example"))["callback_public_key"]
    assert key.startswith("-----BEGIN PUBLIC KEY-----")
    assert api.stack.command("domain-key", "d.example") == (0, key)


async def test_secrets_that_are_left_out_stay(api: AdminApi) -> None:
    """A phone's, a trunk's and a domain's password survive a PUT without them."""
    store = api.stack.adapter._provisioning
    await api.done("PUT", "/phones/0004", {"password": "long-enough"})
    await api.done("PUT", "/phones/0004", {"name": "x"})
    phone = store.phone("0004")
    assert phone is not None
    assert (phone.password, phone.name) == ("long-enough", "x")
    trunk = {"uri": "sip:127.0.0.1:5090", "username": "u"}
    await api.done("PUT", "/trunks/t", trunk | {"password": "p-1"})
    await api.done("PUT", "/trunks/t", trunk | {"register": True})
    stored = store.trunk("t")
    assert stored is not None
    assert (stored.password, stored.register) == ("p-1", True)
    error = await api.refused(400, "PUT", "/trunks/t", trunk | {"username": "other"})
    assert error["field"] == "password"
    made = await api.done("PUT", "/domains/d", DOMAIN)
    before = store.domain("d")
    rest = {key: value for key, value in DOMAIN.items() if key != "api_password"}
    kept = await api.done("PUT", "/domains/d", rest)
    assert store.domain("d") == before
    assert "webhook_secret" in made
    assert "webhook_secret" not in kept
    error = await api.refused(400, "PUT", "/domains/d", rest | {"api_user": "other"})
    assert error["field"] == "api_password"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("apps/a", {"event_ulr": "http://127.0.0.1/"}, "event_ulr"),
        ("apps/a", {"event_url": "http://10.0.0.1/"}, "event_url"),
        ("apps/a", {"key": "hush"}, "key"),
        ("apps/a", {"id": "b"}, "id"),
        ("apps/..%20", {}, "id"),
        ("apps/a", {"allowed_destinations": ["?"]}, "allowed_destinations"),
        ("numbers/4612300", {"app": "nobody"}, "app"),
        ("numbers/4612300", {}, "app"),
        ("numbers/4612300", {"app": APP, "trunk": "nothing"}, "trunk"),
        ("numbers/4612300", {"app": APP, "greeting": "nothing"}, "greeting"),
        ("numbers/hello", {"app": APP}, "number"),
        ("trunks/t", {}, "uri"),
        ("trunks/t", {"uri": "sip:127.0.0.1", "match": ["127.0.0.1"]}, "match"),
        ("phones/0004", {}, "password"),
        ("phones/0004", {"password": 5}, "password"),
        ("domains/d", DOMAIN | {"api_public_key": "x"}, "api_public_key"),
        ("domains/d", {"callback_url": "http://127.0.0.1:9/"}, "api_public_key"),
        ("domains/d", {"api_public_key_file": "/etc/passwd"}, "api_public_key_file"),
        ("domains/d", DOMAIN | {"signing_key_file": "x.pem"}, "signing_key_file"),
        (f"domains/{APP}", DOMAIN, "name"),
    ],
)
async def test_the_same_checks_as_apply(
    api: AdminApi, path: str, body: dict[str, Any], field: str
) -> None:
    """400 that names the field and repeats no secret; nothing is written."""
    generation = api.stack.adapter._provisioning.generation()
    error = await api.refused(400, "PUT", f"/{path}", body)
    assert (error["code"], error["field"]) == ("invalid", field)
    assert "hush" not in error["message"]
    assert api.stack.adapter._provisioning.generation() == generation


async def test_all_findings_are_told(api: AdminApi) -> None:
    """One request is enough to know everything that is wrong."""
    body = {"event_url": "ftp://x", "key": "short", "webhook_encryption": "rot13"}
    message = (await api.refused(400, "PUT", "/apps/a", body))["message"]
    for key in body:
        assert f"{key}: " in message


async def test_pages(api: AdminApi) -> None:
    """`after` leads through a list, each object once; the last page has no next."""
    for number in range(7):
        await api.done("PUT", f"/phones/900{number}", {"password": "long-enough"})
    seen: list[str] = []
    after = ""
    while True:
        page = await api.done("GET", f"/phones?limit=3&after={after}")
        seen += [phone["extension"] for phone in page["phones"]]
        if page["next"] is None:
            break
        assert len(page["phones"]) == 3
        after = page["next"]
    assert seen == ["0003*210", *(f"900{number}" for number in range(7))]


@pytest.mark.parametrize("of", COLLECTIONS, ids=lambda of: of.plural)
async def test_what_is_not_there(api: AdminApi, of: Any) -> None:
    """404 for names of nothing, odd ones too."""
    for name in ("nothing", "%00", "%2e%2e", "%ff", "x" * 3000):
        assert (await api.refused(404, "GET", f"/{of.plural}/{name}"))["code"] == "not_found"
        assert (await api.refused(404, "DELETE", f"/{of.plural}/{name}"))["code"] == "not_found"


async def test_what_is_used_stays(api: AdminApi) -> None:
    """409 names what has to go first; then it goes, in the order of the references."""
    await api.done("PUT", "/domains/d", DOMAIN | {"trunk": "carrier"})
    await api.done("PUT", "/numbers/4612300", {"domain": "d"})
    error = await api.refused(409, "DELETE", f"/apps/{APP}")
    assert error["code"] == "in_use"
    assert f"number {RINGS}" in error["message"]
    message = (await api.refused(409, "DELETE", "/trunks/carrier"))["message"]
    assert "domain d" in message
    assert "number " in message
    assert "number 4612300" in (await api.refused(409, "DELETE", "/domains/d"))["message"]
    for path in ("numbers/4612300", "domains/d"):
        assert await api.done("DELETE", f"/{path}") == {"removed": True}
        await api.refused(404, "GET", f"/{path}")


async def test_an_app_with_live_calls_stays(api: AdminApi) -> None:
    """Its calls are named; once they are over and its numbers are gone it can go, prompts too."""
    call = await api.stack.connected()
    for number in (await api.done("GET", "/numbers"))["numbers"]:
        if number["app"] == APP:
            await api.done("DELETE", f"/numbers/{number['number']}")
    error = await api.refused(409, "DELETE", f"/apps/{APP}")
    assert error["message"] == f"app {APP} is used by call {call}"
    await api.stack.hang_up(call)
    await api.stack.over(call)
    await api.done("DELETE", f"/apps/{APP}")
    assert (await api.stack.ask("GET", f"/call/{call}")).status == 401
    media = api.stack.folder / "media" / "prompts"
    assert len(list(media.rglob("*.wav"))) == 1  # the other app's prompt has the same audio


async def test_webhooks_of_a_removed_app_are_given_up(api: AdminApi) -> None:
    """What could not be signed any more is no longer tried."""
    stack = api.stack
    app = await api.done("PUT", "/apps/a", {"allowed_destinations": ["*"]})
    await api.done("PUT", "/numbers/4612300", {"app": "a", "trunk": "carrier"})
    stack.sink.script(*[503] * 99, path="/gone")
    order = {"from": "4612300", "to": "+15559001", "event_url": stack.sink.url("/gone")}
    call = (await stack.ask("POST", "/call", order, auth=("a", app["key"])))["voice_id"]
    await stack.sink.wait_for(1)
    await stack.ask("DELETE", f"/call/{call}", auth=("a", app["key"]))
    await eventually(lambda: call not in stack.adapter._engine.live)
    await api.done("DELETE", "/numbers/4612300")
    await api.done("DELETE", "/apps/a")
    webhooks = (await api.done("GET", "/webhooks?app=a"))["webhooks"]
    assert {one["state"] for one in webhooks} == {"dead"}


async def test_trunks_and_phones_are_in_asterisk_at_once(
    api: AdminApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PUT is pushed without waiting for the poll."""
    monkeypatch.setattr(provisioned, "POLL", 60.0)
    await asyncio.sleep(1.2)  # the poll that was to come
    await api.done("PUT", "/phones/0004", {"password": "long-enough"})
    await api.done("PUT", "/trunks/t", {"uri": "sip:127.0.0.1:5090"})
    wanted = {("endpoint", "0004"), ("endpoint", "trunk-t")}
    await eventually(lambda: wanted <= set(api.stack.ari.config))


async def test_a_domain_takes_its_files_along(api: AdminApi) -> None:
    """Who gets the name next does not get the prompt files of the one before."""
    await api.done("PUT", "/domains/d", DOMAIN)
    files = api.stack.adapter._audio.files
    await files.put("d", "a.wav", (api.stack.folder / "welcome.wav").read_bytes())
    await api.done("DELETE", "/domains/d")
    assert files.original("d", "a.wav") is None


async def test_another_apps_objects_are_not_touched(api: AdminApi) -> None:
    """Every PUT changes its one object and no other."""
    store = api.stack.adapter._provisioning

    def others() -> tuple[App | None, App | None, Domain | None]:
        return store.app(APP), store.app(OTHER_APP), store.domain("x")

    before = others()
    await api.done("PUT", "/apps/a", {})
    await api.done("DELETE", "/apps/a")
    assert others() == before


async def test_what_was_deleted_while_asterisk_was_away(api: AdminApi) -> None:
    """It goes at the next connect, also of a server that has started since; not what is static."""
    ari = api.stack.ari
    await api.done("PUT", "/phones/0004", {"password": "long-enough"})
    trunk = {"uri": "sip:127.0.0.1:5090", "username": "u", "password": "p", "register": True}
    await api.done("PUT", "/trunks/t", trunk | {"match": ["192.0.2.1"]})
    await eventually(lambda: {("auth", "0004"), ("identify", "trunk-t")} <= ari.config.keys())
    static = {("endpoint", name): dict[str, str]() for name in ("0005", "trunk-x", "desk")}
    ari.config.update(static)
    ari.static_config.update(static)
    await ari.refuse_connections()
    await eventually(lambda: bool(api.stack.adapter.not_ready()))
    await api.done("DELETE", "/phones/0004")
    await api.done("DELETE", "/trunks/t")
    await api.stack.stop()
    await ari.listen()
    assert ("auth", "0004") in ari.config
    await api.stack.start()
    await eventually(lambda: not api.stack.adapter.not_ready())
    assert not [name for _, name in ari.config if name in ("0004", "trunk-t")]
    assert static.keys() <= ari.config.keys()
    assert {("endpoint", "trunk-carrier"), ("endpoint", "0003*210")} <= ari.config.keys()


async def test_what_was_deleted_is_gone_from_asterisk(api: AdminApi) -> None:
    """A phone that was deleted can't register any more, nor a trunk call; the others can."""
    config = api.stack.ari.config
    await api.done("PUT", "/phones/0004", {"password": "long-enough"})
    trunk = {"uri": "sip:127.0.0.1:5090", "username": "u", "password": "p", "register": True}
    await api.done("PUT", "/trunks/t", trunk | {"match": ["192.0.2.1"]})
    await eventually(lambda: {("auth", "0004"), ("identify", "trunk-t")} <= config.keys())
    await api.done("PUT", "/trunks/t", trunk | {"register": False})
    await eventually(lambda: not {("registration", "trunk-t"), ("identify", "trunk-t")} & {*config})
    await api.done("DELETE", "/phones/0004")
    await api.done("DELETE", "/trunks/t")
    await eventually(lambda: not [name for _, name in config if name in ("0004", "trunk-t")])
    assert ("endpoint", "trunk-carrier") in config
    assert ("endpoint", "0003*210") in config
