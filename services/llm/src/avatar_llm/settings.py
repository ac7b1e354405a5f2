"""What can be set about the mind."""

from typing import Annotated

import msgspec

from avatar_llm.manners import CIRCLE
from avatar_runtime.settings import ServiceSettings

_Positive = Annotated[float, msgspec.Meta(gt=0)]


class LlmSettings(ServiceSettings, kw_only=True, frozen=True):
    """Settings of the llm service, section ``[llm]``.

    Attributes:
        engine: Which mind answers.
        persona: File of the persona played when a session names none; empty: the one that ships with the service.
        persona_dir: Folder of ``NAME.toml`` files a session may name.
        deadline_s: How long the engine may take to its first word, and then to each next one, before the reply is
            given up with a spoken apology.
        max_reply_chars: A reply is ended at this length.
        history_turns: Exchanges remembered; the oldest quarter goes when there are more.
        history_chars: Characters remembered, trimmed likewise.
        circle: Exchanges in a row that must be repetitions, of both sides, before the talk counts as going in circles
            and is answered only when something new is said; 0: never.
        first_token_ms: scripted: time to the first word.
        tokens_per_s: scripted: pace after that; a word counts as 1.3 tokens.
        scripted_reply: scripted: answer every turn with exactly this, for measurements. Empty: answer by topic.
        timezone: scripted: IANA name of the zone whose time is told; empty: this computer's.
        facts: scripted: further slots for the replies, or other values for ``machine``, ``cores``, ``uptime``.
    """

    engine: str = "scripted"
    persona: str = ""
    persona_dir: str = "personas"
    deadline_s: _Positive = 5.0
    max_reply_chars: Annotated[int, msgspec.Meta(ge=80, le=100_000)] = 4_000
    history_turns: Annotated[int, msgspec.Meta(ge=4, le=1_000)] = 40
    history_chars: Annotated[int, msgspec.Meta(ge=400, le=1_000_000)] = 12_000
    circle: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = CIRCLE
    first_token_ms: Annotated[float, msgspec.Meta(ge=0, le=60_000)] = 40.0
    tokens_per_s: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 110.0
    scripted_reply: str = ""
    timezone: str = ""
    facts: dict[str, str] = msgspec.field(default_factory=dict)
