"""The identity lane against a real model: llama.cpp's server, as ``make test-real`` starts it. Skipped where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import anthropic
import openai
import pytest
import yaml

from tests.real.daemon import Daemon

CONFIG = os.environ.get("CLIPROXY_LOCAL_MODEL", "")
QUESTION = "Count from one to five in words."
PATIENCE = 300.0

pytestmark = pytest.mark.skipif(not CONFIG, reason="no local model; make test-real starts one")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon in front of the model."""
    settings = yaml.safe_load(Path(CONFIG).read_text())
    del settings["api-keys"]
    with Daemon(settings, tmp_path_factory.mktemp("daemon")) as running:
        yield running


@pytest.fixture
def chat(daemon: Daemon) -> openai.OpenAI:
    """OpenAI's SDK, on the daemon."""
    return openai.OpenAI(base_url=f"{daemon.url}/v1", api_key=daemon.key, timeout=PATIENCE, max_retries=0)


@pytest.fixture
def claude(daemon: Daemon) -> anthropic.Anthropic:
    """Anthropic's SDK, on the daemon."""
    return anthropic.Anthropic(base_url=daemon.url, api_key=daemon.key, timeout=PATIENCE, max_retries=0)


def test_chat(chat: openai.OpenAI) -> None:
    """A whole Chat answer holds text and counts tokens."""
    answer = chat.chat.completions.create(
        model="gemma-chat", messages=[{"role": "user", "content": QUESTION}], max_tokens=32
    )
    assert answer.choices[0].message.content
    assert answer.usage is not None and answer.usage.completion_tokens > 0


def test_chat_stream(chat: openai.OpenAI) -> None:
    """A Chat stream comes in pieces and ends with a finish reason."""
    chunks = list(
        chat.chat.completions.create(
            model="gemma-chat", messages=[{"role": "user", "content": QUESTION}], max_tokens=32, stream=True
        )
    )
    assert sum(bool(chunk.choices and chunk.choices[0].delta.content) for chunk in chunks) > 1
    assert any(chunk.choices and chunk.choices[0].finish_reason for chunk in chunks)


def test_messages(claude: anthropic.Anthropic) -> None:
    """A whole message holds text and a stop reason."""
    message = claude.messages.create(
        model="gemma-messages", messages=[{"role": "user", "content": QUESTION}], max_tokens=32
    )
    assert message.content and message.content[0].type == "text"
    assert message.stop_reason in ("end_turn", "max_tokens")


def test_messages_stream(claude: anthropic.Anthropic) -> None:
    """A stream of a message adds up to its final message."""
    with claude.messages.stream(
        model="gemma-messages", messages=[{"role": "user", "content": QUESTION}], max_tokens=32
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and final.content[0].type == "text" and final.content[0].text == text


def test_count_tokens(claude: anthropic.Anthropic) -> None:
    """Tokens are counted by the model's own tokenizer."""
    count = claude.messages.count_tokens(model="gemma-messages", messages=[{"role": "user", "content": QUESTION}])
    assert count.input_tokens > 5


def test_responses(chat: openai.OpenAI) -> None:
    """A whole response completes with text."""
    response = chat.responses.create(model="gemma-responses", input=QUESTION, max_output_tokens=32)
    assert response.status in ("completed", "incomplete")
    assert response.output_text


def test_responses_stream(chat: openai.OpenAI) -> None:
    """A stream of a response has text deltas and ends with its terminal event."""
    kinds = [
        event.type
        for event in chat.responses.create(model="gemma-responses", input=QUESTION, max_output_tokens=32, stream=True)
    ]
    assert kinds.count("response.output_text.delta") > 1
    assert kinds[-1] in ("response.completed", "response.incomplete")


def test_three_dialects_one_model(chat: openai.OpenAI) -> None:
    """The model is listed under each of its names."""
    listed = {model.id for model in chat.models.list()}
    assert {"gemma-chat", "gemma-messages", "gemma-responses"} <= listed
