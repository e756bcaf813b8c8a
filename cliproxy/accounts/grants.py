"""Requests to a token endpoint, and its answers (RFC 6749, 7523, 7636, 8628). Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import attrs
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, dumps, loads
from cliproxy.settings.model import OAuthProvider, Secret

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_JWT_SECONDS: Final = 3600
_USUAL_SECONDS: Final = 3600.0


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
    :ivar more: what else the answer holds that a login is known by: ``id_token``, ``scope``.
    """

    access: Secret
    expires: float
    refresh: Secret
    more: JSONObject = attrs.field(factory=dict, repr=False)


def refreshing(provider: OAuthProvider, token: Secret) -> bytes:
    """The form that asks for a new token; without ``token`` the client asks for itself."""
    form = {"grant_type": "refresh_token", "refresh_token": token.reveal()}
    if not token:
        form = {"grant_type": "client_credentials"}
        if provider.scopes:
            form["scope"] = " ".join(provider.scopes)
    return _form(provider, form)


def authorizing(provider: OAuthProvider, redirect: str, state: str, verifier: str) -> str:
    """The address at which the user agrees; the answer comes to ``redirect`` (RFC 7636, S256)."""
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect,
        "state": state,
        "code_challenge": _base64(hashlib.sha256(verifier.encode()).digest()).decode(),
        "code_challenge_method": "S256",
    }
    if provider.scopes:
        asked["scope"] = " ".join(provider.scopes)
    return f"{provider.authorize_url}{'&' if '?' in provider.authorize_url else '?'}{urlencode(asked)}"


def exchanging(provider: OAuthProvider, redirect: str, code: str, verifier: str) -> bytes:
    """The form that gives a code for a token."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
    return _form(provider, form)


def code_of(query: Mapping[str, str], state: str) -> str:
    """The code that the user's agreement brought.

    :raises Refused: it is none of ours, or the user did not agree.
    """
    if not hmac.compare_digest(query.get("state", "").encode(), state.encode()):
        raise Refused("state_mismatch", "the answer belongs to another login: its state is not ours")
    if not query.get("code"):
        code = _word(query.get("error")) or "no code"
        raise Refused(code, f"the login was refused: {code}")
    return query["code"]


def asking_device(provider: OAuthProvider) -> bytes:
    """The form that begins a device grant."""
    return _form(provider, {"scope": " ".join(provider.scopes)} if provider.scopes else {})


@attrs.frozen
class Device:
    """A device grant that waits for its user. ``url`` holds the code already, where the server has such an address."""

    device_code: str
    user_code: str
    url: str
    interval: float
    seconds: float


def waiting_device(status: int, body: bytes) -> Device:
    """What the device endpoint answered.

    :raises Refused: it grants nothing.
    """
    answer = _answer(body)
    device_code, user_code = answer.get("device_code"), _word(answer.get("user_code"))
    url = _word(answer.get("verification_uri_complete"), 500) or _word(answer.get("verification_uri"), 500)
    if not 200 <= status < 300 or not isinstance(device_code, str) or not (device_code and user_code and url):
        code = _word(answer.get("error")) or f"status {status}"
        raise Refused(code, f"the device endpoint refuses: {code}")
    return Device(
        device_code, user_code, url, _number(answer.get("interval"), 5.0), _number(answer.get("expires_in"), 900.0)
    )


def polling(provider: OAuthProvider, device_code: str) -> bytes:
    """The form that asks whether the user has agreed."""
    return _form(provider, {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device_code})


def email_of(id_token: str) -> str:
    """Whose login it is, as an ID token says that came straight from the token endpoint: a label, and nothing more."""
    try:
        part = id_token.split(".")[1]
        claims = loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, InvalidJSON):
        return ""
    found = claims.get("email") or claims.get("preferred_username") if isinstance(claims, dict) else None
    return found if isinstance(found, str) else ""


def _form(provider: OAuthProvider, form: dict[str, str]) -> bytes:
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
    answer = _answer(body)
    token = answer.get("access_token")
    if not 200 <= status < 300 or not isinstance(token, str) or not token:
        code = _word(answer.get("error")) or f"status {status}"
        raise Refused(code, f"the token endpoint refuses: {code}")
    refresh, life = answer.get("refresh_token"), _number(answer.get("expires_in"), _USUAL_SECONDS)
    more = {name: answer[name] for name in ("id_token", "scope") if isinstance(answer.get(name), str)}
    return Grant(Secret(token), now + life, Secret(refresh if isinstance(refresh, str) else ""), more)


def _answer(body: bytes) -> JSONObject:
    try:
        answer: JSON = loads(body)
    except InvalidJSON:
        answer = None
    return answer if isinstance(answer, dict) else {}


def _number(value: JSON, unsaid: float) -> float:
    """Seconds that make sense, which some servers write as text."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        value = int(value)
    sane = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9
    return float(value) if sane else unsaid


def _word(value: JSON, most: int = 60) -> str:
    """A text of the server's, if it is one that can be shown."""
    return value[:most] if isinstance(value, str) and value.isascii() and value.isprintable() else ""


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
