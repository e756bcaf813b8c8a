"""What three vendors' SDKs ask beside completions: lists in pages, counts, and errors in the shape each of them reads."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.settings import settings
from tests.support.world import Call, World

ANTHROPIC = {"anthropic-version": "2023-06-01"}
GOOGLE = {"x-goog-api-key": "sk-test"}


class VendorsShapes(SynchronousTestCase):
    """One upstream of each kind."""

    def setUp(self) -> None:
        self.world = World(settings())
        self.addCleanup(self.world.close)

    def told(self, call: Call, status: int) -> Any:
        self.assertEqual(call.status, status, call.body)
        return call.json

    def test_a_model_nobody_serves_is_missing_in_the_callers_shape(self) -> None:
        """The same path, asked for by three SDKs."""
        told = self.told(self.world.get("/v1/models/none"), 404)
        self.assertEqual(told["error"]["code"], "model_not_found")
        told = self.told(self.world.get("/v1/models/none", ANTHROPIC), 404)
        self.assertEqual((told["type"], told["error"]["type"]), ("error", "not_found_error"))
        told = self.told(self.world.get("/v1/models/none", GOOGLE), 404)
        self.assertEqual(told["error"]["status"], "NOT_FOUND")

    def test_a_models_tag_is_no_method(self) -> None:
        """``llama3:8b`` is a name, and its caller speaks OpenAI's dialect."""
        told = self.told(self.world.get("/v1/models/llama3:8b"), 404)
        self.assertEqual(told["error"]["code"], "model_not_found")

    def test_an_unknown_route_is_no_missing_model(self) -> None:
        """Routes of other parts of the vendors' APIs."""
        for path in ("/v1/files", "/v1/batches", "/v1/fine_tuning/jobs", "/v1/audio/speech", "/v1/assistants"):
            for method in ("GET", "POST"):
                told = self.told(self.world.request(method, path), 404)
                self.assertEqual(told["error"]["code"], "unknown_url", path)
        for path in ("/v1/files", "/v1/skills", "/v1/messages/batches", "/v1/organizations/me"):
            told = self.told(self.world.get(path, ANTHROPIC), 404)
            self.assertEqual((told["type"], told["error"]["type"]), ("error", "not_found_error"), path)
        for path in ("/v1beta/cachedContents", "/v1beta/files", "/upload/v1beta/files", "/v1beta/operations/x"):
            told = self.told(self.world.get(path), 404)
            self.assertEqual((told["error"]["status"], told["error"]["code"]), ("NOT_FOUND", 404), path)
        self.assertEqual(self.told(self.world.get("/v1/responses/resp_1"), 404)["error"]["code"], "unknown_url")

    def test_a_missing_key_is_told_in_the_callers_shape(self) -> None:
        """The headers decide where the path does not."""
        told = self.told(self.world.get("/v1/models", ANTHROPIC, key=None), 401)
        self.assertEqual((told["type"], told["error"]["type"]), ("error", "authentication_error"))

    def test_anthropics_list_comes_in_pages(self) -> None:
        """``limit``, ``after_id`` and ``before_id``, as the SDK's paginator walks them."""
        whole = [model["id"] for model in self.world.get("/v1/models", ANTHROPIC).json["data"]]
        self.assertEqual(len(whole), 5)
        met, query = [], "?limit=2"
        while True:
            page = self.told(self.world.get(f"/v1/models{query}", ANTHROPIC), 200)
            met += [model["id"] for model in page["data"]]
            if not page["has_more"]:
                break
            query = f"?limit=2&after_id={page['last_id']}"
        self.assertEqual(met, whole)
        page = self.world.get(f"/v1/models?limit=2&before_id={whole[3]}", ANTHROPIC).json
        self.assertEqual([model["id"] for model in page["data"]], whole[1:3])

    def test_googles_list_comes_in_pages(self) -> None:
        """``pageSize`` and ``pageToken``."""
        first = self.told(self.world.get("/v1beta/models?pageSize=3"), 200)
        rest = self.told(self.world.get(f"/v1beta/models?pageSize=3&pageToken={first['nextPageToken']}"), 200)
        self.assertEqual((len(first["models"]), len(rest["models"]), "nextPageToken" in rest), (3, 2, False))

    def test_openais_list_is_as_long_as_asked(self) -> None:
        """Its SDK does not ask, others do."""
        self.assertEqual(len(self.told(self.world.get("/v1/models?limit=2"), 200)["data"]), 2)

    def test_a_page_of_no_size_is_refused(self) -> None:
        """In the caller's shape, too."""
        for size in ("0", "-1", "x", "99999"):
            told = self.told(self.world.get(f"/v1/models?limit={size}", ANTHROPIC), 400)
            self.assertEqual(told["error"]["type"], "invalid_request_error")

    def test_a_responses_request_is_counted(self) -> None:
        """Where the upstream has no such call, here."""
        call = self.world.post("/v1/responses/input_tokens", {"model": "codex-x", "input": "Hello, world"})
        told = self.told(call, 200)
        self.assertEqual(told["object"], "response.input_tokens")
        self.assertGreater(told["input_tokens"], 0)

    def test_anthropics_headers_are_an_open_list(self) -> None:
        """What the client says to Anthropic goes there, known here or not; its key does not."""
        vendor = self.world.vendor("claude.test")
        sent = {
            **ANTHROPIC,
            "anthropic-new-thing": "1",
            "anthropic-beta": "a,b",
            "x-api-key": "sk-test",
            "x-other": "2",
        }
        body = {"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
        self.world.post("/v1/messages", body, sent)
        got = vendor.last.headers
        self.assertEqual((got["anthropic-new-thing"], got["anthropic-beta"]), ("1", "a,b"))
        self.assertFalse({"x-other", "x-api-key"} & set(got))
