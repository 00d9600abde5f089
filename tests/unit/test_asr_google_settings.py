"""Google's recogniser: its settings, its credentials, its languages, and that it insists on TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from adapter.plugin_api import CannotStart, LanguageNotSupported, Unavailable
from plugins.asr_google import GoogleASR
from plugins.asr_google.languages import LANGUAGES
from tests.fakes.google_speech import GoogleSpeech
from tests.unit.test_asr_google import begin, request, start


@pytest.fixture
def service() -> Iterator[GoogleSpeech]:
    """Google, on loopback."""
    service = GoogleSpeech()
    yield service
    service.stop()


async def test_languages(service: GoogleSpeech) -> None:
    """Ours are tags, none twice; the setting goes before them."""
    assert len(set(LANGUAGES)) == len(LANGUAGES)
    asr = await start(service, languages=["sw-KE"])
    assert asr.capabilities.languages == ("sw-KE",)
    with pytest.raises(LanguageNotSupported):
        await asr.recognise(request(language="en-US"))
    await asr.close()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"modell": "x"}, "modell"),
        ({"model": 1}, "model"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"endpoint": 443}, "endpoint"),
        ({"languages": []}, "languages"),
        ({"languages": "en-US"}, "languages"),
        ({"languages": ["en-US", ""]}, "languages"),
        ({"insecure": "true"}, "insecure"),
        ({"insecure": True}, "loopback"),
        ({"insecure": True, "endpoint": "speech.googleapis.com:443"}, "loopback"),
        ({"insecure": True, "endpoint": "192.0.2.1:80"}, "loopback"),
        ({"insecure": True, "endpoint": "localhost.example:80"}, "loopback"),
    ],
)
async def test_bad_settings(settings: dict[str, object], word: str) -> None:
    """What can't work, or would send speech in the clear, is CannotStart and names the setting."""
    with pytest.raises(CannotStart, match=word):
        await GoogleASR.start(settings)


@pytest.mark.parametrize("content", [None, "", "{}", '{"type": "service_account"}'])
async def test_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    """A key file that is missing or none at all is CannotStart, which says what to set."""
    key = tmp_path / "key.json"
    if content is not None:
        key.write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with pytest.raises(CannotStart, match="GOOGLE_APPLICATION_CREDENTIALS") as raised:
        await GoogleASR.start({})
    assert str(tmp_path) not in str(raised.value)


async def test_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where nothing is set and no cloud machine gives any."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(CannotStart, match="GOOGLE_APPLICATION_CREDENTIALS"):
        await GoogleASR.start({})


async def test_key_file_and_tls(
    service: GoogleSpeech, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A good key file starts it, without asking anybody; speech never goes out without TLS."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    key = {
        "type": "service_account",
        "client_email": "someone@example.com",
        "private_key": private.decode(),
        "token_uri": "http://127.0.0.1:9/token",
    }
    (tmp_path / "key.json").write_text(json.dumps(key))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    asr = await GoogleASR.start({"endpoint": service.endpoint})
    with pytest.raises(Unavailable):
        await (await begin(asr, "x")).finish()
    await asr.close()
    assert service.seen == []
