"""The laws of the house, read off the source: who may import whom, what is never called, how long a module may be."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: A module imports lower ranks and its own package only.
RANKS = [
    ("errors", "jsontypes"),
    ("shallow",),
    ("ir", "wire", "vendors"),
    ("dialects", "settings"),
    ("routing",),
    ("pool", "providers"),
    ("upstream", "failover"),
    ("accounts", "discovery"),
    ("relay",),
    ("usage",),
    ("logs",),
    ("front",),
    ("amp",),
    ("management",),
    ("console",),
    ("service",),
    ("daemon",),
    ("tap",),
    ("cli",),
    ("__main__",),
]
RANK = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}

#: Rooms below this rank are pure: they decide, and never wait.
FIRST_WAITING = RANK["upstream"]
WAITING_LIBRARIES = {"twisted", "treq", "klein", "zope"}
#: From this rank on, the world's clock and randomness are taken, to be handed down.
FIRST_TAKING = RANK["service"]

#: ``random.Random`` is not among them: a generator that is an argument has that type.
TAKEN_CALLS = re.compile(
    r"time\.(time|monotonic|time_ns)|random\.[a-z]\w*|datetime\.(now|utcnow|today)|os\.urandom|secrets\.\w+"
)
BANNED_IMPORTS = {
    "uuid": "ids are arguments",
    "asyncio": "coroutines here run on Twisted",
    "twisted.internet.defer.inlineCallbacks": "write a coroutine",
    "twisted.internet.defer.ensureDeferred": "Deferred.fromCoroutine says what is meant",
    "twisted.internet.defer.returnValue": "write a coroutine",
    "twisted.internet.reactor": "the reactor is an argument",
}
#: Those that own a process that waits.
EXCEPTIONS = {(f"cliproxy/{name}.py", "twisted.internet.reactor") for name in ("tap", "cli/login", "cli/private")}
VAGUE = re.compile(r"(?i)manager|handler$|helper|processor|executor|utils?$")
SPOKES = ("openai", "responses", "claude", "gemini")
MOST_LINES = 400

#: Every spoke has these modules, so that who knows one finds the way in all; and in them these classes.
SPOKE_MODULES = {
    "__init__", "counting", "decode_content", "decode_request", "decode_stream", "decode_tools", "encode_content",
    "encode_request", "encode_stream", "encode_tools", "errors", "held", "names", "passthrough", "prefix", "response",
    "thinking",
}  # fmt: skip
SPOKE_CLASSES = {"decode_stream": "Decoder", "encode_stream": "Encoder", "encode_content": "ContentWriter"}
#: What only some have: routes of their own, and what their several modules share.
SPOKE_EXTRAS = {
    "openai": {"completions", "embeddings", "parts"},
    "responses": {"items", "signed"},
    "claude": {"limits", "signed"},
    "gemini": {"embeddings", "open_calls", "parts", "signed", "spelling"},
}

#: Where a dialect's name may stand outside of its spoke, and why. Everywhere else the :class:`Dialect` is asked.
NAMING_DIALECTS = {
    # routes: which paths and callers are whose
    "front/claude.py": "Anthropic's routes",
    "front/openai.py": "OpenAI's routes",
    "front/gemini.py": "Google's routes",
    "front/failures.py": "whose clients call a path, or send a header",
    "front/models.py": "the vendors' lists of models, by their routes",
    "amp/routes.py": "Amp's routes, by vendor",
    # declarations: what a vendor speaks
    "providers/claude.py": "a provider",
    "providers/codex.py": "a provider",
    "providers/gemini.py": "a provider",
    "providers/openai_compatibility.py": "a provider",
    "vendors/preset.py": "what presets are made of",
    "vendors/presets.py": "the vendors",
    "discovery/discovery.py": "the vendors' lists of models",
    "discovery/shapes.py": "the vendors' lists of models",
    "dialects/signatures.py": "vendors, told apart by the bytes of their signatures",
    # configuration: the words an operator writes, and what they stand for
    "settings/model.py": "the words of the configuration",
    "settings/layout.py": "the words of the configuration",
    "routing/payload_rules.py": "the words of the configuration",
    "routing/credentials.py": "the kinds of entries, and what they speak",
    "routing/provider_credentials.py": "the kinds of entries, and what they speak",
    "routing/account.py": "the types of account files",
    "management/config.py": "the channels of CLIProxyAPI's management API",
    "management/collectors.py": "the lists of the configuration, and the routes that collectors are told",
    "management/oauth.py": "the providers of CLIProxyAPI's management API",
    "cli/clients.py": "coding agents and their settings",
    "cli/launch.py": "coding agents and their settings",
    # catalogue data: vendors that are called like a dialect
    "cli/catalog_source.py": "vendors of the catalogue",
    "front/codex_catalog.py": "vendors of the catalogue",
    "routing/catalog.py": "vendors of the catalogue",
    "routing/known_models.py": "vendors of the catalogue",
    "routing/prices.py": "vendors of the catalogue",
    "usage/metrics.py": "OpenTelemetry's names of vendors",
    # words that happen to be the same
    "management/openapi.py": "OpenAPI's responses",
}


class Module:
    """One source file of the package."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        self.name = str(path.relative_to(ROOT))
        self.dotted = self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self.room = ([*self.dotted.split("."), ""])[1]
        self.docstring = ast.get_docstring(self.tree) or ""

    @property
    def imports(self) -> Iterator[tuple[int, str]]:
        """(line, dotted name) of everything imported, names in ``from`` imports included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                yield node.lineno, str(ast.literal_eval(node.args[0]))


MODULES = [Module(path) for path in sorted((ROOT / "cliproxy").rglob("*.py"))]


def import_faults(module: Module) -> Iterator[str]:
    rank = RANK.get(module.room, len(RANKS))
    for line, name in module.imports:
        parts = name.split(".")
        if parts[0] == "cliproxy" and len(parts) > 1 and parts[1] != module.room:
            other = RANK.get(parts[1], -1)
            if other >= rank:
                yield f"{line}: imports {name}, which is not below it"
        if parts[0] in WAITING_LIBRARIES and rank < FIRST_WAITING:
            yield f"{line}: imports {name}, but what decides never waits"
        if name in BANNED_IMPORTS and (module.name, name) not in EXCEPTIONS:
            yield f"{line}: imports {name}: {BANNED_IMPORTS[name]}"
        if parts[0] == "orjson" and module.room != "jsontypes":
            yield f"{line}: imports orjson, which lives in jsontypes"
        if module.dotted.startswith("cliproxy.dialects.") and parts[:2] == ["cliproxy", "dialects"]:
            spoke = module.dotted.split(".")[2]
            if spoke in SPOKES and parts[2] in SPOKES and parts[2] != spoke:
                yield f"{line}: imports {name}: spokes never import each other"


def call_faults(module: Module) -> Iterator[str]:
    taking = RANK.get(module.room, 0) >= FIRST_TAKING
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and not taking and TAKEN_CALLS.fullmatch(ast.unparse(node)):
            yield f"{node.lineno}: {ast.unparse(node)}: clock and randomness are arguments"
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "yaml.load", "eval", "exec"):
            yield f"{node.lineno}: {ast.unparse(node.func)} is never called"


def coroutine_faults(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.AsyncFunctionDef) and any(isinstance(part, ast.Yield) for part in ast.walk(node)):
            yield f"{node.lineno}: an abandoned async generator holds its connection"
        if isinstance(node, ast.Try) and any(
            isinstance(part, ast.Await) for stmt in node.body for part in ast.walk(stmt)
        ):
            for caught in node.handlers:
                kinds = ast.unparse(caught.type) if caught.type else "BaseException"
                reraises = any(isinstance(part, ast.Raise) and part.exc is None for part in ast.walk(caught))
                if re.search(r"\b(Base)?Exception\b", kinds) and not reraises:
                    yield f"{caught.lineno}: except {kinds} around an await swallows a client's hang-up"


def name_faults(module: Module) -> Iterator[str]:
    if VAGUE.search(module.dotted):
        yield f"1: {module.dotted} says nothing"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and VAGUE.search(node.name):
            yield f"{node.lineno}: {node.name} says nothing"


def dialect_faults(module: Module) -> Iterator[str]:
    """Adding a dialect is adding a folder: nobody outside of it asks which one it is."""
    spoke = re.match(r"cliproxy/dialects/(\w+)/", module.name)
    if (spoke and spoke[1] in SPOKES) or module.name.removeprefix("cliproxy/") in NAMING_DIALECTS:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and node.value in SPOKES:
            yield f"{node.lineno}: names the dialect {node.value}"


_REACH = re.compile(r"(front\.relay\.(client|failover|snapshot)|relay\.failover\.pool)$")


def reach_faults(module: Module) -> Iterator[str]:
    """Who needs the pool, the client or the snapshot is given it, and does not reach for it through others."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and _REACH.search(ast.unparse(node)):
            yield f"{node.lineno}: reaches through others for {ast.unparse(node)}"


def shape_faults(module: Module) -> Iterator[str]:
    lines = module.text.count("\n")
    if lines > MOST_LINES and "lines" not in module.docstring:
        yield f"{lines} lines, and the docstring does not say why"
    if module.text.strip() and not module.docstring:
        yield "1: no docstring"


#: What an import's distribution is called in setup.py, where that is not the import's own name.
SPELLED = {
    "OpenSSL": "twisted[tls]",
    "backports": "backports.zstd",
    "bpe_openai": "bpe-openai",
    "genai_prices": "genai-prices",
    "google": "google-genai",
    "prometheus_client": "prometheus-client",
    "re2": "google-re2",
    "service_identity": "twisted[tls]",
    "ruamel": "ruamel.yaml",
    "yaml": "pyyaml",
    "zope": "twisted[tls]",
}

LAWS = [import_faults, call_faults, coroutine_faults, name_faults, dialect_faults, reach_faults, shape_faults]


@pytest.mark.parametrize("law", LAWS)
def test_law(law) -> None:  # type: ignore[no-untyped-def]
    """No module breaks the law."""
    assert [f"{module.name}:{fault}" for module in MODULES for fault in law(module)] == []


def test_every_room_has_a_rank() -> None:
    """A room that is not in the table of ranks would escape the laws."""
    assert {module.room for module in MODULES} - {"", *RANK} == set()


def test_who_may_name_a_dialect_does() -> None:
    """The list of exceptions holds no module that needs none."""
    named = {
        module.name.removeprefix("cliproxy/")
        for module in MODULES
        if any(isinstance(node, ast.Constant) and node.value in SPOKES for node in ast.walk(module.tree))
    }
    assert NAMING_DIALECTS.keys() - named == set()


@pytest.mark.parametrize("spoke", SPOKES)
def test_spokes_are_alike(spoke: str) -> None:
    """The same modules and classes in all four, so that adding a dialect is filling in a table."""
    folder = f"cliproxy.dialects.{spoke}"
    modules = {
        module.dotted.removeprefix(folder).lstrip(".") or "__init__": module
        for module in MODULES
        if f"{module.dotted}.".startswith(f"{folder}.")
    }
    assert modules.keys() == SPOKE_MODULES | SPOKE_EXTRAS[spoke]
    for name, expected in SPOKE_CLASSES.items():
        classes = [node.name for node in modules[name].tree.body if isinstance(node, ast.ClassDef)]
        assert [each for each in classes if not each.startswith("_")] == [expected]


def test_requirements_are_said() -> None:
    """Every library that the package and its tests import stands in setup.py."""
    said = (ROOT / "setup.py").read_text().lower()
    modules = [*MODULES, *(Module(path) for path in (ROOT / "tests").rglob("*.py"))]
    names = {name.split(".")[0] for module in modules for _, name in module.imports}
    outside = names - set(sys.stdlib_module_names) - {"cliproxy", "tests", "bench", "compression"}
    unsaid = {name for name in outside if f'"{SPELLED.get(name, name).lower()}' not in said}
    assert unsaid == set()


def test_no_test_module_is_a_library() -> None:
    """What tests share is in tests/support or beside them, in a module that is no test."""
    borrowed = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for _, name in Module(path).imports
        if re.match(r"tests\.([a-z_]+\.)*test_", name)
    ]
    assert borrowed == []


def test_the_laws_bite(tmp_path: Path) -> None:
    """A module that breaks every law is caught by each of them."""
    source = (
        "import uuid\nimport time\nfrom cliproxy.relay.relay import x\nfrom cliproxy.dialects.claude import y\n"
        "from twisted.internet import defer\nclass RequestHandler: pass\n"
        "kind = 'claude'\npool = daemon.front.relay.failover.pool\n"
        "async def f():\n    try:\n        await time.time()\n    except Exception:\n        pass\n    yield 1\n"
    )
    path = ROOT / "cliproxy" / "dialects" / "gemini" / "broken.py"
    module = Module.__new__(Module)
    module.text, module.tree = source + "\n" * MOST_LINES, ast.parse(source)
    module.name, module.dotted, module.room, module.docstring = (
        str(path),
        "cliproxy.dialects.gemini.broken",
        "dialects",
        "",
    )
    counts = {law.__name__: len(list(law(module))) for law in LAWS}
    assert counts == {
        "import_faults": 4,
        "call_faults": 1,
        "coroutine_faults": 2,
        "name_faults": 1,
        "dialect_faults": 1,
        "reach_faults": 2,
        "shape_faults": 2,
    }
