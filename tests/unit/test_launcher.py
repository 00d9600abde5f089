"""The launcher without an Asterisk: settings, templates, ports, processes, steps."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

CONF = Path(__file__).resolve().parents[2] / "asterisk-conf"
sys.path.insert(0, str(CONF))

from launcher import carrier, ports, process, render  # noqa: E402
from launcher.errors import LauncherError  # noqa: E402
from launcher.settings import Settings  # noqa: E402
from launcher.tree import Layout  # noqa: E402

SETTINGS = Settings(
    role="adapter",
    dir="/srv/a",
    name="adapter",
    app="ari-voice",
    bind="127.0.0.1",
    http_bind="127.0.0.1",
    http_port=18088,
    ami_port=18092,
    sip_port=15060,
    rtp_start=16000,
    rtp_end=16999,
    ari_user="ari-voice",
    ari_password="a-password-of-a-test",
)
CARRIER = replace(
    SETTINGS, role="carrier", adapter_sip="127.0.0.1:5060", trunk_password="another-password"
)


def asterisk_in(folder: Path) -> Layout:
    """The files of an Asterisk that rendering looks at, empty."""
    modules, data = folder / "modules", folder / "share"
    modules.mkdir()
    for listing in CONF.glob("*/modules.txt"):
        for line in listing.read_text().splitlines():
            if line.endswith(".so"):
                (modules / line.lstrip("?")).touch()
    (data / "documentation").mkdir(parents=True)
    prompts = data / "sounds/en_US_f_Allison"
    prompts.mkdir(parents=True)
    (prompts / "beep.wav").touch()
    return Layout(folder / "asterisk", modules, data)


@pytest.mark.parametrize("settings", [SETTINGS, CARRIER])
def test_every_template_renders(settings: Settings, tmp_path: Path) -> None:
    """No setting is left over in any file, and the dialplan's own ${...} are untouched."""
    files = render.configuration(settings, asterisk_in(tmp_path))
    assert [name for name, text in files.items() if "%%" in text] == []
    assert "password = a-password-of-a-test" in files["ari.conf"]
    assert "rtpend = 16999" in files["rtp.conf"]
    assert "load=res_pjsip.so" in files["modules.conf"]
    if settings.role == "adapter":
        assert "Stasis(ari-voice,inbound)" in files["extensions.conf"]
    else:
        assert "${EXTEN:1}" in files["extensions.conf"]
        assert "contact = sip:127.0.0.1:5060" in files["pjsip.conf"]


def test_address_translation_is_in_each_transport(tmp_path: Path) -> None:
    """With an external address both transports have it; without one nothing speaks of it."""
    behind = replace(SETTINGS, external_address="192.0.2.7", local_net=("10.0.0.0/8", "192.0.2.1"))
    text = render.configuration(behind.checked(), asterisk_in(tmp_path))["pjsip.conf"]
    assert text.count("external_media_address = 192.0.2.7\n") == 2
    assert text.count("external_signaling_address = 192.0.2.7\n") == 2
    assert text.count("local_net = 10.0.0.0/8\nlocal_net = 192.0.2.1\n") == 2
    (tmp_path / "plain").mkdir()
    plain = render.configuration(SETTINGS, asterisk_in(tmp_path / "plain"))["pjsip.conf"]
    assert "external_media" not in plain
    assert "local_net =" not in plain
    assert Settings.from_json(behind.to_json()) == behind


def with_tls(settings: Settings, folder: Path) -> Settings:
    """The settings with a certificate, its key and authorities: files that are there."""
    names = {name: folder / f"{name}.pem" for name in ("tls_cert", "tls_key", "tls_ca")}
    for file in names.values():
        file.touch()
    files = {name: str(file) for name, file in names.items()}
    return replace(settings, tls_port=15061, adapter_tls="127.0.0.1:5061", **files)  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [SETTINGS, CARRIER])
def test_tls_when_there_is_a_certificate(settings: Settings, tmp_path: Path) -> None:
    """With one there is a transport that verifies whom it calls; without one, nothing of it."""
    layout = asterisk_in(tmp_path)
    secure = replace(with_tls(settings, tmp_path), external_address="192.0.2.7").checked()
    files = render.configuration(secure, layout)
    text = files["pjsip_tls.conf"]
    assert "#include pjsip_tls.conf\n" in files["pjsip.conf"]
    assert "protocol = tls\nbind = 127.0.0.1:15061\n" in text
    assert f"cert_file = {tmp_path}/tls_cert.pem\npriv_key_file = {tmp_path}/tls_key.pem\n" in text
    assert f"ca_list_file = {tmp_path}/tls_ca.pem\nverify_server = yes\n" in text
    if settings.role == "adapter":
        assert "external_media_address = 192.0.2.7\n" in text
    assert render.configuration(settings, layout)["pjsip_tls.conf"] == ""
    assert Settings.from_json(secure.to_json()) == secure


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tls_key": ""}, "go together"),
        ({"tls_cert": ""}, "go together"),
        ({"tls_ca": "/nowhere/ca.pem"}, "--tls-ca: no such file: /nowhere/ca.pem"),
        ({"tls_key": "/nowhere/key.pem"}, "--tls-key: no such file"),
        ({"tls_cert": "/srv/a;b.pem"}, "--tls-cert: its name"),
        ({"adapter_tls": ""}, "--adapter-tls is malformed"),
    ],
)
def test_tls_that_cannot_be(change: dict[str, str], named: str, tmp_path: Path) -> None:
    """Half a pair, a file that is not there, and a name that would begin a comment are refused."""
    with pytest.raises(LauncherError, match=named):
        replace(with_tls(CARRIER, tmp_path), **change).checked()  # type: ignore[arg-type]


def test_context_of_outbound_legs_holds_nothing(tmp_path: Path) -> None:
    """A 302 finds no extension in it: the section is the last and empty."""
    text = render.configuration(SETTINGS, asterisk_in(tmp_path))["extensions.conf"]
    _, _, behind = text.partition("\n[blocked]\n")
    assert behind.strip() == ""
    assert "[blocked]" in text


def test_ami_is_the_adapters_alone(tmp_path: Path) -> None:
    """It has one account, without events, for private addresses; the carrier has no AMI."""
    layout = asterisk_in(tmp_path)
    text = render.configuration(SETTINGS, layout)["manager.conf"]
    assert "bindaddr = 127.0.0.1\nport = 18092\n" in text
    assert "[ari-voice]\nsecret = a-password-of-a-test\n" in text
    assert "deny = 0.0.0.0/0.0.0.0" in text
    assert "\nread =\nwrite = system,call\n" in text
    shut = render.configuration(CARRIER, layout)["manager.conf"]
    assert "enabled = no" in shut
    assert "secret" not in shut


def test_missing_module_is_named(tmp_path: Path) -> None:
    """A required module that is not there fails by name; an optional one is left out."""
    layout = asterisk_in(tmp_path)
    (layout.modules / "codec_opus_open_source.so").unlink()
    assert "opus_open" not in render.configuration(SETTINGS, layout)["modules.conf"]
    (layout.modules / "chan_pjsip.so").unlink()
    with pytest.raises(LauncherError, match=r"chan_pjsip\.so"):
        render.configuration(SETTINGS, layout)


def test_rendered_folder_is_private(tmp_path: Path) -> None:
    """Folder 0700, files 0600, and music on hold has a file even without the package's music."""
    root = render.render(replace(SETTINGS, dir=str(tmp_path / "i")), asterisk_in(tmp_path))
    assert root.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (root / "etc").iterdir()} == {0o600}
    assert (root / "moh/chord.wav").stat().st_size > 44
    assert (root / "data/sounds/en/beep.wav").is_file()


@pytest.mark.parametrize(
    "change",
    [
        {"app": "a,b"},
        {"app": "a\n[x]"},
        {"app": "a\n"},
        {"ari_password": "short"},
        {"ari_password": "with;comment"},
        {"bind": "localhost"},
        {"external_address": "192.0.2.7\n[x]"},
        {"external_address": "192.0.2.7", "local_net": ("10.0.0.0/8;",)},
        {"dir": "/srv/with space"},
        {"dir": "/srv/" + "x" * 90},
    ],
)
def test_settings_that_would_break_a_file(change: dict[str, object]) -> None:
    """What could end a line, begin a comment, or cut off the control socket is refused."""
    with pytest.raises(LauncherError):
        replace(SETTINGS, **change).checked()  # type: ignore[arg-type]


def test_a_refused_password_is_not_shown() -> None:
    """The error does not repeat it."""
    with pytest.raises(LauncherError) as refused:
        replace(SETTINGS, ari_password="se;cret-word").checked()
    assert "cret-word" not in str(refused.value)


def test_settings_survive_json() -> None:
    """A restart reads what a start wrote, other keys aside."""
    assert Settings.from_json({**CARRIER.to_json(), "pid": 1}) == CARRIER


def test_instances_share_no_ports() -> None:
    """While one instance's reservation is held, another gets ports elsewhere."""
    one, held = ports.choose(ports.Wish(), "127.0.0.1", "127.0.0.1")
    other, more = ports.choose(ports.Wish(), "127.0.0.1", "127.0.0.1")
    try:
        ranges = sorted([(one.http, one.rtp_end), (other.http, other.rtp_end)])
        assert ranges[0][1] < ranges[1][0]
        with pytest.raises(LauncherError, match="overlap"):
            ports.choose(ports.Wish(rtp_start=one.rtp_start), "127.0.0.1", "127.0.0.1")
    finally:
        for holder in (*held, *more):
            holder.close()


def test_taken_port_is_named() -> None:
    """A wished port that somebody has fails with its number."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(LauncherError, match=str(taken)):
            ports.choose(ports.Wish(http=taken), "127.0.0.1", "127.0.0.1")


def test_only_the_same_process_counts_as_alive() -> None:
    """A process id that was given out again is another process, and is never signalled."""
    with subprocess.Popen(["sleep", "60"]) as child:
        born = process.birth(child.pid)
        assert process.lives(child.pid, born)
        assert not process.end(child.pid, "1", 0.0)
        assert process.lives(child.pid, born)
        assert process.end(child.pid, born, 5.0)  # a zombie now: dead enough
        assert not process.lives(child.pid, born)


@pytest.mark.parametrize("behave", ["", "echo", "wait:2,press:12#*,speak,machine,hangup:1.5"])
def test_known_steps(behave: str) -> None:
    """Steps are taken as they are."""
    assert carrier.steps(behave) == behave


@pytest.mark.parametrize(
    "behave", ["dance", "press:", "wait:x", "echo;hangup", "press:1)", "ring:3"]
)
def test_unknown_steps(behave: str) -> None:
    """Nothing that the dialplan would not know, or would take for syntax, gets through."""
    with pytest.raises(LauncherError):
        carrier.steps(behave)


@pytest.mark.parametrize("line", ["X-A", "X A: b", "X-A: b\r\nX-B: c", ": b", "X-A: \x00"])
def test_malformed_headers(line: str) -> None:
    """A header cannot bring another one along."""
    with pytest.raises(LauncherError):
        carrier.headers([line])


def test_headers() -> None:
    """Name and value are told apart at the first colon."""
    assert carrier.headers(["X-A: b:c", "X-B:d"]) == {"X-A": "b:c", "X-B": "d"}


def test_command_line_fails_in_one_line(tmp_path: Path) -> None:
    """No traceback: one line on stderr, status 1."""
    done = subprocess.run(
        [sys.executable, str(CONF / "launcher"), "stop", "--dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "no instance" in done.stderr
