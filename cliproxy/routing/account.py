"""A file of ``auth-dir``: whose login it is, and whether it may be used here (credentials.md 2). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import attrs

from cliproxy.jsontypes import JSON, InvalidJSON, JSONObject, dumps, loads
from cliproxy.routing.credential import Credential
from cliproxy.routing.serving import readable, served
from cliproxy.settings.model import NO_SECRET, ModelEntry, OAuthProvider, Secret, Settings
from cliproxy.settings.provider_checks import vertex_host
from cliproxy.vendors.preset import Lane, filled
from cliproxy.vendors.presets import PRESETS, at

#: Logins that only the vendor's own product may use, and what to do instead.
_OTHERS_PRODUCTS: Final = {
    "claude": "Claude Code's; put an Anthropic API key under claude-api-key",
    "codex": "Codex's; put an OpenAI API key under providers (preset: openai)",
    "gemini": "Gemini CLI's; put a Gemini API key under gemini-api-key",
    "gemini-cli": "Gemini CLI's; put a Gemini API key under gemini-api-key",
    "antigravity": "Antigravity's; put a Gemini API key under gemini-api-key",
    "qwen": "Qwen Code's; put a DashScope key under providers (preset: dashscope)",
    "iflow": "iFlow's; put its API key under openai-compatibility",
    "kimi": "Kimi CLI's; put a Moonshot key under providers (preset: moonshot)",
    "xai": "Grok's own client's; put an xAI key under providers (preset: xai)",
}
#: The daemon's own files, which may stand in the same directory.
OWN_FILES: Final = frozenset(["state.json", "models.json", "model_facts.json", "amp-credits.json"])
_EXPIRY: Final = ("expired", "expire", "expires_at", "expiresAt", "expiry", "expires")
_OF_A_TOKEN: Final = frozenset(("access_token", "refresh_token", "id_token", "last_refresh", "scope", *_EXPIRY))


@attrs.frozen
class Account:
    """One file.

    :ivar name: its name in ``auth-dir``.
    :ivar members: its content; empty when it could not be read, and ``problem`` then says why.
    """

    name: str
    members: Mapping[str, JSON] = attrs.field(factory=dict, repr=False)
    problem: str = ""

    @property
    def type(self) -> str:
        """Whose login it is."""
        return str(self.members.get("type", "")).strip().lower()

    @property
    def email(self) -> str:
        """Who logged in, as the file says."""
        return _text(self.members, "email")

    @property
    def access_token(self) -> Secret:
        """The token in force."""
        return Secret(_text(self.members, "access_token") or _text(_inner(self.members), "access_token"))

    @property
    def refresh_token(self) -> Secret:
        """What a new token is had for."""
        return Secret(_text(self.members, "refresh_token") or _text(_inner(self.members), "refresh_token"))

    @property
    def meaning(self) -> int:
        """A number for everything but the tokens and their times: what a renewal leaves as it is."""
        kept = {name: value for name, value in self.members.items() if name not in _OF_A_TOKEN}
        return hash((self.problem, dumps(dict(sorted(kept.items())))))

    @property
    def expires(self) -> float | None:
        """When the token ends, in Unix seconds; None when the file does not say."""
        for held in (self.members, _inner(self.members)):
            for name in _EXPIRY:
                if (when := _moment(held.get(name))) is not None:
                    return when
        return None


def read(name: str, data: bytes) -> Account:
    """The account a file holds; what is wrong with it is its ``problem``."""
    try:
        members = loads(data)
    except InvalidJSON:
        return Account(name, problem="is not JSON")
    if not isinstance(members, dict):
        return Account(name, problem="is no JSON object")
    members = {key.replace("-", "_"): value for key, value in members.items()}
    if not isinstance(members.get("type"), str) or not members["type"].strip():
        return Account(name, members, "has no type, so that nobody knows whose login it is")
    return Account(name, members)


def credential_of(account: Account, settings: Settings) -> Credential | str:
    """The credential that an account is, or why it is none."""
    if account.problem:
        return account.problem
    if account.members.get("disabled") is True:
        return "is disabled"
    provider = next((each for each in settings.oauth_providers if each.name.strip().lower() == account.type), None)
    if provider is not None:
        return _oauth(account, provider, settings)
    if isinstance(account.members.get("service_account"), dict):
        return _vertex(account, settings)
    if account.type in _OTHERS_PRODUCTS:
        return f"is a login of {_OTHERS_PRODUCTS[account.type]}, or name {account.type} under oauth-providers"
    return f"has no oauth-providers entry named {account.type}, which would say how it is used"


def _oauth(account: Account, provider: OAuthProvider, settings: Settings) -> Credential | str:
    if not account.access_token and not account.refresh_token:
        return "holds no token: log in anew with the tool that wrote it, and put its file here"
    preset = at(provider.base_url)
    kinds = {"openai": "openai-compatibility", "responses": "codex", "claude": "claude", "gemini": "gemini"}
    return _common(
        account,
        settings,
        provider=kinds[provider.dialect],
        channel=provider.name.strip().lower(),
        base_url=provider.base_url.rstrip("/"),
        auth=f"oauth:{provider.name}",
        headers=provider.headers,
        models=provider.models,
        families=preset.families if preset else ("*",),
        vendor=preset.vendor if preset else "",
    )


def _vertex(account: Account, settings: Settings) -> Credential | str:
    location = _text(account.members, "location") or "global"
    held = account.members["service_account"]
    project = _text(account.members, "project_id") or _text(held if isinstance(held, dict) else {}, "project_id")
    if not project:
        return "names no project_id"
    said = {"project": project, "location": location, "host": vertex_host(location)}
    gemini, claude = PRESETS["vertex-gemini"], PRESETS["vertex-claude"]
    base = filled(gemini.lanes[0].base, said)
    return _common(
        account,
        settings,
        provider="vertex-gemini",
        channel="vertex",
        base_url=filled(gemini.root, said),
        auth="google",
        headers=(),
        models=(),
        families=(*gemini.families, *claude.families),
        vendor=gemini.vendor,
        lanes=(Lane("gemini", "vertex-gemini", base), Lane("claude", "vertex-claude", base, claude.families)),
    )


def _common(
    account: Account,
    settings: Settings,
    *,
    provider: str,
    channel: str,
    base_url: str,
    auth: str,
    headers: Sequence[tuple[str, str]],
    models: Sequence[ModelEntry],
    families: tuple[str, ...],
    vendor: str,
    lanes: tuple[Lane, ...] = (),
) -> Credential:
    """What every file may say of itself (credentials.md 2.1 and 8)."""
    members = account.members
    excluded = dict(settings.oauth_excluded_models).get(channel, ()) + tuple(_texts(members.get("excluded_models")))
    aliases = (*_aliases(members.get("model_aliases")), *dict(settings.oauth_model_alias).get(channel, ()))
    offered = served((*models, *aliases), excluded) if models or aliases else ()
    hidden = tuple({alias.name.lower() for alias in aliases} - {alias.name.lower() for alias in aliases if alias.fork})
    own = members.get("headers")
    prefix = _text(members, "prefix").strip("/")
    return Credential(
        id=account.name,
        label=readable(account.email or account.name.removesuffix(".json")),
        provider=provider,
        channel=channel,
        key=NO_SECRET,
        base_url=base_url,
        serves=offered,
        prefix="" if "/" in prefix else prefix,
        priority=_whole(members.get("priority")) or 0,
        weight=1 if (weight := _whole(members.get("weight"))) is None else max(0, weight),
        proxy_url=_text(members, "proxy_url") or settings.proxy_url,
        headers=(*headers, *((k, v) for k, v in (own if isinstance(own, dict) else {}).items() if isinstance(v, str))),
        request_retry=None if (_whole(members.get("request_retry")) or 0) < 0 else _whole(members.get("request_retry")),
        disable_cooling=_truth(members.get("disable_cooling")),
        auth=auth,
        lanes=lanes,
        vendor=vendor,
        families=() if models else families,
        excluded=excluded + hidden,
        account=account.name,
    )


def _inner(members: Mapping[str, JSON]) -> Mapping[str, JSON]:
    token = members.get("token", members.get("Token"))
    return token if isinstance(token, dict) else {}


def _text(members: Mapping[str, JSON] | JSONObject, name: str) -> str:
    value = members.get(name)
    return value.strip() if isinstance(value, str) else ""


def _texts(value: JSON) -> list[str]:
    return [each.lower() for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _aliases(value: JSON) -> list[ModelEntry]:
    """A file's own, which stand above those of all files of its kind."""
    found = [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
    return [
        ModelEntry(_text(each, "name"), _text(each, "alias"), each.get("fork") is True)
        for each in found
        if _text(each, "name") and _text(each, "alias")
    ]


def _whole(value: JSON) -> int | None:
    try:
        return int(value) if value is not None else None
    except (TypeError, ValueError, OverflowError):
        return None


def _truth(value: JSON) -> bool | None:
    return None if value is None else str(value).lower() in ("true", "1")


def _moment(value: JSON) -> float | None:
    """RFC 3339, ``YYYY-MM-DD HH:MM[:SS]``, Unix seconds, or milliseconds above 1e12."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return value / 1000 if value > 1e12 else float(value)
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
