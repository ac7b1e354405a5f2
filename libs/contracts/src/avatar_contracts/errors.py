"""The exceptions of this package, and the event by which a service tells of a failure."""

from __future__ import annotations

from avatar_contracts.base import Count, Event, Kind, Label, Text


class ContractError(Exception):
    """Base of everything this package raises."""


class InvalidId(ContractError, ValueError):
    """An id or tag that must not become part of a subject."""

    def __init__(self, what: str, value: object, allowed: str) -> None:
        super().__init__(f"{what} {str(value)[:60]!r} is not allowed: use {allowed}")
        self.what = what
        self.value = value


class UnknownEvent(ContractError):
    """A tag that this version does not know: counted and ignored by consumers."""

    def __init__(self, tag: str) -> None:
        super().__init__(f"no event has the tag {tag[:60]!r}; a newer peer may have sent it")
        self.tag = tag


class MalformedEvent(ContractError):
    """Bytes that are not the event their subject names."""

    def __init__(self, tag: str, why: str) -> None:
        super().__init__(f"malformed {tag[:60]}: {why}")
        self.tag = tag
        self.why = why


class PayloadTooLarge(ContractError):
    """An event above the size cap of its tag."""

    def __init__(self, tag: str, size_bytes: int, cap_bytes: int) -> None:
        super().__init__(f"{tag} is {size_bytes} bytes, its cap is {cap_bytes}: split it or shorten its payload")
        self.tag = tag
        self.size_bytes = size_bytes
        self.cap_bytes = cap_bytes


class ErrorRaised(Event, frozen=True, kw_only=True, tag="error.raised"):
    """Something failed and the user should know. Written by whichever service it happened in.

    Attributes:
        service: Who reports it.
        code: Stable dotted name such as ``mic.rate`` or ``llm.deadline``.
        message: What happened, to what.
        hint: What to do next; may be empty.
        turn: The turn it belongs to, 0 for none.
        reply: The reply it belongs to, 0 for none.
    """

    service: Kind
    code: Label
    message: Text
    hint: Text = ""
    turn: Count = 0
    reply: Count = 0
