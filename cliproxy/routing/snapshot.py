"""A configuration compiled for use. A request keeps the snapshot it began with; a reload makes a new one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from urllib.parse import unquote, urlsplit

import attrs

from cliproxy.routing.account import Account
from cliproxy.routing.catalog import Catalog
from cliproxy.routing.credential import Credential
from cliproxy.routing.credentials import credentials_from
from cliproxy.routing.learned import Learned
from cliproxy.routing.model_facts import FactTable, shipped
from cliproxy.routing.prices import PriceTable
from cliproxy.routing.router import Router
from cliproxy.settings.model import ClientHeader, Headers, Secret, Settings


@attrs.frozen(eq=False)
class Snapshot:
    """Everything decided by the configuration alone.

    :ivar secrets: every configured secret, for masking in relayed error bodies.
    """

    settings: Settings
    credentials: tuple[Credential, ...]
    catalog: Catalog
    router: Router
    secrets: tuple[Secret, ...]
    prices: PriceTable
    facts: FactTable

    @classmethod
    def build(
        cls,
        settings: Settings,
        environment: Mapping[str, str],
        now: int,
        learned: Learned | None = None,
        accounts: Sequence[Account] = (),
        facts: FactTable | None = None,
    ) -> Snapshot:
        """Compile ``settings``.

        :param environment: gives vendors' keys in demo mode.
        :param now: Unix seconds.
        :param accounts: the files of ``auth-dir``.
        :param facts: context windows and prices; those that are shipped when None.
        :param learned: what vendors have shown of their models so far.
        """
        learned, facts = learned or Learned(), facts or shipped()
        credentials = credentials_from(settings, environment, accounts)
        catalog = Catalog.build(settings, credentials, now, learned, facts)
        keys = [credential.key for credential in credentials] + [entry.key for entry in settings.api_keys]
        keys += [token for account in accounts for token in (account.access_token, account.refresh_token)]
        keys += [settings.ampcode.upstream_api_key, settings.remote_management.secret_key]
        keys.append(settings.remote_management.console_key)
        keys += [entry.upstream_api_key for entry in settings.ampcode.upstream_api_keys]
        keys += [provider.client_secret for provider in settings.oauth_providers]
        keys += [Secret(value) for credential in credentials for _, value in _own(credential.headers)]
        keys += [Secret(value) for provider in settings.oauth_providers for _, value in _own(provider.headers)]
        keys += [Secret(value) for _, value in _own(settings.tracing.headers)]
        proxies = (settings.proxy_url, *(credential.proxy_url for credential in credentials))
        keys += [Secret(part) for url in proxies for part in _passwords(url)]
        keys.append(Secret(environment.get("AMP_API_KEY", "").strip()))
        return cls(
            settings,
            credentials,
            catalog,
            Router(catalog, settings, credentials, learned, facts),
            tuple(dict.fromkeys(key for key in keys if key)),
            PriceTable(settings.prices, facts),
            facts,
        )

    def hiding(self, *secrets: Secret, instead_of: Collection[Secret] = ()) -> Snapshot:
        """The same, with further secrets to be masked, tokens that were had since, ``instead_of`` those of long ago."""
        fresh, old, kept = iter(secrets), set(instead_of), list[Secret]()
        for secret in self.secrets:  # in its place, so that the others keep theirs
            kept += [secret] if secret not in old else [each for each in (next(fresh, None),) if each is not None]
        return attrs.evolve(self, secrets=tuple(dict.fromkeys((*kept, *fresh))))

    def relearned(self, learned: Learned, now: int) -> Snapshot:
        """The same configuration, with what vendors have shown of their models since."""
        catalog = Catalog.build(self.settings, self.credentials, now, learned, self.facts)
        router = Router(catalog, self.settings, self.credentials, learned, self.facts)
        return attrs.evolve(self, catalog=catalog, router=router)


def _own(headers: Headers) -> Headers:
    """Those whose values are the operator's."""
    return tuple(pair for pair in headers if not isinstance(pair[1], ClientHeader))


def _passwords(url: str) -> tuple[str, ...]:
    """A proxy's password as its URL spells it, and as it is."""
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return ()
    return password, unquote(password)
