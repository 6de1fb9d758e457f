"""Servers with good and bad certificates for 127.0.0.1 and localhost, and a client that knows the authority.

Made once a process: `Wire(tls=good())`, and so on. A client's context is a new one each time, since tests may
change it.
"""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES: Final = ("127.0.0.1", "localhost")
ELSEWHERE: Final = "elsewhere.test"
_LONG_AGO: Final = datetime(2001, 1, 1, tzinfo=UTC)


@cache
def authority() -> trustme.CA:
    """The authority that vouches for all but the self-signed certificate."""
    return trustme.CA()


def ca_file(directory: Path) -> Path:
    """The authority's certificate as a file in that directory, such as a test's `tmp_path`."""
    path = directory / "authority.pem"
    authority().cert_pem.write_to_path(path)
    return path


def client_context() -> ssl.SSLContext:
    """A client's context that trusts the authority and nobody else."""
    return ssl.create_default_context(cadata=authority().cert_pem.bytes().decode())


@cache
def good() -> ssl.SSLContext:
    """A server whose certificate is in order."""
    return _server(authority().issue_cert(*NAMES))


@cache
def expired() -> ssl.SSLContext:
    """A server whose certificate was good for a day, long ago."""
    return _server(
        authority().issue_cert(*NAMES, not_before=_LONG_AGO, not_after=_LONG_AGO + timedelta(days=1))
    )


@cache
def wrong_name() -> ssl.SSLContext:
    """A server whose certificate is for `ELSEWHERE`."""
    return _server(authority().issue_cert(ELSEWHERE))


@cache
def self_signed() -> ssl.SSLContext:
    """A server whose certificate nobody but itself vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The ssl module reads a key from a file only.
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "self-signed.pem")
        path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(path)
    return context


def _server(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
