"""Key pins: which keys a service may have, whatever an authority certifies. For who does not trust two hundred of them.

A pin is `sha256//` and the base64 of the SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469, 2.4), as curl's
`--pinnedpubkey` takes it. It holds for as long as the service keeps its key, also over new certificates.
"""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Collection

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def pin_of(certificate: bytes) -> str:
    """The pin of a certificate in DER."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    known = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256//" + base64.b64encode(hashlib.sha256(known).digest()).decode()


def pin(context: ssl.SSLContext, pins: Collection[str]) -> None:
    """Connections of `context` end with their handshake, before anything is sent, unless the service has such a key.

    It is asked besides whatever else the context verifies. Raised then: `ssl.SSLCertVerificationError`.
    """

    class Pinned(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            found = pin_of(self.getpeercert(binary_form=True) or b"")
            if found not in pins:
                raise ssl.SSLCertVerificationError(ssl.SSL_ERROR_SSL, f"its key is {found}, which is not pinned")

    context.sslobject_class = Pinned
