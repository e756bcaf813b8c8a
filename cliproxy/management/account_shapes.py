"""The files of ``auth-dir`` as management clients are shown them, and what they may change in them (management.md 5). Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cliproxy.errors import RequestFault
from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, loads
from cliproxy.routing.account import OWN_FILES, Account, credential_of
from cliproxy.settings.model import Settings

#: What of a file may be changed member by member: nothing that is a secret.
_FIELDS: Final = frozenset(
    ("prefix", "proxy_url", "headers", "priority", "weight", "note", "excluded_models", "model_aliases", "label")
    + ("disable_cooling", "websockets", "using_api", "request_retry", "expired")
)
_REFRESHED: Final = ("last_refresh", "lastRefresh", "last_refreshed_at", "lastRefreshedAt")
_CLAIMS: Final = (
    "chatgpt_account_id",
    "chatgpt_plan_type",
    "chatgpt_subscription_active_start",
    "chatgpt_subscription_active_until",
)


def checked_name(name: str) -> str:
    """A file's name in ``auth-dir``.

    :raises RequestFault: 400, it leads elsewhere, or is none of an account.
    """
    if not name or "/" in name or "\\" in name or "\0" in name or name.startswith(".") or len(name) > 255:
        raise RequestFault.bad("invalid name")
    if not name.lower().endswith(".json") or name in OWN_FILES:
        raise RequestFault.bad("name must end with .json, and not be a file of the daemon's own")
    return name


def index_of(name: str) -> str:
    """The ``auth_index`` of a file."""
    return hashlib.sha256(f"file:{name}".encode("utf-8", "surrogateescape")).hexdigest()[:16]


def described(
    account: Account,
    settings: Settings,
    cooling: list[JSONObject],
    recent: JSONObject,
    size: int,
    changed: float,
    path: str,
) -> JSONObject:
    """One entry of the list. No token is in it.

    :param cooling: the cool-downs of its credential.
    :param recent: ``success``, ``failed`` and ``recent_requests`` of it.
    :param changed: when the file was, in Unix seconds.
    """
    made = credential_of(account, settings)
    disabled, members = account.members.get("disabled") is True, account.members
    why = made if isinstance(made, str) and not disabled else ""
    whole_rest = next((one for one in cooling if one["model"] is None), None)
    told: JSONObject = {
        "id": account.name,
        "auth_index": index_of(account.name),
        "name": account.name,
        "type": account.type or "unknown",
        "provider": account.type or "unknown",
        "label": account.email or account.name.removesuffix(".json"),
        "status": "disabled" if disabled else "error" if why else "active",
        "status_message": f"it {why}" if why else str(whole_rest["reason"]) if whole_rest else "",
        "disabled": disabled,
        "unavailable": bool(why) or whole_rest is not None,
        "runtime_only": False,
        "source": "file",
        "path": path,
        "size": size,
        "modtime": _time(changed),
        "updated_at": _time(changed),
        "cooldowns": cooling,
        **recent,
    }
    told |= {name: members[name] for name in sorted(_FIELDS & members.keys()) if name not in ("expired", "label")}
    told |= _identity(account)
    return told


def _identity(account: Account) -> JSONObject:
    told: JSONObject = {}
    if account.email:
        told |= {"email": account.email, "account_type": "oauth", "account": account.email}
    if account.expires is not None:
        told["expired"] = _time(account.expires)
    refreshed = next((account.members[name] for name in _REFRESHED if account.members.get(name)), None)
    if isinstance(refreshed, str | int | float):
        told["last_refresh"] = refreshed
    if isinstance(project := account.members.get("project_id"), str):
        told["project_id"] = project
    if account.type == "codex" and (claims := _claims(account.members.get("id_token"))):
        told["id_token"] = claims
    return told


def _claims(token: JSON) -> JSONObject:
    """What an ID token says of the account's plan. Nobody checks its signature here, for nothing depends on it."""
    try:
        payload = str(token).split(".")[1]
        found = loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        said = found["https://api.openai.com/auth"] if isinstance(found, dict) else None
    except (IndexError, ValueError, InvalidJSON, KeyError):
        return {}
    if not isinstance(said, dict):
        return {}
    return {name.replace("chatgpt_plan_type", "plan_type"): said[name] for name in _CLAIMS if name in said}


def patched(members: Mapping[str, JSON], wanted: JSONObject) -> dict[str, JSON]:
    """A file's members with ``wanted`` in them; what is null or empty goes.

    :raises RequestFault: 400 for what is not to be changed so.
    """
    found = dict(members)
    for spelled, value in wanted.items():
        name = spelled.replace("-", "_")
        if name not in _FIELDS:
            raise RequestFault.bad(f"{spelled[:80]} is no field that can be changed: {', '.join(sorted(_FIELDS))}")
        if name == "headers" and isinstance(value, dict):
            before = found.get(name)
            value = {**(before if isinstance(before, dict) else {}), **value}
            value = {header: text for header, text in value.items() if text not in (None, "")}
        if name in ("priority", "weight", "request_retry") and not (value is None or _is_whole(value)):
            raise RequestFault.bad(f"{spelled} is to be a whole number")
        for known in (name, name.replace("_", "-")):
            found.pop(known, None)
        if value not in (None, "", [], {}):
            found[name] = value
    return found


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(10**9) <= value <= 10**9


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def service_account(body: bytes, location: str) -> Account:
    """A Google service account's file as it stands in ``auth-dir``.

    :raises RequestFault: 400 in the original's words.
    """
    try:
        held = loads(body)
    except InvalidJSON:
        raise RequestFault.bad("invalid json") from None
    if (
        not isinstance(held, dict)
        or held.get("type") != "service_account"
        or not isinstance(held.get("private_key"), str)
    ):
        raise RequestFault.bad("invalid service account")
    project = held.get("project_id")
    if not isinstance(project, str) or not project.strip():
        raise RequestFault.bad("project_id missing")
    email = held.get("client_email")
    safe = "".join(char if char.isalnum() or char in "-_." else "_" for char in project.strip().replace(" ", "-"))
    members = {
        "type": "vertex",
        "project_id": project.strip(),
        "email": email if isinstance(email, str) else "",
        "location": location.strip() or "us-central1",
        "service_account": held,
    }
    return Account(f"vertex-{safe[:100]}.json", members)
