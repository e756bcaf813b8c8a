"""Why a connection could not be had, or broke: Twisted's and OpenSSL's errors as sentences a person can act on."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from twisted.internet import error

#: OpenSSL's verification codes (x509_vfy.h) that tell an operator what to do.
_VERIFY = {
    9: "the certificate is not yet valid",
    10: "the certificate has expired",
    18: "the certificate is self-signed",
    19: "the chain ends in a self-signed certificate that is not trusted",
    20: "the issuer of the certificate is not trusted",
    21: "the chain is incomplete",
    23: "the certificate was revoked",
    24: "the issuer is not a certificate authority",
    26: "the certificate is not meant for servers",
}

#: What connecting and shaking hands may raise, apart from our own failures.
NETWORK_ERRORS = (
    error.ConnectError,
    error.DNSLookupError,
    error.ConnectionClosed,
    error.UnsupportedAddressFamily,
    OSError,
    SSL.Error,
    VerificationError,
    ValueError,
)


def unreachable(peer: str, reason: BaseException | None) -> str:
    """Why no connection to ``peer`` could be had."""
    match reason:
        case error.DNSLookupError():
            return f"the name of {peer} cannot be resolved"
        case error.ConnectionRefusedError():
            return f"{peer} refused the connection"
        case error.TimeoutError() | error.TCPTimedOutError():
            return f"{peer} did not accept the connection in time"
        case error.NoRouteError():
            return f"there is no route to {peer}"
        case error.ConnectionClosed():
            return f"{peer} closed the connection while it was being set up"
        case error.ConnectError() if reason.osError is not None:
            return f"{peer} cannot be reached: {reason.args[0] if reason.args else reason}"
    return f"{peer} cannot be reached: {type(reason).__name__}"


def untrusted(peer: str, reason: BaseException | None, code: int) -> str:
    """Why TLS with ``peer`` failed. ``code`` is OpenSSL's verification error, 0 for none."""
    if isinstance(reason, CertificateError):
        return f"TLS with {peer} failed: the certificate names no host"
    if isinstance(reason, VerificationError):
        return f"TLS with {peer} failed: the certificate is for another name"
    if code:
        return f"TLS with {peer} failed: {_VERIFY.get(code, f'the certificate was not accepted (code {code})')}"
    if isinstance(reason, SSL.Error):
        words = reason.args[0] if reason.args else ()
        why = "; ".join(entry[-1] for entry in words if isinstance(entry, tuple) and entry) or "no reason given"
        return f"TLS with {peer} failed: {why}"
    return f"TLS with {peer} failed: it closed the connection in the handshake"


def broken_off(origin: str, reason: BaseException | None, where: str | None) -> str:
    """An answer that did not come, or not wholly. ``where``: in the middle of what; None when no byte came."""
    how = "closed" if isinstance(reason, error.ConnectionDone) else "broke off"
    if where is None:
        return f"{origin} {how} the connection without an answer"
    return f"{origin} {how} the connection in the middle of {where} of its answer"
