"""Certificates for tests: authorities, chains, names and times as a test wants them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapter.commands.diagnosis.certificates import is_address

NOW = datetime.now(UTC)
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def files(self, folder: Path, name: str, *, password: bytes = b"") -> tuple[Path, Path]:
        """Both as PEM files."""
        secrecy: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            secrecy = serialization.BestAvailableEncryption(password)
        cert, key = folder / f"{name}.pem", folder / f"{name}.key"
        cert.write_bytes(self.certificate.public_bytes(_PEM))
        form = serialization.PrivateFormat.PKCS8
        key.write_bytes(self.key.private_bytes(_PEM, form, secrecy))
        return cert, key


def issue(
    names: Sequence[str] = (),
    *,
    days: float = 90,
    begun: float = 100,
    by: Issued | None = None,
) -> Issued:
    """Make a certificate.

    Args:
        names: host names and addresses that it is for.
        days: until it ends.
        begun: days since it began.
        by: who signs it; None: itself, an authority.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    title = "an authority" if by is None else "a host"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
    signer = by.key if by else key
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=begun))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(_usage(authority=by is None), critical=True)
    )
    if names:
        alternatives = [
            x509.IPAddress(ip_address(name)) if is_address(name) else x509.DNSName(name)
            for name in names
        ]
        made = made.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return Issued(made.sign(signer, hashes.SHA256()), key)


def _usage(*, authority: bool) -> x509.KeyUsage:
    others = (
        "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "encipher_only", "decipher_only", "crl_sign",
    )  # fmt: skip
    uses = dict.fromkeys(others, False)
    return x509.KeyUsage(digital_signature=True, key_cert_sign=authority, **uses)


@asynccontextmanager
async def tls_port(cert: Path, key: Path) -> AsyncIterator[int]:
    """A port that shows a certificate, and takes no more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as opened:
        yield opened.sockets[0].getsockname()[1]
