"""What the page and the edge say to each other: JSON text messages on one WebSocket, which is the visit.

The visit's call ends with its WebSocket. Media goes by WebRTC, offered by the page; a panel, which watches and steers
the call of the devices on this machine, has none.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from avatar_contracts.session import Mode, Patience, Respond
from avatar_edge.link import LinkStats
from avatar_edge.report import TurnReport

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


class _Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower):
    pass


# --- from the page -----------------------------------------------------------------------------------------------


class Offer(_Message, frozen=True, kw_only=True):
    """The page's WebRTC offer, all candidates in it; answered by `Answer`. A further one replaces the connection."""

    sdp: Annotated[str, msgspec.Meta(max_length=64_000)]


class Type(_Message, frozen=True, kw_only=True):
    """A typed line for the clone to answer."""

    text: Line


class Say(_Message, frozen=True, kw_only=True):
    """The clone says exactly this."""

    text: Line


class Stop(_Message, frozen=True, kw_only=True):
    """The clone is silent at once."""


class Configure(_Message, frozen=True, kw_only=True):
    """What is given holds from now on."""

    mode: Mode | None = None
    respond: Respond | None = None
    patience: Patience | None = None


class Decide(_Message, frozen=True, kw_only=True):
    """What becomes of the answer proposed in draft mode; `text` in its place unless empty."""

    action: Literal["speak", "drop"]
    text: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


class Mute(_Message, frozen=True, kw_only=True):
    """The clone hears nothing while `on`."""

    on: bool


class Real(_Message, frozen=True, kw_only=True):
    """The person's own face and voice while `on`; only where `Hello.real`."""

    on: bool


FromPage: TypeAlias = Offer | Type | Say | Stop | Configure | Decide | Mute | Real


# --- to the page -------------------------------------------------------------------------------------------------


class Hello(_Message, frozen=True, kw_only=True):
    """The first message.

    Attributes:
        session: The session.
        media: The page is to offer WebRTC: this visit has a call of its own. False: it is the panel of another call.
        real: `Real` can be asked for.
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        disclosure: The clone says first what it is.
        ice: Servers for `RTCPeerConnection`, empty on a plain network.
    """

    session: str
    media: bool
    real: bool
    width: int
    height: int
    disclosure: str = ""
    ice: tuple[str, ...] = ()


class Answer(_Message, frozen=True, kw_only=True):
    """The WebRTC answer."""

    sdp: str


class State(_Message, frozen=True, kw_only=True):
    """What the call is doing; sent at every change and once a second.

    Attributes:
        state: offline, waiting, listening, hearing, thinking, speaking, or real.
        missing: Kinds of worker that are missing, in words.
        mode: Settings that hold now; so with the next two.
        respond: See `mode`.
        patience: See `mode`.
        muted: The clone hears nothing.
        real: The person's own face and voice are shown.
        link: The link.
    """

    state: str
    missing: tuple[str, ...]
    mode: Mode
    respond: Respond
    patience: Patience
    muted: bool
    real: bool
    link: LinkStats


class Caption(_Message, frozen=True, kw_only=True):
    """What is being said just now, as it forms; empty: nothing more."""

    who: Literal["person", "clone"]
    text: str


class Turn(_Message, frozen=True, kw_only=True):
    """A finished turn."""

    turn: TurnReport


class Proposal(_Message, frozen=True, kw_only=True):
    """The answer the clone proposes in draft mode; empty: none any more."""

    text: str


class Problem(_Message, frozen=True, kw_only=True):
    """Something went wrong, or was refused; the call goes on."""

    service: str
    message: str
    hint: str = ""


class Bye(_Message, frozen=True, kw_only=True):
    """There is no call for this page, or no more: the last message.

    Attributes:
        reason: In words, for the person.
        again: Trying again later may help.
    """

    reason: str
    again: bool


ToPage: TypeAlias = Hello | Answer | State | Caption | Turn | Proposal | Problem | Bye
