"""The mind every latency is measured with: as fast as a good model on a desktop GPU, and always the same words."""

from __future__ import annotations

REPLY = "That is a good question, and I like it. Let me think about it for one short moment with you."
"""Two sentences, twenty words."""

PACED = {
    "llm": {
        "engine": "scripted",
        "scripted-reply": REPLY,
        "first-token-ms": "100",
        "tokens-per-s": "110",
        "circle": "0",
    }
}
"""Flags of the stack: 100 ms to the first token, then 110 tokens a second, like a 9B model on an RTX 4090; and nothing
is made of the same lines being said and answered again and again."""
