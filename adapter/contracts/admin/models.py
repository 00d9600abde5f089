"""What a provisioning file can declare: one model for each kind of table.

The models say names, types, defaults and forms. What takes more than one field, or another table,
is in `adapter.contracts.admin.parse`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, defstruct

from adapter.core.masked import Secret
from adapter.core.tenants import EncryptionFormat

AppId = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z",
        description="up to 64 letters, digits and ._-",
    ),
]
TrunkName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z](?:[a-z0-9_-]{0,30}[a-z0-9])?\Z",
        description="up to 32 lower-case letters, digits, - and _, a letter first",
    ),
]
PromptName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,127}\Z",
        description="up to 128 letters, digits, spaces and ._-",
    ),
]
DomainName = Annotated[
    str,
    Meta(
        pattern=r"^(?=.{1,100}\Z)[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_][a-z0-9_-]*)*\Z",
        description="up to 100 lower-case letters, digits, -, _ and single dots",
    ),
]
ApiUser = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}\Z",
        description="up to 64 letters, digits and ._@-",
    ),
]
Digits = Annotated[
    str,
    Meta(pattern=r"^\+?[0-9]{1,32}\Z", description='in quotes: "+46123456" or "46123456"'),
]
Pin = Annotated[str, Meta(pattern=r"^[0-9]{1,16}\Z", description="up to 16 digits, in quotes")]
SipUser = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._~*+-]{1,64}\Z",
        description="up to 64 letters, digits and ._~*+-",
    ),
]
Url = Annotated[str, Meta(max_length=2048, description="an http or https URL")]


class App(Struct, kw_only=True):
    """`[[app]]`"""

    id: AppId
    key: Annotated[Secret, Meta(description="password of the API, at least 16 characters")]
    event_url: Url | None = None
    webhook_encryption: Annotated[
        bool | Literal["aes-128-cbc", "aes-192-cbc", "aes-256-cbc"],
        Meta(description="false, true (aes-128-cbc), or one of these names"),
    ] = False
    webhook_encryption_format: EncryptionFormat = "base64"
    webhook_secret: Annotated[
        Secret | None, Meta(description="whsec_ and 24 to 64 bytes in base64")
    ] = None
    allowed_destinations: Annotated[
        tuple[str, ...], Meta(description="number prefixes and SIP hosts")
    ] = ()
    max_concurrent_calls: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None, Meta(description="at least 1")
    ] = None
    calls_per_second: Annotated[
        Annotated[float, Meta(gt=0, le=10_000)] | None,
        Meta(description="above 0; 0.5 is one in 2 s"),
    ] = None


class Domain(Struct, kw_only=True):
    """`[[domain]]`"""

    name: DomainName
    callback_url: Url
    fallback_url: Url | None = None
    alarm_url: Url | None = None
    api_public_key: Annotated[str | None, Meta(description="RSA, in PEM")] = None
    api_public_key_file: Annotated[
        Path | None, Meta(description="a PEM file, relative to this file")
    ] = None
    api_user: ApiUser | None = None
    api_password: Annotated[Secret | None, Meta(description="at least 16 characters")] = None
    signing_key: Annotated[Secret | None, Meta(description="RSA, private, in PEM")] = None
    signing_key_file: Annotated[
        Path | None, Meta(description="a PEM file, relative to this file")
    ] = None
    webhook_secret: Annotated[
        Secret | None, Meta(description="whsec_ and 24 to 64 bytes in base64")
    ] = None
    voices: Annotated[
        dict[str, str], Meta(description='voice names, such as Joanna = "en-US/female"')
    ] = {}
    max_session: Annotated[Annotated[float, Meta(ge=1, le=86400)], Meta(description="seconds")] = (
        14400.0
    )
    allowed_destinations: Annotated[
        tuple[str, ...], Meta(description="number prefixes and SIP hosts")
    ] = ()
    trunk: TrunkName | None = None


class Trunk(Struct, kw_only=True):
    """`[[trunk]]`"""

    name: TrunkName
    uri: Annotated[str, Meta(description="sip:host[:port][;transport=udp|tcp|tls]")]
    username: SipUser | None = None
    password: Secret | None = None
    register: bool = False
    match: Annotated[
        tuple[str, ...], Meta(description="addresses and networks its calls come from")
    ] = ()
    caller_id_header: Literal["from", "p-asserted-identity"] = "from"
    srtp: bool = False


class Number(Struct, kw_only=True):
    """`[[number]]`"""

    number: Digits
    app: AppId | None = None
    domain: DomainName | None = None
    event_url: Url | None = None
    trunk: TrunkName | None = None
    service: Literal["voice", "video", "ivr", "remote"] | None = None
    inbound: bool = True
    outbound: bool = True
    greeting: PromptName | None = None
    outbound_greeting: PromptName | None = None
    accept_timeout: Annotated[Annotated[float, Meta(ge=1, le=120)], Meta(description="seconds")] = (
        30.0
    )
    pin: Pin = ""
    pin_prompt: PromptName | None = None
    pin_retry_prompt: PromptName | None = None
    pin_goodbye_prompt: PromptName | None = None
    voicemail_detection: bool = False


class Prompt(Struct, kw_only=True):
    """`[[prompt]]`"""

    app: AppId
    name: PromptName
    file: Annotated[Path, Meta(description="an audio file, relative to this file")]


class Phone(Struct, kw_only=True):
    """`[[phone]]`"""

    extension: Annotated[
        str,
        Meta(
            pattern=r"^[0-9]{1,16}(?:\*[0-9]{1,15})?\Z",
            description="digits, perhaps with one * between them: 0003*210",
        ),
    ]
    password: Annotated[Secret, Meta(description="at least 8 characters")]
    name: Annotated[
        str | None,
        Meta(description='up to 64 characters, none of them ", <, >, \\ or a control character'),
    ] = None
    recording: bool = False
    srtp: bool = False


MODELS: Final[Mapping[str, type[Struct]]] = {
    "app": App,
    "domain": Domain,
    "trunk": Trunk,
    "number": Number,
    "prompt": Prompt,
    "phone": Phone,
}
"""The kinds of tables, in the order in which they depend on each other."""


_Key = Annotated[Secret | None, Meta(description="password of the API, at least 16 characters")]

MODELS_OVER_HTTP: Final[Mapping[str, type[Struct]]] = {
    "app": defstruct("ExistingApp", [("key", _Key, None)], bases=(App,), kw_only=True),
    "domain": Domain,
    "trunk": Trunk,
    "number": Number,
    "phone": Phone,
}
"""The same for the admin API: an app without a key keeps the one it has; prompts come as files."""
