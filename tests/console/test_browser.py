"""The console as its users see it: in a real Chromium, in front of a real daemon."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.console.browser import Browser, chromium
from tests.console.scene import CONSOLE_KEY, SECRET, Scene, open_scene

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(chromium() is None, reason="there is no Chromium here; Debian's package is called chromium"),
]
VIEWS = ("now", "credentials", "requests", "usage", "keys", "explain", "configuration")
#: Views whose tables name each row.
HEADED = ("credentials", "usage", "keys", "configuration")
LIVE = "document.getElementById('link')?.dataset.state === 'live'"


def settings(vendor: str) -> dict[str, Any]:
    """Two credentials of one model, the first of which is spent; one that streams slowly, and one that waits for the scene."""

    def compat(name: str, keys: list[str], model: str) -> dict[str, Any]:
        entries = [{"api-key": f"canary-{name}-{key}"} for key in keys]
        return {
            "name": name,
            "base-url": f"{vendor}/v1",
            "api-key-entries": entries,
            "models": [{"name": model, "alias": model}],
        }

    return {
        "api-keys": [
            {"key": "sk-client-canary-c0ffee-11", "name": "laptop", "budgets": [{"tokens": 10_000_000, "per": "day"}]}
        ],
        "request-retry": 2,
        "routing": {"strategy": "fill-first"},
        "openai-compatibility": [
            compat("spent", ["429", "ok"], "gpt-5.2"),
            compat("gated", ["gate"], "deepseek-chat"),
            compat("broken", ["401"], "mistral-large"),
        ],
        "claude-api-key": [
            {
                "api-key": "canary-claude-left-38",
                "base-url": vendor,
                "models": [{"name": "claude-x", "alias": "claude-x"}],
            }
        ],
        "prices": [{"model": "gpt-5.2", "input": 1, "output": 10}],
    }


@attrs.define
class Stage:
    """A scene and a page that looks at it."""

    scene: Scene
    page: Browser

    @property
    def url(self) -> str:
        return f"{self.scene.daemon.url}/console"

    def log_in(self, key: str = CONSOLE_KEY) -> None:
        """Anew, in a wide window."""
        page = self.page
        page.call("Network.clearBrowserCookies")
        page.size(1280, 900)
        page.prefer(prefers_color_scheme="light")
        page.go(self.url)
        page.until("document.activeElement?.id === 'key'")
        page.type(key)
        page.press("Enter")
        page.until(LIVE)

    def view(self, name: str) -> None:
        self.page.run(f"location.hash = '#{name}'; 1")
        self.page.until(f"!document.getElementById({name!r}).hidden && document.title.length > 0")

    def explain(self, model: str) -> None:
        """Ask for it in the view that explains."""
        self.page.run(f"document.getElementById('explain-model').value = {model!r}; 1")
        self.page.run("document.getElementById('explain-form').requestSubmit(); 1")

    def text(self, selector: str) -> str:
        found: str = self.page.run(f"document.querySelector({selector!r}).innerText")
        return found

    def sees(self, selector: str, *words: str) -> None:
        """All words come to be shown there."""
        for word in words:
            self.page.until(f"(document.querySelector({selector!r})?.innerText ?? '').includes({word!r})")


def _row(label: str) -> str:
    """The row of a credential, in JavaScript."""
    return f"[...document.querySelectorAll('#credentials-rows tr')].find((row) => row.innerText.startsWith({label!r}))"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with (
        tempfile.TemporaryDirectory() as directory,
        tempfile.TemporaryDirectory() as profile,
        open_scene(Path(directory), settings) as scene,
        Browser(chromium() or "", Path(profile)) as page,
    ):
        yield Stage(scene, page)


@pytest.fixture(autouse=True)
def nothing_to_complain_of(stage: Stage) -> Iterator[None]:
    """No error, no warning, nothing that the content security policy refuses, and nothing asked for elsewhere."""
    stage.page.complaints.clear()
    yield
    asked = {url for url in stage.page.asked if not url.startswith((stage.scene.daemon.url, "about:"))}
    assert (stage.page.complaints, asked) == ([], set())


def test_a_wrong_key_is_told_and_a_right_one_opens(stage: Stage) -> None:
    """By keyboard alone; and nothing of the key stays where a script could read it."""
    page = stage.page
    page.go(stage.url)
    assert page.run("document.activeElement.id") == "key"
    page.type("guess")
    page.press("Enter")
    page.until("document.getElementById('said')?.innerText.includes('does not open')")
    assert any("401" in complaint for complaint in page.complaints), "the browser's own word on the status"
    page.complaints.clear()
    for key in (CONSOLE_KEY, SECRET):
        stage.log_in(key)
        kept = "JSON.stringify([document.cookie, Object.entries(localStorage), Object.entries(sessionStorage)])"
        held = page.run(kept) + page.run("document.documentElement.outerHTML") + page.run("location.href")
        assert key not in held and "cliproxy-console" not in page.run("document.cookie")


def test_every_view_shows_what_there_is(stage: Stage) -> None:
    """A few requests, and then each view."""
    stage.log_in()
    assert stage.scene.ask("gpt-5.2", "1200/800/90")[0] == 200
    stage.scene.ask("claude-x", "300/0/20", claude=True, stream=True)
    stage.view("now")
    stage.sees("#cooling", "spent", "over its quota (429)")
    stage.sees("#chart-outcomes", "after failover 1")
    stage.view("credentials")
    stage.sees("#credentials-rows", "spent", "cooling", "gated", "usable", "5h", "62% used", "7d", "anew in 1 h")
    stage.view("requests")
    stage.sees("#requests-rows", "gpt-5.2", "failover", "$0.0021", "800 cached", "Anthropic", "claude-x")
    stage.page.click(".opener")
    stage.sees("tr.detail", "Attempts", "Affinity")
    stage.view("usage")
    stage.sees("#usage-rows", "gpt-5.2")
    stage.view("keys")
    stage.sees("#keys-rows", "laptop", "tokens a day")
    stage.view("configuration")
    stage.sees("#who", "cliproxy", stage.scene.daemon.settings["auth-dir"].rpartition("/")[0])
    stage.sees("#settings-rows", "request-retry", "fill-first")
    stage.sees("#problems-empty", "None")


def test_explain(stage: Stage) -> None:
    """A model's candidates in order, why one is out, and a name that nobody serves."""
    stage.log_in()
    stage.scene.ask("gpt-5.2")
    stage.view("explain")
    stage.page.run("document.getElementById('explain-model').focus(); 1")
    stage.page.type("gpt-5.2(high)")
    stage.page.press("Enter")
    stage.sees("#explained", "spent", "cooling", "1 can be taken now", "/v1/chat/completions", "high")
    stage.page.run("document.getElementById('explain-model').value = 'nobody'; 1")
    stage.page.click("#explain-form button")
    stage.sees("#explained", "unknown provider")


def test_a_model_leads_to_its_explanation(stage: Stage) -> None:
    """From its credential, and by its address; going back leads back."""
    stage.log_in()
    stage.view("credentials")
    stage.page.until(f"{_row('gated')} !== undefined")
    stage.page.run(f"{_row('gated')}.querySelector('a.chip').focus(); 1")
    stage.page.press("Enter")
    stage.sees("#explained", "deepseek-chat", "gated")
    assert stage.page.run("document.activeElement.id") == "explain-title"
    stage.page.run("history.back(); 1")
    stage.page.until("!document.getElementById('credentials').hidden")


def test_a_request_runs(stage: Stage) -> None:
    """It is shown under way, with its first token, and then with its counts."""
    stage.log_in()
    stage.scene.gate.clear()
    stage.scene.begin("deepseek-chat", "700/0/9", stream=True)
    stage.sees("#running", "deepseek-chat", "gated", "first token after")
    stage.view("credentials")
    stage.page.until(f"{_row('gated')}?.querySelector('[data-label=\"Under way\"]').innerText === '1'")
    stage.view("requests")
    stage.sees("#requests-rows", "under way")
    stage.scene.join()
    stage.page.until("!document.querySelector('#requests-rows').innerText.includes('under way')")
    stage.sees("#requests-rows tr", "deepseek-chat", "700", "answered")


def test_a_cool_down_comes_and_is_cleared(stage: Stage) -> None:
    """It comes while one looks, is told to a screen reader, and goes with a press of a key."""
    stage.log_in()
    stage.view("credentials")
    stage.page.run("document.getElementById('credentials-filter').focus(); 1")
    stage.page.type("broken")
    stage.sees("#credentials-rows", "usable")
    assert stage.scene.ask("mistral-large")[0] >= 400
    stage.sees("#credentials-rows", "cooling", "the vendor refuses its key (401)")
    stage.sees("#polite", "broken is cooling")
    stage.page.run("document.querySelector('#credentials-rows button').focus(); 1")
    stage.page.press("Enter")
    stage.sees("#credentials-rows", "usable")
    stage.sees("#toast", "broken is free again")
    assert stage.scene.ask("mistral-large")[0] >= 400
    stage.sees("#credentials-rows", "cooling")
    stage.page.click("#clear-all")
    stage.page.until("document.getElementById('ask').open")
    stage.page.press("Escape")
    assert "cooling" in stage.text("#credentials-rows")
    stage.page.click("#clear-all")
    stage.page.click("#ask-yes")
    stage.sees("#credentials-rows", "usable")


def test_by_keyboard(stage: Stage) -> None:
    """Everything that can be pressed is reached with Tab, shows the focus, and a view that opens has it."""
    stage.log_in()
    page = stage.page
    page.run("document.activeElement.blur(); 1")
    met: list[str] = []
    while len(met) < 40:
        page.press("Tab")
        if page.run("document.activeElement === document.body"):
            break
        told = page.run(
            "(() => { const e = document.activeElement, o = getComputedStyle(e);"
            " return [e.innerText || e.id || e.tagName, parseFloat(o.outlineWidth) * (o.outlineStyle !== 'none')]; })()"
        )
        met.append(told[0].strip())
        assert told[1] >= 2, f"the focus on {told[0]} is not seen"
    for wanted in ("Skip to the view", "Now", "Configuration", "Log out", "As a table"):
        assert any(wanted in each for each in met), (wanted, met)
    page.run("document.querySelector('#nav a[href=\"#keys\"]').focus(); 1")
    page.press("Enter")
    page.until("document.activeElement.id === 'keys-title'")
    assert page.run("document.title").startswith("Keys")


@pytest.mark.parametrize("width", [390, 1280])
def test_for_a_screen_reader(stage: Stage, width: int) -> None:
    """Landmarks, a name for everything that can be pressed or filled in, and headers for every table."""
    stage.log_in()
    stage.scene.ask("gpt-5.2")
    page = stage.page
    page.call("Accessibility.enable")
    page.size(width, 900)
    for view in VIEWS:
        stage.view(view)
        page.until(f"document.querySelector('#{view} tbody:empty') === null || {view!r} === 'explain'")
        nodes = [node for node in page.call("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]
        found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes]
        roles = {role for role, _ in found}
        assert {"banner", "navigation", "main", "heading"} <= roles, view
        nameless = [role for role, name in found if role in _NAMED and not name.strip()]
        assert nameless == [], (view, nameless)
        seen = f"[...document.querySelectorAll('#{view} :is(h1, h2, h3)')].filter((e) => e.checkVisibility())"
        levels = page.run(f"{seen}.map((e) => +e.tagName[1])")
        assert levels[0] == 1 and levels.count(1) == 1, (view, levels)
        assert page.run(f"[...document.querySelectorAll('#{view} table th')].every((th) => th.scope)"), view
        if page.run(f"document.querySelector('#{view} tbody tr')?.checkVisibility() ?? false"):
            assert {"table", "row", "columnheader", "rowheader" if view in HEADED else "cell"} <= roles, view
    loud = page.run("[...document.querySelectorAll('[aria-live], [role=alert], [role=status]')].map((e) => e.id)")
    assert sorted(loud) == ["explained", "polite"]


_NAMED = {"button", "link", "textbox", "searchbox", "combobox", "image", "table", "figure", "region", "dialog"} - {
    "figure"
}

#: Every text that is seen has a contrast of 4.5 to the ground it stands on (WCAG 2.2, 1.4.3).
_CONTRAST = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > .99) return c; }
    return [255, 255, 255, 1];
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !e.checkVisibility()) continue;
    if (e.closest('.unseen, [disabled], datalist, option')) continue;
    const style = getComputedStyle(e), ink = rgba(e instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(ground(e))].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) poor.push([walk.currentNode.textContent.trim().slice(0, 40), Math.round(ratio * 100) / 100]);
  }
  return poor;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(stage: Stage, scheme: str) -> None:
    """In both themes, in every view, with something cooling, failed and under way."""
    stage.log_in()
    stage.page.prefer(prefers_color_scheme=scheme)
    stage.scene.ask("mistral-large")
    stage.scene.ask("gpt-5.2")
    stage.scene.gate.clear()
    stage.scene.begin("deepseek-chat", stream=True)
    stage.sees("#running", "deepseek-chat")
    for view in VIEWS:
        stage.view(view)
        if view == "explain":
            stage.explain("gpt-5.2")
            stage.sees("#explained", "spent")
        assert stage.page.run(_CONTRAST) == [], view
    stage.scene.join()


def test_the_theme_is_chosen_and_kept(stage: Stage) -> None:
    """The system's, light, or dark whatever the system says; it is there when the page comes again."""
    stage.log_in()
    page = stage.page
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.run(ground)
    page.prefer(prefers_color_scheme="dark")
    dark = page.run(ground)
    assert light != dark
    page.click("#theme")
    assert (page.run(ground), page.run("document.getElementById('theme-name').textContent")) == (light, "light")
    page.click("#theme")
    page.prefer(prefers_color_scheme="light")
    assert page.run(ground) == dark
    page.go(stage.url)
    page.until(LIVE)
    assert page.run(ground) == dark
    page.click("#theme")
    assert page.run(ground) == light


@pytest.mark.parametrize("width", [360, 768, 1024])
def test_nothing_is_wider_than_the_window(stage: Stage, width: int) -> None:
    """On a phone, and between it and a desk, no view scrolls sideways, and what is pressed is large enough for a finger."""
    stage.log_in()
    stage.scene.ask("gpt-5.2", "31200/20800/1090")
    stage.page.size(width, 800, phone=width < 500)
    for view in VIEWS:
        stage.view(view)
        stage.page.until("document.documentElement.scrollWidth <= innerWidth", 5)
        if width < 500:
            pressed = f"header button, #{view} :is(button, select, input)"
            seen = f"[...document.querySelectorAll({pressed!r})].filter((e) => e.checkVisibility() && !e.closest('tr, li'))"
            sizes = stage.page.run(f"{seen}.map((e) => [e.innerText || e.id, e.getBoundingClientRect().height])")
            small = [size for size in sizes if size[1] < 40]
            assert small == [], view


def test_nothing_moves_by_itself(stage: Stage) -> None:
    """What comes is there, without an animation: there is nothing to reduce for those who want less motion."""
    stage.log_in()
    stage.scene.gate.clear()
    stage.scene.begin("deepseek-chat", stream=True)
    stage.sees("#running", "deepseek-chat")
    assert stage.page.run("document.getAnimations().length") == 0
    stage.scene.join()


def test_hold_still(stage: Stage) -> None:
    """The list of requests stands still as long as one wants, and then goes on."""
    stage.log_in()
    stage.view("requests")
    stage.scene.ask("gpt-5.2")
    stage.sees("#requests-rows", "gpt-5.2")
    stage.page.click("#hold")
    stage.scene.ask("claude-x", "7700000/0/7", claude=True)
    stage.view("now")
    stage.sees("#chart-tokens", "7.7")
    stage.view("requests")
    assert "claude-x" not in stage.text("#requests-rows tr")
    stage.page.click("#hold")
    stage.sees("#requests-rows tr", "claude-x")


def test_a_page_of_text_is_text(stage: Stage) -> None:
    """What a client names is shown as it is, and is never markup."""
    stage.log_in()
    stage.view("requests")
    stage.scene.ask("<img src=x onerror=alert(1)>")
    stage.page.run("document.getElementById('requests-filter').value = ''; 1")
    stage.view("explain")
    stage.explain("<b id=evil>x</b>")
    stage.sees("#explained", "<b id=evil>")
    assert stage.page.run("document.getElementById('evil')") is None


def test_an_empty_daemon(stage: Stage) -> None:
    """Without credentials, keys or requests every view says what there is not, and what to do."""
    nothing: dict[str, Any] = {"api-keys": []}
    with (
        tempfile.TemporaryDirectory() as directory,
        open_scene(Path(directory), lambda _: nothing, sign="/healthz") as scene,
    ):
        empty = Stage(scene, stage.page)
        empty.log_in()
        empty.sees("#gist", "No credential is configured")
        for view, words in (
            ("credentials", "cliproxy presets"),
            ("requests", "No request has come yet"),
            ("usage", "Nothing was used"),
            ("keys", "No client keys are configured"),
            ("configuration", "no model can be served"),
        ):
            empty.view(view)
            empty.sees(f"#{view}", words)
        empty.view("explain")
        empty.explain("gpt-5.2")
        empty.sees("#explained", "unknown provider")
        assert stage.page.complaints == []
        stage.page.go(stage.url)
        stage.page.asked.clear()


def test_a_key_that_is_changed_asks_for_the_new_one(stage: Stage) -> None:
    """While the page is open, and by itself."""
    stage.log_in()
    daemon = stage.scene.daemon
    doors = {**daemon.settings["remote-management"], "console-key": "another-canary"}
    daemon.write(json.dumps({**daemon.settings, "remote-management": doors}))
    stage.page.until("document.getElementById('key') !== null")
    before = daemon.log.read_text().count(": reloaded")
    daemon.write(json.dumps(daemon.settings))
    daemon.until(lambda: daemon.log.read_text().count(": reloaded") > before)
    stage.page.complaints.clear()  # the browser's own words about a 401


def test_the_daemon_goes_and_comes_back(stage: Stage) -> None:
    """The page says so, keeps what it has shown, and goes on by itself, with the same session."""
    stage.log_in()
    stage.view("credentials")
    stage.scene.daemon.stop()
    stage.page.until("!document.getElementById('lost').hidden")
    assert "spent" in stage.text("#credentials-rows")
    stage.scene.daemon.__enter__()
    stage.page.until(LIVE)
    stage.page.until("document.getElementById('lost').hidden")
    stage.sees("#polite", "Connected again")
    stage.page.complaints.clear()  # the browser's own words about a connection that was refused
    stage.page.click("#leave")
    stage.page.until("document.getElementById('key') !== null")
