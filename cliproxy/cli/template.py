"""The configuration that ``cliproxy init`` writes. Take away a ``#`` directly before a key and what it says holds."""

from __future__ import annotations


def initial_text(client_key: str) -> str:
    """A commented configuration with one client key. Everything in it that is not the key is a default or a comment."""
    return _TEXT.replace("CLIENT-KEY", client_key)


_TEXT = """\
# cliproxy. Keys left out have the values shown. `cliproxy check FILE` says what is wrong with this file and which URLs it
# makes the daemon call; a running daemon reads it again when it changes. All keys: etc/config.example.yaml.

host: 127.0.0.1               # "" is every interface
port: 8317

# What clients present, as a bearer token or x-api-key.
api-keys:
  - CLIENT-KEY

# Your credentials. Each kind may be listed several times; requests go round them, and a failing one is left for another.

#claude-api-key:
#  - api-key: sk-ant-...
#    base-url: https://api.anthropic.com

#gemini-api-key:
#  - api-key: AIza...

#codex-api-key:
#  - api-key: sk-...
#    base-url: https://api.openai.com/v1

#openai-compatibility:
#  - name: openrouter
#    base-url: https://openrouter.ai/api/v1
#    api-key-entries:
#      - api-key: sk-or-...
#    models:
#      - name: moonshotai/kimi-k2
#        alias: kimi-k2

#routing:
#  strategy: round-robin       # fill-first, weighted-round-robin, least-busy, soonest-reset, most-left

#proxy-url: ""                 # http://, https:// or socks5:// for every upstream
#request-retry: 3              # further tries of a request whose upstream failed
#max-retry-interval: 30        # seconds a request waits for a cooling credential
#debug: false

#remote-management:
#  console-key: ""            # opens the page http://127.0.0.1:8317/console
"""
