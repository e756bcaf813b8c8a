"""What coding agents really send, written down by hand from what was seen on their wires in autumn 2026.

Each function gives headers and body for one request of one agent; the scene says what the fake vendor is to play. The keys
are put in by the test, in the header in which the agent puts them.
"""

from __future__ import annotations

import json
from typing import Any

#: A one-pixel PNG.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def claude_code_headers(key: str) -> dict[str, str]:
    """Claude Code 2.1."""
    return {
        "Authorization": f"Bearer {key}",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
        "fine-grained-tool-streaming-2025-05-14,advanced-tool-use-2025-11-20,effort-2025-11-24",
        "anthropic-dangerous-direct-browser-access": "true",
        "User-Agent": "claude-cli/2.1.140 (external, cli)",
        "x-app": "cli",
        "X-Stainless-Lang": "js",
        "X-Stainless-Retry-Count": "0",
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate, br, zstd",
    }


def claude_code(model: str, scene: str, *, stream: bool = True) -> dict[str, Any]:
    """The main loop: system blocks with cache marks, a system message within the conversation, deferred tools, adaptive
    thinking, an effort, context management."""
    return {
        "model": model,
        "max_tokens": 32000,
        "stream": stream,
        "system": [
            {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            {"type": "text", "text": "# Environment\nLinux, zsh.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "<system-reminder>\nToday is Monday.\n</system-reminder>\n"}],
            },
            {"role": "system", "content": "The following skills are available: none."},
            {
                "role": "user",
                "content": [{"type": "text", "text": f"Do it. scene:{scene}", "cache_control": {"type": "ephemeral"}}],
            },
        ],
        "tools": [
            {
                "name": "Bash",
                "description": "Executes a command.",
                "input_schema": {
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "type": "object",
                    "properties": {
                        "command": {"type": "string", "description": "The command"},
                        "timeout": {"type": "number", "exclusiveMinimum": 0},
                    },
                    "required": ["command"],
                    "additionalProperties": False,
                },
            },
            {
                "name": "mcp__github__create_issue",
                "description": "Opens an issue.",
                "input_schema": {"type": "object", "properties": {"title": {"type": ["string", "null"]}}},
                "defer_loading": True,
            },
        ],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "metadata": {"user_id": json.dumps({"device_id": "0" * 64, "session_id": "5f3b"})},
    }


def claude_code_after_tool(first: dict[str, Any], content: list[dict[str, Any]]) -> dict[str, Any]:
    """The next request of the main loop: a screenshot as the tool's result."""
    calls = [block for block in content if block["type"] == "tool_use"]
    results = [
        {
            "type": "tool_result",
            "tool_use_id": call["id"],
            "content": [
                {"type": "text", "text": "done, see picture"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
            ],
        }
        for call in calls
    ]
    messages = [*first["messages"], {"role": "assistant", "content": content}, {"role": "user", "content": results}]
    return {**first, "messages": messages}


def claude_code_count(model: str, number: int) -> dict[str, Any]:
    """One of the counts at start, a tool each."""
    tool = {"name": f"tool_{number}", "description": "x" * number, "input_schema": {"type": "object", "properties": {}}}
    return {"model": model, "messages": [{"role": "user", "content": "foo"}], "tools": [tool]}


def codex_headers(key: str) -> dict[str, str]:
    """Codex 0.169. It sends no Accept-Encoding."""
    return {
        "Authorization": f"Bearer {key}",
        "Accept": "text/event-stream",
        "User-Agent": "codex_cli_rs/0.169.0 (Debian 13; x86_64) xterm",
        "originator": "codex_cli_rs",
        "session_id": "019a",
        "x-codex-turn-metadata": "{}",
    }


def codex(model: str, scene: str, history: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A turn: every kind of tool it has, encrypted reasoning, nothing stored."""
    return {
        "model": model,
        "instructions": "You are a coding agent in a terminal.",
        "input": [
            {
                "type": "message",
                "role": "developer",
                "content": [{"type": "input_text", "text": "<permissions>all</permissions>"}],
            },
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<environment_context/>"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"Go on. scene:{scene}"}]},
            *(history or ()),
        ],
        "tools": [
            {
                "type": "function",
                "name": "exec_command",
                "description": "Runs a command in a PTY.",
                "strict": False,
                "parameters": {
                    "type": "object",
                    "properties": {"cmd": {"type": "string"}, "yield_time_ms": {"type": "number"}},
                    "required": ["cmd"],
                    "additionalProperties": False,
                },
            },
            {
                "type": "custom",
                "name": "apply_patch",
                "description": "Edits files.",
                "format": {"type": "grammar", "syntax": "lark", "definition": "start: begin hunk+ end"},
            },
            {
                "type": "namespace",
                "name": "mcp__docs",
                "description": "A server's tools.",
                "tools": [
                    {
                        "type": "function",
                        "name": "lookup",
                        "description": "Looks up.",
                        "strict": False,
                        "parameters": {"type": "object", "properties": {"q": {"type": "string"}}},
                    }
                ],
            },
            {"type": "web_search", "external_web_access": True},
            {
                "type": "tool_search",
                "execution": "client",
                "description": "Finds tools.",
                "parameters": {"type": "object", "properties": {}},
            },
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "019a",
        "text": {"verbosity": "low"},
    }


def codex_patch(call_id: str = "call_patch1") -> list[dict[str, Any]]:
    """A free-form call and its result, as they stand in a history."""
    patch = "*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch"
    return [
        {"type": "custom_tool_call", "status": "completed", "call_id": call_id, "name": "apply_patch", "input": patch},
        {"type": "custom_tool_call_output", "call_id": call_id, "output": "Success. Updated a.txt"},
    ]


def gemini_cli_headers(key: str) -> dict[str, str]:
    """gemini-cli 0.61."""
    return {
        "x-goog-api-key": key,
        "User-Agent": "GeminiCLI/0.61.0/gemini-3-pro (linux; x64)",
        "x-goog-api-client": "google-genai-sdk/1.30.0 gl-node/v22.11.0",
    }


def gemini_cli_classifier(scene: str) -> dict[str, Any]:
    """What it asks first: which model to take, answered as JSON of a schema."""
    return {
        "contents": [{"role": "user", "parts": [{"text": f"Classify this request. scene:{scene}"}]}],
        "systemInstruction": {"role": "user", "parts": [{"text": "You route tasks."}]},
        "generationConfig": {
            "temperature": 0,
            "topP": 1,
            "maxOutputTokens": 1024,
            "responseMimeType": "application/json",
            "responseJsonSchema": {
                "type": "object",
                "properties": {"name": {"type": "string", "description": "why"}, "age": {"type": "integer"}},
                "required": ["name", "age"],
            },
            "thinkingConfig": {"thinkingBudget": 512},
        },
    }


def gemini_cli(scene: str) -> dict[str, Any]:
    """The main loop."""
    return {
        "contents": [
            {"role": "user", "parts": [{"text": "This is the context."}]},
            {"role": "model", "parts": [{"text": "Got it."}]},
            {"role": "user", "parts": [{"text": f"Now work. scene:{scene}"}]},
        ],
        "systemInstruction": {"role": "user", "parts": [{"text": "You are an agent."}]},
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "run_shell_command",
                        "description": "Runs.",
                        "parametersJsonSchema": {
                            "type": "object",
                            "properties": {"command": {"type": "string"}, "dir": {"type": "string"}},
                            "required": ["command"],
                        },
                    }
                ]
            }
        ],
        "generationConfig": {
            "temperature": 1,
            "topP": 0.95,
            "topK": 64,
            "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 8192},
        },
    }


def snake_case(scene: str) -> dict[str, Any]:
    """A Gemini body as LiteLLM and others spell it, with bytes in the URL-safe alphabet."""
    return {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": f"See this. scene:{scene}"},
                    {"inline_data": {"mime_type": "image/png", "data": "-_-_"}},
                ],
            }
        ],
        "system_instruction": {"parts": [{"text": "Snakes."}]},
        "generation_config": {"max_output_tokens": 77, "top_p": 0.5},
        "tools": [
            {
                "function_declarations": [
                    {
                        "name": "get_weather",
                        "description": "Weather.",
                        "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}},
                    }
                ]
            }
        ],
        "tool_config": {"function_calling_config": {"mode": "AUTO"}},
    }


def amp_headers(key: str) -> dict[str, str]:
    """Amp, spring 2026."""
    return {
        "x-api-key": key,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "fine-grained-tool-streaming-2025-05-14",
        "x-amp-thread-id": "T-1",
        "x-amp-mode": "smart",
        "x-amp-feature": "amp.chat",
    }


def amp_title(model: str, scene: str) -> dict[str, Any]:
    """A thread's title, by a forced tool."""
    return {
        "model": model,
        "max_tokens": 60,
        "temperature": 0.7,
        "system": "You name threads.",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": f"<message>hello</message> scene:{scene}"}]}
        ],
        "tools": [
            {"name": "set_title", "input_schema": {"type": "object", "properties": {"title": {"type": "string"}}}}
        ],
        "tool_choice": {"type": "tool", "name": "set_title", "disable_parallel_tool_use": True},
    }


def amp_smart(model: str, scene: str) -> dict[str, Any]:
    """The main call: cache marks with a ttl, a thinking budget."""
    return {
        "model": model,
        "max_tokens": 32000,
        "stream": True,
        "thinking": {"type": "enabled", "budget_tokens": 4000},
        "system": [{"type": "text", "text": "You are Amp.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": f"scene:{scene}", "cache_control": {"type": "ephemeral"}}],
            }
        ],
        "tools": [
            {"name": "Bash", "input_schema": {"type": "object", "properties": {"cmd": {"type": "string"}}}},
            {"name": "finder", "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}}},
        ],
    }
