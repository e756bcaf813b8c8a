"""Asking vendors what they serve: in the background, never waited for, and never held against a credential."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cliproxy.discovery import lists_file
from cliproxy.discovery.shapes import MOST_MODELS, first_page, is_list, models, next_page
from cliproxy.errors import UpstreamFailure
from cliproxy.jsontypes import InvalidJSON, loads
from cliproxy.providers.common import USER_AGENT
from cliproxy.providers.registry import PROVIDERS
from cliproxy.routing.capability import ModelInfo
from cliproxy.routing.credential import Credential
from cliproxy.routing.learned import Learned
from cliproxy.routing.snapshot import Snapshot
from cliproxy.settings.model import ClientHeader
from cliproxy.upstream.client import Client
from cliproxy.upstream.fetch import fetch
from cliproxy.wire.escape import visible

#: Lists asked for at once.
AT_ONCE: Final = 16
#: How often it is looked who is to be asked, in seconds.
LOOK_SECONDS: Final = 5.0
_PAGE_SECONDS: Final = 30.0
_MOST_PAGES: Final = 10
#: Of a page: what can be read while others wait.
_MOST_BYTES: Final = 4 * 1024 * 1024
_JITTER: Final = 0.1


class NoList(Exception):
    """An answer is not a list of models; the message says why."""


class Discovery(Service):
    """One key of each vendor's address is asked at once, the others later, spread over the interval.

    :param snapshot: the configuration in force.
    :param ready: gives a credential its token, where it needs one.
    :param path: where lists are kept over a restart; None for not keeping them.
    """

    name = "discovery"
    _log = Logger()

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        learned: Learned,
        client: Client,
        reactor: Any,
        random: Random,
        ready: Callable[[Credential], Awaitable[Credential]],
        path: Path | None,
    ) -> None:
        self._snapshot = snapshot
        self._learned = learned
        self._client = client
        self._reactor = reactor
        self._random = random
        self._ready = ready
        self._path = path
        self._due: dict[str, float] = {}
        self._asking: dict[str, Deferred[None]] = {}
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor

    def startService(self) -> None:
        """Remember what was listed before, and begin to ask."""
        super().startService()
        if self._path is not None and (kept := lists_file.read(self._path)):
            self._learned.restore(kept)
        self._looking.start(LOOK_SECONDS)

    def stopService(self) -> None:
        """Ask no more."""
        super().stopService()
        self._looking.stop()
        for asking in list(self._asking.values()):
            asking.cancel()

    def _look(self) -> None:
        snapshot, now = self._snapshot(), self._reactor.seconds()
        wanted = {credential.id: credential for credential in snapshot.credentials if credential.listing.shape}
        self._due = {id: due for id, due in self._due.items() if id in wanted}
        asked = {wanted[id].listing.path for id in self._due}
        interval = snapshot.settings.discovery_interval_seconds
        for id, credential in wanted.items():
            if id not in self._due:
                first = credential.listing.path not in asked
                asked.add(credential.listing.path)
                self._due[id] = now if first else now + self._random.uniform(0, interval)
        for id, credential in wanted.items():
            if len(self._asking) >= AT_ONCE:
                return
            if self._due[id] <= now and id not in self._asking:
                self._due[id] = now + interval * self._random.uniform(1 - _JITTER, 1 + _JITTER)
                asking = Deferred.fromCoroutine(self._ask(credential))
                if not asking.called:
                    self._asking[id] = asking
                    asking.addBoth(self._asked, id)

    def _asked(self, result: object, id: str) -> None:
        del self._asking[id]
        if isinstance(result, Failure):
            self._log.failure("discovery", result)

    async def _ask(self, credential: Credential) -> None:
        """One list. Whatever goes wrong changes nothing but the log."""
        try:
            found = await self._listed(await self._ready(credential))
            self._learned.learn_list(credential, found)
            if self._path is not None:
                lists_file.write(self._path, self._learned.lists)
        except (NoList, UpstreamFailure) as error:
            self._log.info("{label}: no list of models: {why}", label=credential.label, why=visible(str(error)[:200]))
        except OSError as error:
            self._log.warn("cannot write {path}: {why}", path=str(self._path), why=error.strerror)
        except CancelledError:  # the daemon stops
            return

    async def _listed(self, credential: Credential) -> tuple[ModelInfo, ...]:
        listing, found = credential.listing, dict[str, ModelInfo]()
        url: str | None = first_page(listing.shape, listing.path)
        for _ in range(_MOST_PAGES):
            if url is None or len(found) >= MOST_MODELS:
                break
            document = await self._page(credential, url)
            found.update({info.id: info for info in models(document)})
            url = next_page(listing.shape, listing.path, document)
        if not found:
            raise NoList("its list is empty")
        return tuple(found.values())[:MOST_MODELS]

    async def _page(self, credential: Credential, url: str) -> Any:
        fetched = await fetch(
            self._client,
            self._reactor,
            "GET",
            url,
            headers=_headers(credential),
            proxy_url=credential.proxy_url,
            seconds=_PAGE_SECONDS,
            limit=_MOST_BYTES,
        )
        if fetched.status != 200:
            raise NoList(f"it answered {fetched.status}")
        try:
            document = loads(fetched.body)
        except InvalidJSON:
            raise NoList("its answer is not JSON") from None
        if not is_list(document):
            raise NoList("its answer is no list")
        return document


def _headers(credential: Credential) -> Iterator[tuple[str, str]]:
    yield from (("Accept", "application/json"), ("User-Agent", USER_AGENT))
    yield from PROVIDERS[credential.provider].authorization(credential)
    if credential.listing.shape == "claude":
        yield "anthropic-version", "2023-06-01"
    yield from ((name, value) for name, value in credential.headers if not isinstance(value, ClientHeader))
