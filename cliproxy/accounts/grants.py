"""Requests to a token endpoint, and its answers (RFC 6749, RFC 7523). Pure."""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import urlencode

import attrs
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, dumps, loads
from cliproxy.settings.model import OAuthProvider, Secret

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_JWT_SECONDS: Final = 3600
_USUAL_SECONDS: Final = 3600


class Refused(Exception):
    """The token endpoint refuses. ``code`` is OAuth's word; the message holds no token."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@attrs.frozen
class Grant:
    """A token.

    :ivar expires: Unix seconds.
    :ivar refresh: the new refresh token, where the server gave one.
    """

    access: Secret
    expires: float
    refresh: Secret


def refreshing(provider: OAuthProvider, token: Secret) -> bytes:
    """The form that asks for a new token; without ``token`` the client asks for itself."""
    form = {"grant_type": "refresh_token", "refresh_token": token.reveal()}
    if not token:
        form = {"grant_type": "client_credentials"}
        if provider.scopes:
            form["scope"] = " ".join(provider.scopes)
    if provider.client_id:
        form["client_id"] = provider.client_id
    if provider.client_secret:
        form["client_secret"] = provider.client_secret.reveal()
    return urlencode(form).encode()


def asserting(account: JSONObject, now: int) -> tuple[str, bytes]:
    """(token endpoint, form) of a Google service account: a JWT that its key signs with RS256.

    :raises ValueError: the account cannot sign; says why.
    """
    email, key, url = (account.get(name) for name in ("client_email", "private_key", "token_uri"))
    if not (isinstance(email, str) and isinstance(key, str)):
        raise ValueError("the service account has no client_email or no private_key")
    url = url if isinstance(url, str) and url else "https://oauth2.googleapis.com/token"
    try:
        signer = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError):
        raise ValueError("the service account's private_key is no PEM key") from None
    if not isinstance(signer, rsa.RSAPrivateKey):
        raise ValueError("the service account's private_key is no RSA key")
    header: JSONObject = {"alg": "RS256", "typ": "JWT"}
    if isinstance(account.get("private_key_id"), str):
        header["kid"] = account["private_key_id"]
    claims = {"iss": email, "scope": _SCOPE, "aud": url, "iat": now, "exp": now + _JWT_SECONDS}
    signed = b".".join(_base64(dumps(part)) for part in (header, claims))
    signature = signer.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    assertion = (signed + b"." + _base64(signature)).decode()
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    return url, urlencode(form).encode()


def granted(status: int, body: bytes, now: float) -> Grant:
    """What the endpoint answered.

    :raises Refused: no token.
    """
    try:
        answer: JSON = loads(body)
    except InvalidJSON:
        answer = None
    answer = answer if isinstance(answer, dict) else {}
    token = answer.get("access_token")
    if not 200 <= status < 300 or not isinstance(token, str) or not token:
        code = answer.get("error")
        code = code if isinstance(code, str) and code.isascii() and code.isprintable() else f"status {status}"
        raise Refused(code[:60], f"the token endpoint refuses: {code[:60]}")
    seconds, refresh = answer.get("expires_in"), answer.get("refresh_token")
    if isinstance(seconds, str) and seconds.isdigit():
        seconds = int(seconds)
    life = seconds if isinstance(seconds, int | float) and 0 < seconds < 1e9 else _USUAL_SECONDS
    return Grant(Secret(token), now + life, Secret(refresh if isinstance(refresh, str) else ""))


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
