"""A thousand credentials, two hundred requests a second: the page stays smooth, and one that stalls costs nothing."""

from __future__ import annotations

import http.client
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.console.browser import Browser, chromium
from tests.console.scene import CONSOLE_KEY, Scene, open_scene

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium here; Debian's package is called chromium"),
]
CREDENTIALS, SPENT, PACE, CLIENTS, SECONDS = 1000, 60, 200, 8, 6.0
LIVE = "document.getElementById('link')?.dataset.state === 'live'"

#: How long frames take to come, while it runs; milliseconds.
_FRAMES = """
new Promise((done) => {
  const gaps = []; let last = performance.now(), end = last + %d;
  const step = (time) => {
    gaps.push(time - last);
    last = time;
    time < end ? requestAnimationFrame(step) : done(gaps.sort((a, b) => a - b));
  };
  requestAnimationFrame(step);
})
"""


def settings(vendor: str) -> dict[str, Any]:
    """A thousand credentials of one model, some of which are spent."""
    keys = [
        f"canary-{number}-{'429' if number % (CREDENTIALS // SPENT) == 7 else 'ok'}" for number in range(CREDENTIALS)
    ]
    entry = {
        "name": "many",
        "base-url": f"{vendor}/v1",
        "api-key-entries": [{"api-key": key} for key in keys],
        "models": [{"name": "gpt-5.2", "alias": "gpt-5.2"}],
    }
    return {"request-retry": 3, "openai-compatibility": [entry]}


class Load:
    """So many requests a second, from so many clients that keep their connections, until it is left."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._over = threading.Event()
        self.answered = 0
        self._threads = [threading.Thread(target=self._client, daemon=True) for _ in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _client(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._scene.daemon.port, timeout=30)
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due += CLIENTS / PACE
            status, _ = self._scene.send(connection, "gpt-5.2", "1200/800/90")
            self.answered += status == 200
        connection.close()


def stalled(port: int) -> socket.socket:
    """A page that is open and does not read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/console", urlencode({"key": CONSOLE_KEY}), form)
    answer = connection.getresponse()
    answer.read()
    cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
    connection.close()
    page = socket.socket()
    page.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    page.connect(("127.0.0.1", port))
    page.sendall(f"GET /console/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n".encode())
    assert page.recv(15) == b"HTTP/1.1 200 OK"
    return page


def test_many(capsys: pytest.CaptureFixture[str]) -> None:
    """In the views that show most of it. The figures are printed; what is asserted leaves a slow machine room."""
    with (
        tempfile.TemporaryDirectory() as directory,
        tempfile.TemporaryDirectory() as profile,
        open_scene(Path(directory), settings) as scene,
        Browser(chromium() or "", Path(profile)) as page,
    ):
        page.size(1280, 900)
        page.go(f"{scene.daemon.url}/console")
        page.type(CONSOLE_KEY)
        page.press("Enter")
        page.until(LIVE)
        with Load(scene) as load:
            page.until("document.getElementById('chart-outcomes').innerText.includes('answered')")
            said = [_look(page, view) for view in ("now", "requests", "credentials")]
            with stalled(scene.daemon.port):
                before, answered = scene.daemon.memory(), load.answered
                said.append(_look(page, "now"))
                grown = scene.daemon.memory() - before
                assert load.answered > answered, "the daemon no longer answers"
        assert page.complaints == []
        with capsys.disabled():
            print(f"\n{load.answered} answered; a stalled page took {grown / 1e6:.1f} MB")
            for view, median, late, busy, nodes in said:
                frames = f"frames of {median:.0f} ms, 95 of 100 within {late:.0f} ms"
                print(f"  {view}: {frames}; {busy:.0%} of a core, {nodes} nodes")
        assert grown < 16_000_000
        for view, median, _, busy, nodes in said:
            assert median < 50, view
            assert busy < 0.3, view
            assert nodes < 40_000, view


def _look(page: Browser, view: str) -> tuple[str, float, float, float, int]:
    """A view for some seconds: the median and the 95th percentile of its frames' times, its share of a core, its nodes."""
    page.run(f"location.hash = '#{view}'; 1")
    page.until(f"!document.getElementById({view!r}).hidden")
    if view == "credentials":
        page.click("#credentials-more")
        page.until(f"document.querySelectorAll('#credentials-rows tr').length === {CREDENTIALS}")
    before, began = page.metrics(), time.monotonic()
    gaps = page.run(_FRAMES % (SECONDS * 1000))
    after, seconds = page.metrics(), time.monotonic() - began
    parts = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    busy = sum(after[part] - before[part] for part in parts) / seconds
    nodes = page.run("document.querySelectorAll('*').length")
    return view, gaps[len(gaps) // 2], gaps[int(len(gaps) * 0.95)], busy, nodes
