// The console: it shows what `console/events` says, and asks the daemon for the rest. No markup is ever made of text, nothing is
// fetched from anywhere else, and only the view that is looked at is drawn.

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

/** What a browser may forget of a table that a style lays out otherwise. */
const ROLES = { tr: "row", td: "cell", th: "rowheader" };

/** An element. Properties are attributes, but for `text` and `on*`; children are nodes, strings, or nothing. */
function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  if (tag in ROLES) element.setAttribute("role", ROLES[tag]);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

function s(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// ---- what is known

const known = {
  daemon: null, credentials: [], byLabel: new Map(), models: [], keys: [], cooling: {}, load: {}, quota: {}, accounts: {}, running: [], ended: [],
  ids: new Set(), minutes: new Map(), open: 0, waiting: 0, skew: 0, unshown: 0,
};
const MOST_KEPT = 300; // requests that ended
const MOST_ROWS = 100; // of credentials; more are shown when asked for
const MOST_REQUESTS = 60;

const now = () => Date.now() / 1000 + known.skew;

function takeWhole(whole) {
  known.daemon = whole.daemon;
  known.credentials = whole.credentials;
  known.byLabel = new Map(whole.credentials.map((each) => [each.label, each]));
  known.models = whole.models;
  known.minutes.clear();
  known.quota = {};
  known.ended = [];
  known.ids.clear();
  fill($("models"), known.models.map((name) => h("option", { value: name })));
  takeFrame(whole);
  touch(...Object.keys(VIEWS));
}

function takeFrame(frame) {
  const skew = frame.now - Date.now() / 1000;
  if (Math.abs(skew - known.skew) > 0.5) known.skew = skew;
  if (known.open !== frame.open || known.waiting !== frame.waiting) touch("now", "requests");
  [known.open, known.waiting] = [frame.open, frame.waiting];
  for (const minute of frame.minutes ?? []) known.minutes.set(minute.start, minute);
  for (const name of ["running", "load", "keys", "accounts"]) if (frame[name]) known[name] = frame[name];
  Object.assign(known.quota, frame.quota);
  if (frame.cooling) takeCooling(frame.cooling);
  if (frame.ended) takeEnded(frame.ended);
  known.unshown += frame.unshown ?? 0;
  if (frame.running || frame.ended) touch("now", "requests");
  if (frame.cooling || frame.load || frame.quota || frame.accounts) touch("now", "credentials");
  if (frame.keys) touch("keys");
}

function takeEnded(ended) {
  for (const record of ended) {
    if (known.ids.has(record.id)) continue;
    known.ids.add(record.id);
    known.ended.push(record);
  }
  while (known.ended.length > MOST_KEPT) known.ids.delete(known.ended.shift().id);
}

const longest = new Map(); // of each cool-down, so that a bar can show how much of it is left
let wasCooling = null;

function takeCooling(cooling) {
  known.cooling = cooling;
  const present = new Set();
  for (const [id, cools] of Object.entries(cooling)) {
    for (const cool of cools) {
      const key = `${id} ${cool.model ?? ""}`;
      if (cool.until > now()) present.add(id);
      longest.set(key, Math.max(longest.get(key) ?? 0, cool.until - now()));
    }
  }
  if (longest.size > 5000) longest.clear();
  if (wasCooling !== null) announceCooling([...present].filter((id) => !wasCooling.has(id)));
  wasCooling = present;
}

function announceCooling(ids) {
  if (!ids.length) return;
  const labels = known.credentials.filter((each) => ids.includes(each.id)).map((each) => each.label);
  announce(labels.length === 1 ? `${labels[0]} is cooling` : `${labels.length} credentials are cooling`, 10);
}

/** The cool-downs of a credential that are not over, or were until now: then its next request probes. */
const cooldowns = (credential) => known.cooling[credential.id] ?? [];

function standing(credential) {
  const cools = cooldowns(credential), time = now();
  const whole = cools.find((cool) => cool.model === null && cool.until > time);
  if (whole) return { state: "cooling", cool: whole };
  const parts = cools.filter((cool) => cool.until > time);
  if (parts.length) return { state: "cooling", cool: parts[0], parts: parts.length };
  if (cools.length) return { state: "probing", cool: cools[0] };
  if (known.accounts[credential.id]) return { state: "tokenless" };
  const load = known.load[credential.id] ?? 0;
  if (credential.max_concurrency && load >= credential.max_concurrency) return { state: "busy" };
  return { state: "usable" };
}

const REASONS = {
  quota: "over its quota", credential: "the vendor refuses its key", model: "does not have the model",
  upstream: "the vendor fails", request: "the request was at fault", "context length": "the prompt was too long",
};
const reason = (cool) => (REASONS[cool.reason] ?? cool.reason) + (cool.status ? ` (${cool.status})` : "");

// ---- how things are written

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

const count = (number) => (number === null || number === undefined ? "–" : number < 10000 ? whole.format(number) : compact.format(number));
const atTime = (seconds) => clock.format(seconds * 1000);
const plural = (number, word, words) => `${whole.format(number)} ${number === 1 ? word : words ?? word + "s"}`;

function usd(dollars) {
  if (!dollars) return "$0";
  if (dollars < 0.0001) return "<$0.0001";
  return "$" + (dollars < 0.1 ? dollars.toFixed(4) : dollars < 1000 ? dollars.toFixed(2) : compact.format(dollars));
}

function ms(time) {
  if (time === null || time === undefined) return "–";
  if (time < 1) return time ? "<1 ms" : "0 ms";
  if (time < 1000) return `${Math.round(time)} ms`;
  return time < 100000 ? `${(time / 1000).toFixed(time < 10000 ? 2 : 1)} s` : span(time / 1000);
}

function span(seconds) {
  const left = Math.max(0, Math.round(seconds));
  if (left < 60) return `${left} s`;
  if (left < 3600) return `${Math.floor(left / 60)} min ${left % 60} s`;
  if (left < 86400) return `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
  return `${Math.floor(left / 86400)} d ${Math.floor((left % 86400) / 3600)} h`;
}

const percent = (share) => `${share >= 0.9995 || share === 0 ? Math.round(share * 100) : (share * 100).toFixed(1)}%`;
const DIALECTS = { openai: "OpenAI Chat", responses: "Responses", claude: "Anthropic", gemini: "Gemini" };
const dialect = (name) => DIALECTS[name] ?? name;

// ---- filling the page without building it anew

function fill(parent, children) {
  parent.replaceChildren(...children);
}

/**
 * Make the children of `parent` be those of `items`, in order. An item is `{key, sign, make}`; a node stays as long as its sign
 * does. Where the focus was in a node that is made anew, it goes to the same place in the new one.
 */
function reconcile(parent, items) {
  const before = (parent.kept ??= new Map()), after = new Map();
  for (const item of items) {
    const old = before.get(item.key);
    if (old && old.sign === item.sign) after.set(item.key, old);
    else {
      const node = item.make();
      if (old) {
        const focus = old.node.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
        old.node.replaceWith(node);
        if (focus) node.querySelector(`[data-focus="${focus}"]`)?.focus({ preventScroll: true });
      }
      after.set(item.key, { node, sign: item.sign });
    }
  }
  for (const [key, old] of before) if (!after.has(key)) old.node.remove();
  let place = parent.firstChild;
  for (const { node } of after.values()) {
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  parent.kept = after;
}

/** Text that counts by itself, once a second: down to `until`, or up from `since` (Unix seconds). */
function ticking(attributes, moment, form) {
  const element = h("span", attributes);
  element.tick = () => {
    const text = form(Math.abs(moment - now()), moment - now());
    if (element.textContent !== text) element.textContent = text;
  };
  element.classList.add("ticks");
  element.tick();
  return element;
}

const pill = (kind, text) => h("span", { class: `pill ${kind}`, text });
const cell = (label, properties, ...children) => h("td", { "data-label": label, ...properties }, ...children);
const number = (label, text, properties) => cell(label, { class: "num", ...properties }, text);

function meter(share, label) {
  const bar = h("i", { class: share >= 1 ? "full" : share >= 0.8 ? "near" : null });
  bar.style.width = `${Math.min(100, Math.max(0, share * 100))}%`;
  return h("span", { class: "meter", role: "img", "aria-label": label ?? percent(share) }, bar);
}

function tiles(id, facts) {
  reconcile($(id), facts.map(([title, value, more]) => ({
    key: title, sign: `${value}|${more}`,
    make: () => h("div", null, h("dt", { text: title }), h("dd", null, value, h("small", { text: more ?? "" }))),
  })));
}

// ---- charts

const SLOTS = 60, GUTTER = 44; // minutes, and pixels for what the axis says

/** The last hour, a minute a slot; null where nothing ended. */
function slots() {
  const last = Math.floor(now() / 60) * 60;
  return Array.from({ length: SLOTS }, (_, at) => {
    const start = last - (SLOTS - 1 - at) * 60;
    return { start, minute: known.minutes.get(start) ?? null };
  });
}

function ceiling(value) {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

class Chart {
  /** `series`: [name, words, class] each; `form` writes a value; `lines` draws lines instead of stacked bars. */
  constructor(id, series, form, lines) {
    Object.assign(this, { figure: $(id), series, form, lines, drawn: "" });
    this.read = h("p", { class: "read", "aria-hidden": "true" });
    this.figure.querySelector("figcaption").append(this.read);
    this.svg = s("svg", { role: "img", height: 132 });
    this.marks = s("g", {});
    this.paths = series.map(([, , style]) => s("path", { class: style }));
    this.axis = s("g", { "aria-hidden": "true" });
    this.veil = s("rect", { x: 0, y: 0, height: 112, fill: "transparent" });
    this.hover = s("rect", { y: 0, height: 112, class: "f-left", opacity: 0 });
    this.svg.append(this.axis, this.hover, ...this.paths, this.veil);
    this.legend = h("p", { class: "legend" });
    this.figures = h("div", { class: "figures", tabindex: "0", role: "region", "aria-label": "Figures by the minute" });
    this.table = h("details", null, h("summary", { text: "As a table" }), this.figures);
    this.figure.append(this.svg, this.legend, this.table);
    this.veil.addEventListener("pointermove", (event) => this.point(event));
    this.veil.addEventListener("pointerleave", () => this.point(null));
    this.table.addEventListener("toggle", () => this.tabulate());
    new ResizeObserver(() => touch("now")).observe(this.figure);
  }

  values(slot) {
    return this.series.map(([name]) => (slot.minute === null ? null : slot.minute[name]));
  }

  draw(list) {
    const width = this.svg.clientWidth - GUTTER;
    const sign = `${width}|${list[0].start}|${JSON.stringify(list.map((slot) => this.values(slot)))}`;
    if (width <= 0 || sign === this.drawn) return;
    Object.assign(this, { drawn: sign, list, width });
    const sums = list.map((slot) => this.lines ? Math.max(0, ...this.values(slot)) : this.values(slot).reduce((a, b) => a + b, 0));
    this.top = ceiling(Math.max(...sums));
    this.svg.setAttribute("viewBox", `${-GUTTER} 0 ${width + GUTTER} 132`);
    this.veil.setAttribute("width", width);
    this.drawAxis(list, width);
    this.lines ? this.drawLines(list, width) : this.drawBars(list, width);
    this.tell(list);
    if (this.table.open) this.tabulate();
  }

  drawAxis(list, width) {
    const rule = (y) => s("line", { x1: 0, x2: width, y1: y, y2: y, class: "rule" });
    const ends = [[0, "start"], [SLOTS / 2, "middle"], [SLOTS - 1, "end"]];
    this.axis.replaceChildren(
      rule(0.5), rule(56), rule(112), ...[[this.top, 8], [this.top / 2, 60], [0, 112]].map(([value, y]) => s("text", { x: -GUTTER, y }, this.form(value))),
      ...ends.map(([at, anchor]) => s("text", { x: (width * at) / (SLOTS - 1), y: 128, "text-anchor": anchor }, hour.format(list[at].start * 1000))),
    );
  }

  drawBars(list, width) {
    const step = width / SLOTS, wide = Math.max(1, step - Math.max(1, step * 0.25)).toFixed(2);
    const shapes = this.series.map(() => "");
    list.forEach((slot, at) => {
      let base = 112;
      this.values(slot).forEach((value, index) => {
        if (!value) return;
        const high = Math.max(1, (value / this.top) * 112);
        base -= high;
        shapes[index] += `M${(at * step).toFixed(2)} ${base.toFixed(2)}h${wide}v${high.toFixed(2)}h-${wide}z`;
      });
    });
    this.paths.forEach((path, index) => path.setAttribute("d", shapes[index]));
  }

  drawLines(list, width) {
    const step = width / SLOTS;
    this.paths.forEach((path, index) => {
      let shape = "", pen = "M";
      list.forEach((slot, at) => {
        const value = this.values(slot)[index];
        if (value === null) { pen = "M"; return; }
        const x = ((at + 0.5) * step).toFixed(2), y = (112 - (value / this.top) * 110).toFixed(2);
        shape += pen === "M" ? `M${x} ${y}h.01` : `L${x} ${y}`;
        pen = "L";
      });
      path.setAttribute("d", shape);
    });
  }

  tell(list) {
    const said = this.series.map(([name, words, style]) => {
      const found = list.map((slot) => slot.minute?.[name]).filter((value) => typeof value === "number");
      const figure = this.lines ? found.at(-1) ?? null : found.reduce((a, b) => a + b, 0);
      return { words, style, text: this.form(figure) };
    });
    const marks = said.map(({ words, style, text }) => h("span", null, h("i", { class: style + (this.lines ? " line" : "") }), `${words} ${text}`));
    fill(this.legend, marks);
    const title = this.figure.querySelector("h2").textContent;
    const scope = this.lines ? "in the last minute that had any" : "in the last hour";
    this.svg.setAttribute("aria-label", `${title}, ${scope}: ${said.map(({ words, text }) => `${words} ${text}`).join(", ")}.`);
  }

  point(event) {
    const at = event === null ? -1 : Math.min(SLOTS - 1, Math.max(0, Math.floor(((event.offsetX - GUTTER) / this.width) * SLOTS)));
    this.hover.setAttribute("opacity", at < 0 ? 0 : 0.18);
    if (at < 0 || !this.list) { this.read.textContent = ""; return; }
    this.hover.setAttribute("x", (at * this.width) / SLOTS);
    this.hover.setAttribute("width", this.width / SLOTS);
    const slot = this.list[at], values = this.values(slot);
    const said = this.series.map(([, words], index) => [words, values[index]]).filter(([, value]) => value);
    this.read.textContent = `${hour.format(slot.start * 1000)}  ${said.map(([words, value]) => `${words} ${this.form(value)}`).join(" · ") || "nothing"}`;
  }

  tabulate() {
    if (!this.table.open || !this.list) return;
    const title = (text) => h("th", { scope: "col", role: "columnheader", text });
    const head = h("tr", null, title("Minute"), this.series.map(([, words]) => title(words)));
    const rows = this.list.filter((slot) => slot.minute).reverse().map((slot) => h("tr", null,
      h("th", { scope: "row", text: hour.format(slot.start * 1000) }), this.values(slot).map((value) => h("td", { text: this.form(value) }))));
    fill(this.figures, [rows.length ? h("table", null, h("thead", null, head), h("tbody", null, rows)) : h("p", { text: "Nothing ended in the last hour." })]);
  }
}

// ---- now

let charts = null;

function drawNow() {
  charts ??= [
    new Chart("chart-outcomes", [["ok", "answered", "f-ok"], ["over", "after failover", "f-over"], ["failed", "failed", "f-failed"], ["left", "client left", "f-left"]], count),
    new Chart("chart-first", [["first_p50", "median", "s-p50"], ["first_p95", "95th percentile", "s-p95"]], ms, true),
    new Chart("chart-tokens", [["fresh", "input", "f-in"], ["cached", "cached", "f-cached"], ["output", "output", "f-out"]], count),
  ];
  const list = slots(), minutes = list.map((slot) => slot.minute).filter(Boolean);
  for (const minute of minutes) minute.fresh = Math.max(0, minute.input - minute.cached);
  for (const chart of charts) chart.draw(list);
  drawGist();
  drawTiles(list, minutes);
  drawRunning();
  drawCooling();
}

function drawGist() {
  const total = known.credentials.length;
  const cooling = known.credentials.filter((each) => standing(each).state === "cooling").length;
  let said = total === 1 ? "The credential is usable." : `All ${whole.format(total)} credentials are usable.`;
  if (!total) said = "No credential is configured yet: every request will be refused.";
  else if (cooling) said = `${whole.format(cooling)} of ${plural(total, "credential")} ${cooling === 1 ? "is" : "are"} cooling; ${whole.format(total - cooling)} usable.`;
  if (known.daemon?.demo) said = "The demo: the built-in model answers, offline. " + (total > 1 ? said : "");
  set("gist", said);
}

function set(id, text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

function drawTiles(list, minutes) {
  const sum = (name) => minutes.reduce((total, minute) => total + minute[name], 0);
  const good = sum("ok") + sum("over"), bad = sum("failed"), ended = good + bad + sum("left");
  const recent = list.slice(-6, -1).map((slot) => (slot.minute ? slot.minute.ok + slot.minute.over + slot.minute.failed + slot.minute.left : 0));
  const pace = recent.reduce((a, b) => a + b, 0) / recent.length;
  const last = minutes.filter((minute) => minute.first_p50 !== null).at(-1);
  const input = sum("input"), output = sum("output"), cached = sum("cached");
  tiles("tiles", [
    ["Under way", count(known.open), known.waiting ? `${count(known.waiting)} waiting for a credential` : "none waiting"],
    ["Requests a minute", pace < 10 && pace % 1 ? pace.toFixed(1) : count(Math.round(pace)), `${count(ended)} in the last hour`],
    ["Answered", good + bad ? percent(good / (good + bad)) : "–", bad || sum("over") ? `${count(bad)} failed, ${count(sum("over"))} saved by failover` : "no failure in the last hour"],
    ["First token", last ? ms(last.first_p50) : "–", last ? `95 of 100 within ${ms(last.first_p95)}` : "in the last minute"],
    ["Tokens in the last hour", count(input + output), input ? `${count(input)} in, ${percent(cached / input)} cached` : "none yet"],
    ["Cost in the last hour", usd(sum("usd")), ended ? `${usd(sum("usd") / ended)} a request` : "none yet"],
  ]);
}

/** Client -> model -> those that failed -> who answers. */
function way(record) {
  if (record.path !== undefined && !record.dialect_in) return h("span", { class: "way" }, h("span", { class: "mono", text: record.path || "no request" }));
  const tries = record.tries ?? [], answered = record.status === undefined ? null : record.status;
  const failed = answered === null ? tries.filter((one) => one.status !== 200) : tries.filter((one, at) => one.status !== 200 || at < tries.length - 1);
  const last = answered === null ? record.credential : tries.at(-1)?.status === 200 ? record.credential : null;
  const parts = [h("span", { class: "dialect", text: dialect(record.dialect_in) }), arrow(), h("b", { text: record.asked || "–" })];
  failed.forEach((one, at) => {
    const why = `${one.credential} failed${one.status ? ` with ${one.status}` : ""}${one.why ? `: ${one.why}` : ""}`;
    parts.push(at ? then() : arrow(), h("span", { class: "tried", role: "img", "aria-label": why, title: why }, h("s", { text: one.credential }), ` ${one.status || "✕"}`));
  });
  if (last) parts.push(failed.length ? then() : arrow(), h("b", { text: last }));
  if (last && record.model && record.model !== record.asked) parts.push(h("span", { class: "dialect", text: `as ${record.model}` }));
  return h("span", { class: "way" }, parts);
}

const unseen = (text) => h("span", { class: "unseen", text });
const arrow = () => h("span", { class: "to", role: "img", "aria-label": "to", text: "→" });
const then = () => h("span", { class: "then", role: "img", "aria-label": "then", text: "⤳" });

function drawRunning() {
  const shown = known.running.slice(0, 12);
  reconcile($("running"), shown.map((record) => ({
    key: record.id, sign: JSON.stringify(record),
    make: () => h("li", null, way(record), ticking({ class: "time" }, record.time, (gone) => span(gone)),
      h("span", { class: "sub", text: [record.key, progress(record), record.losses ? plural(record.losses, "loss", "losses") : ""].filter((text) => text && text !== "-").join(" · ") })),
  })));
  $("running-empty").hidden = shown.length > 0;
  set("running-count", known.open > shown.length ? `${shown.length} of ${count(known.open)}` : known.open ? count(known.open) : "");
}

function progress(record) {
  if (record.first_ms !== null) return `first token after ${ms(record.first_ms)}`;
  return record.credential === null ? "waiting for a credential" : record.tries.length ? `attempt ${record.tries.length + 1}, waiting for the first token` : "waiting for the first token";
}

/** Every cool-down that is not over, those that end first in front. */
function coolingNow() {
  const found = [];
  for (const credential of known.credentials) {
    for (const cool of cooldowns(credential)) if (cool.until > now()) found.push({ credential, cool });
  }
  return found.sort((one, other) => one.cool.until - other.cool.until);
}

function drawCooling() {
  const found = coolingNow(), shown = found.slice(0, 12);
  reconcile($("cooling"), shown.map(({ credential, cool }) => ({
    key: `${credential.id} ${cool.model}`, sign: `${cool.until}|${cool.reason}|${cool.status}`,
    make: () => h("li", null,
      h("div", null, h("b", { text: credential.label }), h("span", { class: "sub", text: `${cool.model ? cool.model + " · " : ""}${reason(cool)}` })),
      ticking({ class: "left" }, cool.until, (_, left) => (left > 0 ? span(left) : "probing")),
      clearButton(credential, cool.model), coolBar(credential, cool)),
  })));
  $("cooling-empty").hidden = found.length > 0;
  set("cooling-count", found.length > shown.length ? `${shown.length} of ${count(found.length)}` : found.length ? count(found.length) : "");
}

function coolBar(credential, cool) {
  const bar = h("i", { class: "ticks" });
  const total = longest.get(`${credential.id} ${cool.model ?? ""}`) || 1;
  bar.tick = () => { bar.style.width = `${Math.min(100, Math.max(0, ((cool.until - now()) / total) * 100))}%`; };
  bar.tick();
  return h("span", { class: "meter", "aria-hidden": "true" }, bar);
}

function clearButton(credential, model) {
  const what = `Clear the cool-down of ${credential.label}${model ? ` for ${model}` : ""}`;
  return h("button", { type: "button", class: "small", "aria-label": what, "data-focus": "clear", text: "Clear", onclick: () => clear(credential, model) });
}

async function clear(credential, model) {
  const query = new URLSearchParams();
  if (credential) query.set("credential", credential.id);
  if (model) query.set("model", model);
  const told = await ask(`console/cooldowns?${query}`, { method: "DELETE" });
  if (told) say(told.cleared ? `${credential ? credential.label : "Every credential"} is free again` : "Nothing was cooling any more");
}

// ---- credentials

let rowsShown = MOST_ROWS;

function drawCredentials() {
  const words = $("credentials-filter").value.trim().toLowerCase(), wanted = $("credentials-state").value;
  const all = known.credentials.map((credential) => ({ credential, ...standing(credential) }));
  const found = all.filter(({ credential, state }) =>
    (!wanted || state === wanted || (wanted === "usable" && state === "probing")) &&
    (!words || `${credential.label} ${credential.provider} ${credential.models.join(" ")}`.toLowerCase().includes(words)));
  const rank = { tokenless: 0, cooling: 1, probing: 2, busy: 3, usable: 4 };
  found.sort((one, other) => rank[one.state] - rank[other.state] || other.credential.priority - one.credential.priority || one.credential.label.localeCompare(other.credential.label));
  reconcile($("credentials-rows"), found.slice(0, rowsShown).map(credentialItem));
  const cooling = all.filter((each) => each.state === "cooling").length;
  set("credentials-gist", all.length ? `${plural(all.length, "credential")}, ${cooling ? `${count(cooling)} cooling` : "none cooling"}` : "");
  $("clear-all").disabled = !Object.keys(known.cooling).length;
  $("credentials-table").hidden = !found.length;
  $("credentials-table").classList.toggle("unquoted", !Object.values(known.quota).some((windows) => windows.length));
  $("credentials-empty").hidden = found.length > 0;
  set("credentials-empty", all.length ? "No credential fits." : `No credential is configured. Put one into ${known.daemon?.config ?? "a config.yaml"}: cliproxy presets has the lines to paste.`);
  $("credentials-more").hidden = found.length <= rowsShown;
  set("credentials-more", `Show all ${whole.format(found.length)}`);
}

function credentialItem({ credential, state, cool, parts }) {
  const load = known.load[credential.id] ?? 0;
  const sign = `${state}|${cool?.until}|${cool?.reason}|${parts}|${load}|${JSON.stringify([known.quota[credential.id], known.accounts[credential.id]])}`;
  return { key: credential.id, sign, make: () => credentialRow(credential, state, cool, parts, load) };
}

function credentialRow(credential, state, cool, parts, load) {
  const facts = [credential.provider, credential.priority ? `priority ${credential.priority}` : "", credential.weight !== 1 ? `weight ${credential.weight}` : "", credential.subscription ? "subscription" : ""];
  const models = credential.models.slice(0, 3).map((name) => explainLink(name, name));
  if (credential.model_count > 3) models.push(h("span", { class: "chip", title: credential.models.slice(3).join(", "), text: `+${credential.model_count - 3}` }));
  return h("tr", null,
    h("th", { scope: "row", class: "full" }, credential.label, h("span", { class: "sub", text: facts.filter(Boolean).join(" · ") })),
    cell("State", { class: "full" }, stateOf(credential, state, cool, parts)),
    cell("Quota", { class: "quota" + (known.quota[credential.id]?.length ? " full" : "") }, quota(known.quota[credential.id] ?? [])),
    number("Under way", credential.max_concurrency ? `${load} of ${credential.max_concurrency}` : count(load)),
    cell("Models", { class: "full" }, credential.model_count ? h("span", { class: "chips" }, models) : h("span", { class: "none", text: "as asked" })),
    cell(null, { class: "num" }, cool ? clearButton(credential, null) : null));
}

function stateOf(credential, state, cool, parts) {
  if (state === "usable") return pill("ok", "usable");
  if (state === "busy") return pill("info", "busy");
  if (state === "tokenless") return h("div", { class: "state" }, pill("failed", "no token"), h("span", { class: "sub", text: known.accounts[credential.id].problem }));
  if (state === "probing") return h("div", { class: "state" }, pill("info", "half-open"), h("span", { class: "sub", text: "the next request probes it" }));
  const what = parts > 1 ? `${parts} models` : cool.model;
  return h("div", { class: "state" },
    h("span", { class: "pill over" }, "cooling ", ticking(null, cool.until, (_, left) => (left > 0 ? span(left) : "over"))),
    h("span", { class: "sub", text: `${what ? what + " · " : ""}${reason(cool)}` }), coolBar(credential, cool));
}

function quota(windows) {
  if (!windows.length) return h("span", { class: "none", text: "–" });
  return h("div", { class: "gauges" }, windows.map((one) => h("div", null,
    h("span", { class: "line" }, h("span", { text: one.window }), h("span", null, `${Math.round(one.used * 100)}% used`)),
    meter(one.used, `${one.window}: ${Math.round(one.used * 100)}% used`),
    h("span", { class: "sub" }, one.model, one.model && one.resets ? " · " : "", one.resets ? ticking(null, one.resets, (_, left) => (left > 0 ? `anew in ${span(left)}` : "anew now")) : null))));
}

// ---- requests

const opened = new Set();
let held = null;

function drawRequests() {
  const source = held ?? { running: known.running, ended: known.ended, unshown: known.unshown };
  const words = $("requests-filter").value.trim().toLowerCase(), wanted = $("requests-outcome").value;
  const fits = (record) =>
    (!words || `${record.id} ${record.key} ${record.path ?? ""} ${record.asked} ${record.model} ${record.credential} ${record.provider} ${record.tries.map((one) => one.credential).join(" ")}`.toLowerCase().includes(words)) &&
    (!wanted || (wanted === "losses" ? record.losses > 0 : outcome(record) === wanted));
  const items = source.running.filter(fits).map(runningItem);
  for (let at = source.ended.length - 1; at >= 0 && items.length < MOST_REQUESTS; at -= 1) {
    const record = source.ended[at];
    if (!fits(record)) continue;
    items.push(endedItem(record));
    if (opened.has(record.id)) items.push({ key: `${record.id} detail`, sign: "", make: () => detailRow(record) });
  }
  reconcile($("requests-rows"), items);
  $("requests-table").hidden = !items.length;
  $("requests-empty").hidden = items.length > 0;
  set("requests-empty", source.ended.length ? "No request fits." : "No request has come yet. cliproxy connect tells a client how to.");
  const unshown = source.unshown ? `; ${count(source.unshown)} came too fast to be listed` : "";
  set("requests-gist", held ? "Held still: nothing moves until you go on." : `${count(known.open)} under way${unshown}`);
}

const outcome = (record) => (record.status === undefined ? "running" : record.outcome === "ok" && record.tries.length > 1 ? "over" : record.outcome);
const OUTCOMES = { ok: ["ok", "answered"], over: ["over", "failover"], failed: ["failed", "failed"], cancelled: ["", "client left"] };

function runningItem(record) {
  return {
    key: record.id, sign: "running" + JSON.stringify(record),
    make: () => h("tr", null,
      cell("When", { class: "unlabelled" }, h("span", { class: "shut", text: atTime(record.time) })), cell("Client", { class: "unlabelled" }, client(record)),
      cell("Way", { class: "unlabelled way-cell" }, way(record)), cell("Outcome", { class: "unlabelled outcome" }, pill("info", "under way")),
      number("First token", ms(record.first_ms)), number("Total", ticking(null, record.time, (gone) => span(gone))), number("In", "–"), number("Out", "–"), number("Cost", "–")),
  };
}

const client = (record) => (record.key === "-" ? h("span", { class: "none", text: "no key" }) : record.key);

function endedItem(record) {
  const open = opened.has(record.id), [kind, words] = OUTCOMES[outcome(record)] ?? ["", record.outcome];
  const toggle = () => { open ? opened.delete(record.id) : opened.add(record.id); drawAtOnce(); };
  return {
    key: record.id, sign: open ? "open" : "shut",
    make: () => h("tr", null,
      cell("When", { class: "unlabelled" }, h("button", { type: "button", class: "opener", "aria-expanded": String(open), "data-focus": "open", "aria-label": `${atTime(record.time)}, details`, onclick: toggle, text: atTime(record.time) })),
      cell("Client", { class: "unlabelled" }, client(record)),
      cell("Way", { class: "unlabelled way-cell" }, way(record), record.failure && outcome(record) === "failed" ? h("span", { class: "sub", text: record.failure }) : null),
      cell("Outcome", { class: "unlabelled outcome" }, pill(kind, kind === "failed" && record.status >= 400 ? `${record.status}` : words), record.losses ? h("span", { class: "sub", text: plural(record.losses, "loss", "losses") }) : null),
      number("First token", ms(record.first_ms)), number("Total", ms(record.ms)),
      number("In", h("span", null, count(record.input), record.cached ? h("span", { class: "sub", text: `${count(record.cached)} cached` }) : null)),
      number("Out", count(record.output)), number("Cost", record.cost_source === "unknown" ? "–" : usd(record.cost_usd))),
  };
}

function detailRow(record) {
  const tries = record.tries.map((one) => `${one.credential} (${one.model}): ${one.status || "none"}${one.why ? `, ${one.why}` : ""}, ${ms(one.ms)}`);
  const why = record.asked ? explainLink(record.asked, "what would become of it now") : null;
  if (record.path) return h("tr", { class: "detail" }, h("td", { colspan: "9" }, factList([["Request", record.id], ["Path", record.path], ["Refused", record.failure]])));
  const facts = [
    ["Request", record.id], ["Translated", record.dialect_out && record.dialect_out !== record.dialect_in ? `${dialect(record.dialect_in)} to ${dialect(record.dialect_out)}` : "no, passed on"],
    ["Attempts", tries.length ? h("ol", null, tries.map((text) => h("li", { text }))) : "none"],
    ["Tokens", `${count(record.input)} in (${count(record.cached ?? 0)} cached, ${count(record.cache_write ?? 0)} written to the cache), ${count(record.output)} out (${count(record.reasoning ?? 0)} reasoning)`],
    ["Cost", `${usd(record.cost_usd)} (${record.cost_source})${record.cache_saved_usd ? `, ${usd(record.cache_saved_usd)} saved by the cache` : ""}${record.saved_usd ? `, ${usd(record.saved_usd)} covered by a subscription` : ""}`],
    ["Affinity", record.affinity], ["Losses", record.lost?.length ? record.lost.join(", ") : "none"], ["Failure", record.failure], ["Explain", why],
  ];
  return h("tr", { class: "detail" }, h("td", { colspan: "9" }, factList(facts)));
}

const factList = (facts) => h("dl", { class: "facts" }, factItems(facts));
const factItems = (facts) => facts.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", { text: name }), h("dd", null, value)]);

// ---- usage

async function drawUsage() {
  const by = $("usage-by").value, since = $("usage-since").value;
  const told = await ask(`console/usage?${new URLSearchParams({ by, since })}`);
  if (!told) return;
  const { total, groups } = told;
  tiles("usage-tiles", [
    ["Requests", count(total.requests), `${count(total.failed)} failed or left`],
    ["Tokens", count(total.tokens), `${count(total.input)} in, ${count(total.output)} out`],
    ["Cached input", total.input ? percent(total.cached / total.input) : "–", `${count(total.cached)} tokens`],
    ["Cost", usd(total.cost_usd), total.lost_usd ? `${usd(total.lost_usd)} on failures` : "none lost on failures"],
    ["Saved", usd(total.cache_saved_usd + total.saved_usd), `${usd(total.cache_saved_usd)} by caching, ${usd(total.saved_usd)} by subscription`],
  ]);
  set("usage-name", by[0].toUpperCase() + by.slice(1));
  const measure = groups.some((group) => group.cost_usd) ? "cost_usd" : "requests";
  const most = Math.max(...groups.map((group) => group[measure]), 0);
  fill($("usage-rows"), groups.map((group) => usageRow(group, most ? group[measure] / most : 0)));
  $("usage-table").hidden = !groups.length;
  $("usage-empty").hidden = groups.length > 0;
  set("usage-gist", `As of ${atTime(now())}${known.daemon?.ledger ? "" : "; kept in memory until the daemon ends (usage-statistics-enabled keeps it)"}`);
}

function usageRow(group, share) {
  const bar = meter(share, "");
  bar.setAttribute("aria-hidden", "true");
  bar.firstChild.className = "";
  return h("tr", null,
    h("th", { scope: "row", class: "full" }, group.name === "-" ? "no key" : group.name || "none", bar),
    number("Requests", count(group.requests)), number("Failed", count(group.failed)), number("Input", count(group.input)),
    number("of it cached", group.input ? percent(group.cached / group.input) : "–"), number("Output", count(group.output)),
    number("Cost", usd(group.cost_usd)), number("Lost", usd(group.lost_usd)), number("Saved by cache", usd(group.cache_saved_usd)));
}

// ---- keys

function drawKeys() {
  reconcile($("keys-rows"), known.keys.map((key, at) => ({ key: `${at} ${key.label}`, sign: JSON.stringify(key), make: () => keyRow(key) })));
  $("keys-table").hidden = !known.keys.length;
  $("keys-empty").hidden = known.keys.length > 0;
  set("keys-gist", known.keys.length ? plural(known.keys.length, "client key") : "");
}

function keyRow(key) {
  const may = [...key.models, ...key.providers.map((name) => `at ${name}`), ...key.deny.map((name) => `not ${name}`)];
  const limits = [key.rpm && `${count(key.rpm)} requests a minute`, key.tpm && `${count(key.tpm)} tokens a minute`, key.max_concurrency && `${count(key.max_concurrency)} at once`].filter(Boolean);
  const ends = key.expired ? pill("failed", "expired") : key.disabled ? pill("", "disabled") : null;
  return h("tr", null,
    h("th", { scope: "row", class: "full" }, key.label, " ", ends, h("span", { class: "sub", text: [key.tags.join(", "), key.expires ? `until ${day.format(new Date(key.expires))}` : ""].filter(Boolean).join(" · ") })),
    cell("May use", null, may.length ? h("span", { class: "chips" }, may.map((text) => h("span", { class: "chip", text }))) : h("span", { class: "none", text: "everything" })),
    cell("Limits", null, limits.length ? limits.map((text) => h("div", { text })) : h("span", { class: "none", text: "none" })),
    cell("Budgets", { class: "full" }, key.budgets.length ? h("div", { class: "gauges" }, key.budgets.map(budget)) : h("span", { class: "none", text: "none" })),
    number("Under way", count(key.in_flight)));
}

function budget(one) {
  const [used, limit] = one.measure === "usd" ? [usd(one.used), usd(one.limit)] : [count(one.used), `${count(one.limit)} ${one.measure}`];
  const per = one.per === "total" ? "in all" : `a ${one.per}`, share = one.limit ? one.used / one.limit : 1;
  return h("div", null,
    h("span", { class: "line" }, h("span", { text: `${used} of ${limit} ${per}` }), h("span", { text: percent(share) })), meter(share),
    one.resets ? ticking({ class: "sub" }, one.resets, (_, left) => `anew in ${span(left)}`) : null);
}

// ---- explain

async function explain(event) {
  event?.preventDefault();
  const model = $("explain-model").value.trim();
  if (!model) return;
  const told = await ask(`console/explain?${new URLSearchParams({ model, dialect: $("explain-dialect").value })}`);
  if (told) fill($("explained"), told.error ? [explainSummary(told), h("p", { class: "card summary" }, h("span", { class: "empty", text: told.error }))] : explanation(told));
}

const AMP = { LOCAL_PROVIDER: "served here", MODEL_MAPPING: "mapped to", AMP_CREDITS: "passed on to ampcode.com", NO_PROVIDER: "refused: nobody serves it" };

const explainLink = (model, text) => h("a", { class: "chip", href: `#explain?${new URLSearchParams({ model })}`, title: `Explain ${model}`, text });

function explainSummary(told) {
  const amp = [AMP[told.amp.route] ?? told.amp.route, told.amp.models.join(", ")].filter(Boolean).join(" ");
  const usable = (told.candidates ?? []).filter((one) => one.place !== null).length;
  const facts = [
    ["Model", told.model], ["Base name", told.base && told.base !== told.model ? told.base : ""], ["Thinking", told.suffix ?? ""],
    ["Candidates", told.candidates ? `${plural(told.candidates.length, "candidate")}, ${count(usable)} can be taken now` : ""],
    ["Then falls back to", told.fallbacks?.join(", ")], ["From Amp", amp],
  ];
  return h("div", { class: "card summary" }, factList(facts));
}

function explanation(told) {
  const places = told.candidates.map((one) => h("li", { class: "card place" },
    h("span", { class: `rank${one.place === null ? " out" : ""}` }, one.place === null ? h("span", { "aria-hidden": "true", text: "–" }) : String(one.place), one.place === null ? unseen("not now") : null),
    h("div", { class: "body" },
      h("h3", null, one.credential, h("span", { class: "sub", text: [one.provider, one.upstream_model !== one.alias ? `${one.alias} as ${one.upstream_model}` : one.alias, one.listed ? "" : "in no list, passed as it is written"].filter(Boolean).join(" · ") })),
      h("p", { class: "sub", text: [one.why, one.lane, `priority ${one.priority}`, `${one.in_flight} under way`].filter(Boolean).join(" · ") }),
      one.urls.map(({ for: what, url }) => h("p", { class: "url", text: `${what}: ${url}` }))),
    pill(one.place === null ? "over" : one.state === "usable" ? "ok" : "info", one.state)));
  return [explainSummary(told), h("ol", { class: "places" }, places)];
}

// ---- configuration

async function drawConfiguration() {
  const { daemon } = known;
  if (!daemon) return;
  const started = new Date(daemon.started * 1000);
  fill($("who"), factItems([
    ["Version", `cliproxy ${daemon.version}`], ["Running for", ticking(null, daemon.started, (gone) => span(gone))], ["Since", day.format(started)],
    ["Listening on", daemon.listening], ["Configuration", daemon.config ? h("span", { class: "mono", text: daemon.config }) : "none: the built-in demo"],
    ["Strategy", daemon.strategy], ["Serves", `${plural(known.credentials.length, "credential")}, ${plural(daemon.models, "model")}, ${plural(known.keys.length, "client key")}`],
  ]));
  const told = await ask("console/config");
  if (!told) return;
  const kinds = { error: "failed", skipped: "failed", warning: "over" };
  const titles = { error: "error: the file is not used", skipped: "error: the entry is left out", warning: "warning" };
  fill($("problems"), told.problems.map((one) => h("li", null, pill(kinds[one.severity] ?? "", titles[one.severity] ?? one.severity),
    h("span", { text: one.sentence }), h("span", { class: "where", text: [one.line ? `line ${one.line}` : "", one.path].filter(Boolean).join(", ") }))));
  $("problems-empty").hidden = told.problems.length > 0;
  set("problems-count", told.problems.length ? count(told.problems.length) : "");
  fill($("settings-rows"), told.settings.map(({ key, value }) => h("tr", null, h("th", { scope: "row", class: "mono full" }, key), cell(null, { class: "full" }, value))));
  $("settings-table").hidden = !told.settings.length;
  $("settings-empty").hidden = told.settings.length > 0;
}

// ---- which view, and when it is drawn

const VIEWS = { now: drawNow, credentials: drawCredentials, requests: drawRequests, usage: drawUsage, keys: drawKeys, explain: () => {}, configuration: drawConfiguration };
/** A view that changes all the time is drawn anew so seldom, in milliseconds; nobody reads faster. */
const PERIODS = { requests: 500, credentials: 1000 };
const touched = new Set(), drawn = {};
let view = "now", drawing = false;

function touch(...names) {
  for (const name of names) touched.add(name);
  if (drawing || !touched.has(view)) return;
  drawing = true;
  const wait = (drawn[view] ?? 0) + (PERIODS[view] ?? 0) - performance.now();
  if (wait > 0) setTimeout(() => requestAnimationFrame(draw), wait);
  else requestAnimationFrame(draw);
}

function draw() {
  drawing = false;
  if (!touched.delete(view) || !known.daemon) return;
  VIEWS[view]();
  drawn[view] = performance.now();
}

/** What somebody has pressed or filled in is seen at once. */
function drawAtOnce() {
  touched.add(view);
  draw();
}

/** `place`: a view's name, and perhaps what is asked of it: `explain?model=gpt-5.2`. */
function show(place, focus) {
  const [name, query] = place.split("?");
  view = name in VIEWS ? name : "now";
  for (const each of Object.keys(VIEWS)) $(each).hidden = each !== view;
  for (const link of $("nav").querySelectorAll("a")) {
    if (link.hash === `#${view}`) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "center" });
    } else link.removeAttribute("aria-current");
  }
  const title = $(view).querySelector("h1");
  document.title = `${title.textContent} · cliproxy console`;
  if (focus) { scrollTo(0, 0); title.focus({ preventScroll: true }); }
  drawAtOnce();
  const model = new URLSearchParams(query).get("model");
  if (view === "explain" && model) {
    $("explain-model").value = model;
    explain();
  }
}

setInterval(() => {
  for (const element of $(view).querySelectorAll(".ticks")) element.tick();
  if (view === "now") touch("now");
  if (view === "credentials" && Object.keys(known.cooling).length) touch("credentials");
  watchLink();
}, 1000);

// ---- the line to the daemon

let stream = null, heard = 0, retries = 0, retry = 0, away = 0, lostSince = 0;
const SILENCE = 15; // seconds; the daemon says something every five

function connect() {
  clearTimeout(retry);
  stream?.close();
  heard = Date.now();
  stream = new EventSource("console/events");
  const take = (kind, what) => stream.addEventListener(kind, (event) => { heard = Date.now(); what(JSON.parse(event.data)); });
  take("hello", (whole) => { takeWhole(whole); linked(); });
  take("frame", takeFrame);
  take("missed", connect); // the page was too slow: everything anew
  stream.addEventListener("error", lost);
}

function linked() {
  if (lostSince) announce("Connected again");
  [retries, lostSince] = [0, 0];
  $("link").dataset.state = "live";
  set("link-text", "live");
  $("lost").hidden = true;
}

async function lost() {
  stream?.close();
  stream = null;
  if (!lostSince) { lostSince = Date.now(); announce("The connection to the daemon is lost"); }
  $("link").dataset.state = "lost";
  set("link-text", "not connected");
  $("lost").hidden = false;
  set("lost", "The connection to the daemon is lost. What is shown is as it was; it will be tried again by itself.");
  clearTimeout(retry);
  const wait = Math.min(10, 0.5 * 2 ** retries++);
  retry = setTimeout(async () => {
    if (await alive()) connect();
    else lost();
  }, wait * 1000);
}

/** Whether the daemon answers. Where it does and knows no session, the page asks for the key again. */
async function alive() {
  try {
    const answer = await fetch("console/session", { cache: "no-store" });
    if (answer.status === 401 || answer.status === 403 || answer.status === 404) location.reload();
    return answer.ok;
  } catch {
    return false;
  }
}

function watchLink() {
  if (stream && Date.now() - heard > SILENCE * 1000) lost();
  if (document.hidden && stream && away && Date.now() - away > 60000) { stream.close(); stream = null; } // a browser has few lines
}

document.addEventListener("visibilitychange", () => {
  away = document.hidden ? Date.now() : 0;
  if (!document.hidden && !stream) connect();
});
setInterval(() => { if (stream) alive(); }, 1800 * 1000); // prolongs the session

async function ask(path, options) {
  try {
    const answer = await fetch(path, { cache: "no-store", ...options });
    const told = await answer.json();
    if (answer.ok) return told;
    if (answer.status === 401) location.reload();
    else say(told.error?.message ?? told.error ?? `The daemon answers ${answer.status}`);
  } catch {
    say("The daemon does not answer");
  }
  return null;
}

// ---- what is said

let hush = 0, toast = 0;

/** For a screen reader, not more often than every `pause` seconds. */
function announce(text, pause = 0) {
  if (pause && Date.now() < hush) return;
  hush = Date.now() + pause * 1000;
  $("polite").textContent = text;
}

function say(text) {
  announce(text);
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toast);
  toast = setTimeout(() => { $("toast").hidden = true; }, 4000);
}

// ---- theme, session, and the rest of what is pressed

const THEMES = ["system", "light", "dark"], SIGNS = { system: "◐", light: "☀", dark: "☾" };

function theme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  set("theme-name", name);
  set("theme-sign", SIGNS[name]);
}

$("theme").addEventListener("click", () => {
  const name = THEMES[(THEMES.indexOf($("theme-name").textContent) + 1) % THEMES.length];
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `cliproxy-theme=${name}; path=${location.pathname}; max-age=31536000; samesite=strict${secure}`;
  theme(name);
  announce(`Theme: ${name}`);
});
$("leave").addEventListener("click", async () => {
  if (await ask("console/session", { method: "DELETE" })) location.reload();
});
$("clear-all").addEventListener("click", () => {
  set("ask-text", `Clear every cool-down? ${plural(Object.keys(known.cooling).length, "credential")} will be tried again at once.`);
  $("ask").returnValue = "no";
  $("ask").showModal();
});
$("ask").addEventListener("close", () => { if ($("ask").returnValue === "yes") clear(null, null); });
$("hold").addEventListener("click", () => {
  held = held ? null : { running: known.running, ended: [...known.ended], unshown: known.unshown };
  $("hold").setAttribute("aria-pressed", String(held !== null));
  drawAtOnce();
});
$("credentials-more").addEventListener("click", () => { rowsShown = Infinity; drawAtOnce(); $("credentials-filter").focus(); });
for (const id of ["credentials-filter", "credentials-state", "requests-filter", "requests-outcome"]) $(id).addEventListener("input", drawAtOnce);
for (const id of ["usage-by", "usage-since"]) $(id).addEventListener("change", drawAtOnce);
$("usage-again").addEventListener("click", drawAtOnce);
$("explain-form").addEventListener("submit", explain);
addEventListener("hashchange", () => show(location.hash.slice(1), true));

theme(document.documentElement.dataset.theme ?? "system");
show(location.hash.slice(1) || "now", false);
connect();
