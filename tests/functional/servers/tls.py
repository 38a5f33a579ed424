"""Https for servers that speak http: a certificate, and a proxy that speaks for them."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.functional.servers.ports import HOST
from tests.functional.servers.proxy import Proxy

NAMES = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address(HOST))])


@dataclass(frozen=True)
class Certificate:
    """A certificate that vouches for itself, so that it is its own `cafile`."""

    cafile: Path
    keyfile: Path


def certificate(folder: Path) -> Certificate:
    """Make a certificate for this machine that is valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    made.cafile.write_bytes(_signed(key).public_bytes(serialization.Encoding.PEM))
    made.keyfile.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


def _signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Return a certificate that is strict enough for Python 3.13 (RFC 5280)."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shoebox's functional tests")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(NAMES, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
    )
    return builder.sign(key, hashes.SHA256())


@contextmanager
def front(url: str, certificate: Certificate) -> Iterator[str]:
    """Give an https URL whose connections are forwarded to this http URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cafile, certificate.keyfile)
    with Proxy(url, context) as proxy:
        yield proxy.url
