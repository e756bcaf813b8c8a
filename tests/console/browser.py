"""A headless Chromium, driven over its DevTools protocol. It sees nothing but loopback."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.request import Request, urlopen

from websockets.sync.client import connect

#: Seconds within which the browser must have started, and a page must have come to be what is waited for.
PATIENCE = 20.0
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root, in a container; what is looked at is our own page
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)


def chromium() -> str | None:
    """The browser's path; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One browser with one page; a context manager.

    :ivar complaints: what the page's console, its exceptions and its content security policy have said.
    :ivar asked: the URLs that were asked for.
    """

    def __init__(self, path: str, directory: Path) -> None:
        self._path = path
        self._directory = directory
        self._number = 0
        self.complaints: list[str] = []
        self.asked: list[str] = []

    def __enter__(self) -> Browser:
        command = [self._path, *_FLAGS, f"--user-data-dir={self._directory}", "about:blank"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            port = self._port()
            with urlopen(Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT"), timeout=30) as found:
                url = json.load(found)["webSocketDebuggerUrl"]
            self._connection = connect(url, max_size=None, open_timeout=PATIENCE)
            self._socket = self._connection.__enter__()
        except BaseException:
            self._end()
            raise
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Performance.enable", timeDomain="threadTicks")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.__exit__(kind, error, trace)
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _port(self) -> int:
        """The port that the browser has chosen; it writes it down when it listens."""
        file, deadline, tick = self._directory / "DevToolsActivePort", time.monotonic() + PATIENCE, threading.Event()
        while not file.exists() or "\n" not in file.read_text():
            assert self._process.poll() is None, "the browser does not start"
            assert time.monotonic() < deadline, f"the browser does not listen within {PATIENCE} s"
            tick.wait(0.05)
        return int(file.read_text().split("\n")[0])

    def call(self, method: str, **parameters: Any) -> Any:
        """Have the browser do something; its answer."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE))
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self._note(message)

    def _note(self, message: Mapping[str, Any]) -> None:
        method, said = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.asked.append(said["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = said["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.complaints.append(str([each.get("value") for each in said["args"]]))
        elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            entry = said["entry"]
            self.complaints.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")

    def run(self, expression: str) -> Any:
        """What a JavaScript expression comes to; a promise is waited for."""
        told = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, expression: str, seconds: float = PATIENCE) -> Any:
        """Look again and again until an expression is true; what it comes to then.

        :raises AssertionError: it is not within ``seconds``.
        """
        deadline, tick = time.monotonic() + seconds, threading.Event()
        while not (found := self.run(expression)):
            if time.monotonic() > deadline:
                shown = self.run("document.body.innerText.slice(0, 1500)")
                raise AssertionError(f"not within {seconds} s: {expression}; {self.complaints}; {shown}")
            tick.wait(0.05)
        return found

    def go(self, url: str) -> None:
        """Open a page and wait until it is there, and no longer the one before it."""
        self.run("window.isBefore = true")
        self.call("Page.navigate", url=url)
        self.until("window.isBefore === undefined && document.readyState === 'complete'")

    def size(self, width: int, height: int, *, phone: bool = False, scale: float = 1) -> None:
        """The window, or a phone with a touch screen."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    def prefer(self, **features: str) -> None:
        """What the reader's system prefers: ``prefers_color_scheme="dark"``."""
        told = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=told)

    def press(self, key: str, *, shift: bool = False) -> None:
        """A key, pressed and let go."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowDown": 40}
        text = {"Enter": "\r", " ": " "}.get(key, "")
        parameters = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": codes[key]}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, modifiers=8 if shift else 0, **parameters)
        self.call("Input.dispatchKeyEvent", type="keyUp", modifiers=8 if shift else 0, **parameters)

    def type(self, text: str) -> None:
        """Text into what has the focus."""
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """A click into the middle of an element."""
        place = self.run(
            f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}});"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def picture(self, path: Path, height: int = 0) -> None:
        """What is seen, as a PNG; from the top down to ``height`` where one is given."""
        clip = {}
        if height:
            width = self.run("innerWidth")
            clip = {"clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}}
        told = self.call("Page.captureScreenshot", format="png", optimizeForSpeed=False, **clip)
        path.write_bytes(base64.b64decode(told["data"]))

    def metrics(self) -> dict[str, float]:
        """The browser's own figures of the page: seconds of processor time in scripts and layout, nodes, and so on."""
        return {entry["name"]: entry["value"] for entry in self.call("Performance.getMetrics")["metrics"]}
