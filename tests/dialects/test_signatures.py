"""Signatures: whose they are, and that a foreign one comes home."""

from __future__ import annotations

import base64
import json

import pytest
from google.genai import types as google
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cliproxy.dialects import claude, gemini, responses
from cliproxy.dialects.signatures import (
    SENTINEL,
    carried,
    fits_gemini,
    minted,
    replayed,
    standard_base64,
    unwrap,
    wrap,
)
from cliproxy.ir.content import Signature

SLOTS = {"claude": claude.signed.SLOT, "gemini": gemini.signed.SLOT, "responses": responses.signed.SLOT}

OPENAI = "gAAAAABpexample-encrypted_aa"
#: How the vendors' own begin: documented examples, cut short.
CLAUDE = "EuYBCkQYAiJAgCs1le6/Pol5Z4/JMomVOouGrWdhYNsH3ukzUECbB6iWrSQtsQuRHJID6lWV"
GEMINI = base64.b64encode(b"\x12\xb7\x01\x0a\xb4\x01\x01\xbe\x3e\xf6" + bytes(range(180))).decode()


@pytest.mark.parametrize(
    ("value", "dialect", "expected"),
    [
        (OPENAI, "claude", "openai"),
        (OPENAI, "gemini", "openai"),
        (SENTINEL, "gemini", "bypass"),
        ("context_engineering_is_the_way_to_go", "claude", "bypass"),
        ("+/8gY2xhdWRlLXg=", "responses", "claude"),
        ("-_8gY2xhdWRlLXg", "gemini", "claude"),
        (CLAUDE, "gemini", "claude"),
        (CLAUDE, "responses", "claude"),
        (GEMINI, "claude", "gemini"),
        ("QUJD", "gemini", "gemini"),
        ("QUJD", "claude", "unknown"),
        ("QUJD", "responses", "unknown"),
        ("not base64!", "claude", "unknown"),
        ("", "responses", "unknown"),
    ],
)
def test_vendor(value: str, dialect: str, expected: str) -> None:
    """A signature's vendor is read off the value, and off the client's dialect where the value does not show it."""
    assert replayed(value, SLOTS[dialect]).origin == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("ab-_", "ab+/"), ("ab+/", "ab+/"), ("YQ", "YQ=="), ("YWI", "YWI="), ("YQ==", "YQ=="), ("", "")],
)
def test_standard_base64(value: str, expected: str) -> None:
    """Base64 is given in the standard alphabet, padded."""
    assert standard_base64(value) == expected


_TRICKY = st.text(alphabet="Aab19+/-_= \n", max_size=9)


@given(value=_TRICKY)
def test_fits_gemini_is_what_googles_sdk_reads(value: str) -> None:
    """A value fits exactly where Google's SDK reads a response that carries it."""
    body = json.dumps({"thoughtSignature": value})
    try:
        google.Part.model_validate_json(body)
    except ValueError:
        readable = False
    else:
        readable = value != ""
    assert fits_gemini(value) == readable


@given(origin=st.sampled_from(["openai", "claude", "gemini", "unknown"]), value=st.text())
def test_wrapped_comes_home(origin: str, value: str) -> None:
    """A wrapped signature is unwrapped to the byte, also after Google's SDK has spelt it URL-safe."""
    signature = Signature(origin, value)
    envelope = wrap(signature)
    through_google = json.loads(google.Part.model_validate({"thoughtSignature": envelope}).model_dump_json())
    assert unwrap(envelope) == signature
    assert unwrap(through_google["thought_signature"]) == signature
    assert unwrap(envelope.rstrip("=")) == signature


class Travelling(SynchronousTestCase):
    """Every vendor's signature through every client, and back."""

    def assert_round_trip(self, value: str, upstream: str, client: str) -> None:
        shown = carried(minted(value, SLOTS[upstream]), SLOTS[client])
        assert shown is not None
        back = replayed(shown, SLOTS[client])
        self.assertEqual((back.origin, back.value), (minted(value, SLOTS[upstream]).origin, value))

    def test_recognisable_signatures_travel_raw(self) -> None:
        """A signature that shows its vendor reaches every client as it is, and is its vendor's when it returns."""
        for value, upstream in ((OPENAI, "responses"), (CLAUDE, "claude"), (GEMINI, "gemini")):
            for client in ("claude", "gemini", "responses"):
                with self.subTest(upstream=upstream, client=client):
                    self.assertEqual(carried(minted(value, SLOTS[upstream]), SLOTS[client]), value)
                    self.assert_round_trip(value, upstream, client)

    def test_unrecognisable_signatures_are_wrapped_for_claude_clients(self) -> None:
        """What shows no vendor goes to a Claude client in an envelope and comes home from it."""
        for value, upstream in (("QUJD", "gemini"), ("any bytes, even these: é", "responses")):
            with self.subTest(upstream=upstream):
                self.assertNotEqual(carried(minted(value, SLOTS[upstream]), SLOTS["claude"]), value)
                self.assert_round_trip(value, upstream, "claude")

    def test_openai_signatures_that_are_no_fernet_are_wrapped_for_gemini_clients(self) -> None:
        """Google's SDK reads the envelope where it could not read the value."""
        value = "not base64 at all"
        shown = carried(minted(value, SLOTS["responses"]), SLOTS["gemini"])
        assert shown is not None
        self.assertTrue(fits_gemini(shown))
        self.assert_round_trip(value, "responses", "gemini")

    def test_pinned_slots_are_raw(self) -> None:
        """``encrypted_content``, and Anthropic's signatures in ``thoughtSignature``, are never wrapped."""
        self.assertEqual(carried(Signature("claude", "RXhhbXBsZQ=="), SLOTS["gemini"]), "RXhhbXBsZQ==")
        self.assertEqual(carried(Signature("claude", "QUJDREVG"), SLOTS["responses"]), "QUJDREVG")
        self.assertEqual(carried(Signature("gemini", "QUJDREVG"), SLOTS["responses"]), "QUJDREVG")

    def test_what_googles_sdk_cannot_read_is_left_out(self) -> None:
        """A signature of Anthropic's that is not base64 does not reach a Gemini client."""
        self.assertIsNone(carried(Signature("claude", "zzz"), SLOTS["gemini"]))

    def test_a_claude_signature_returns_from_google_in_the_standard_alphabet(self) -> None:
        """What Google's SDK spelt URL-safe is Anthropic's to the byte again."""
        self.assertEqual(replayed("-_8gY2xhdWRlLXg=", SLOTS["gemini"]), Signature("claude", "+/8gY2xhdWRlLXg="))

    def test_an_envelope_from_an_upstream_is_opened(self) -> None:
        """Behind another such proxy, the envelope is not taken for the upstream's own signature."""
        self.assertEqual(minted(wrap(Signature("gemini", "QUJD")), SLOTS["claude"]), Signature("gemini", "QUJD"))

    def test_a_forged_envelope_is_a_plain_value(self) -> None:
        """An envelope that names no vendor, or is cut, is taken for an ordinary value."""
        forged = base64.b64encode(b"cliproxy:mallory:x").decode()
        self.assertIsNone(unwrap(forged))
        self.assertIsNone(unwrap(base64.b64encode(b"cliproxy:no colon").decode()))
        self.assertIsNone(unwrap(base64.b64encode(b"cliproxy:\xff\xfe:x").decode()))
        self.assertEqual(replayed(forged, SLOTS["claude"]).origin, "unknown")
