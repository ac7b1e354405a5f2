"""What a stack may consist of."""

from __future__ import annotations

SERVICES = ("asr", "llm", "tts", "face")
"""The workers of a call. The edge with its devices runs at the person's side (`avatar edge`)."""

PAGE = "web"
"""The page in which a call is held by a browser; a process of a stack like a service."""

STARTABLE = (*SERVICES, PAGE)

HEALTH_PORTS = {"asr": 4301, "llm": 4302, "tts": 4303, "face": 4304, PAGE: 4305}
"""Where the services of `avatar up` answer /readyz and /metrics, so that a scraper finds them again."""
