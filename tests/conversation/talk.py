"""The language of the scenarios: what the person does, what is waited for, and what was heard.

await talk.says("what is the weather")
await talk.answer_sounds(for_s=2.0)
await talk.hums()
await talk.settles()
assert talk.played() == talk.made()
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from conversation import checks
from conversation.people import RATE, Sound
from conversation.phrases import ENGLISH, UKRAINIAN, Phrases
from conversation.stage import Stage
from conversation.voices import BLOCK_S, Heard, recognise

from avatar_contracts import (
    LlmSentence,
    ReplyCancelled,
    ReplyCommitted,
    ReplyProposed,
    SessionConfig,
    SpeechOverlap,
    TtsChunk,
    TurnCancel,
    TurnDraft,
    TurnText,
)
from avatar_edge.playout import Playout
from avatar_llm.prompt import load as load_persona
from avatar_llm.settings import LlmSettings

QUIET_S = 3.0
"""So long nothing happens before a talk counts as settled: longer than any hold, silence or veto lasts."""
_STEP_S = 0.01
_MARK = 30_000


class Talk:
    """One scripted call.

    Attributes:
        say: The lines of its language.
        stage: Everybody in it.
        expected_errors: Beginnings of the codes of error events that this story brings about.
        forgetful: A mind died in it, so that replies may be remembered under no number.
        lossy: Sentences, sound or progress were lost on the way: what the mind remembers is then not exact.
    """

    def __init__(
        self,
        language: str = "en",
        *,
        llm: LlmSettings | None = None,
        answer_timeout_s: float = 15.0,
        face: bool = False,
        **config: Any,
    ) -> None:
        self.say: Phrases = UKRAINIAN if language == "uk" else ENGLISH
        self.stage = Stage(
            SessionConfig(language=language, **config), llm=llm, answer_timeout_s=answer_timeout_s, face=face
        )
        self.expected_errors: list[str] = []
        self.wire, self.mind, self.voice = self.stage.wire, self.stage.thinker, self.stage.voice
        self.forgetful = self.lossy = False
        self._recognised: tuple[int, list[Heard]] = (0, [])
        self._settled = False
        self._known_replies: set[int] = set()

    async def begin(self) -> None:
        """The call begins."""
        await self.stage.open()
        self.now = self.stage.clock
        await asyncio.sleep(0.5)

    async def end(self) -> None:
        """Let the talk settle, and check what must hold in every conversation."""
        try:
            if not self._settled:
                await self.settles()
            checks.check(self)
        finally:
            await self.stage.close()

    # --- what the person does ----------------------------------------------------------------------------------

    def begins(self, text: str, **how: Any) -> Sound:
        """The person begins to say `text`; see `Room.speak` for `how`."""
        self._settled = False
        return self.stage.room.speak(self._position(), text, **how)

    async def says(self, text: str, *, pause: float = 0.0, then: str = "", over: float = 0.95, **how: Any) -> Sound:
        """The person says `text`, and after `pause` seconds goes on with `then`; returns when they have ended.

        `over` is how finished it sounds at the pause, or at the end where there is none.
        """
        sound = self.begins(text, over=over, **how)
        if then:
            sound = self.stage.room.speak(sound.end + round(pause * RATE), then, **how)
        await self.until_sample(sound.end)
        return sound

    async def hums(self, length_s: float = 0.35, heard_as: str | None = None) -> Sound:
        """A "mhm", which the recogniser takes for a word; returns at its end."""
        self._settled = False
        sound = self.stage.room.hum(self._position(), length_s, self.say.mhm if heard_as is None else heard_as)
        await self.until_sample(sound.end)
        return sound

    async def mumbles_aside(self, word_s: float = 0.3) -> Sound:
        """Somebody further away talks to somebody else, too faintly for the recogniser; returns when it has ended."""
        return await self.says(self.say.side, word_s=word_s, level_db=-45.0, heard_as="", over=0.3)

    async def clatters(self, length_s: float = 0.3, **how: Any) -> Sound:
        """A noise; returns at its end."""
        sound = self.rumbles(length_s, **how)
        await self.until_sample(sound.end)
        return sound

    def rumbles(self, length_s: float, **how: Any) -> Sound:
        """A noise begins."""
        self._settled = False
        return self.stage.room.clatter(self._position(), length_s, **how)

    async def holds(self, length_s: float = 0.55) -> None:
        """A noise over the answer is mistaken for a word at first; returns when the answer is held because of it."""
        before = len(self.overlaps())
        self.rumbles(length_s, mistaken=self.say.word)
        await self.until("it holds", lambda: "hold voice" in self.overlaps()[before:])

    async def types(self, text: str) -> None:
        """The person types a line."""
        self._settled = False
        await self.stage.type(text)

    async def has_spoken(self, text: str, *, interruptible: bool = True) -> None:
        """A line that the clone speaks as it is; a disclosure, for one, is not interruptible."""
        self._settled = False
        await self.stage.say(text, interruptible=interruptible)

    async def presses_stop(self) -> None:
        """The person asks for silence."""
        await self.stage.stop()

    async def decides(self, action: Literal["speak", "drop"], text: str = "") -> None:
        """The owner's word on the newest proposal."""
        self._settled = False
        await self.stage.decide(action, text)

    async def drops_what_waits(self) -> None:
        """The owner drops every proposal, until none comes any more."""
        while self.stage.proposal is not None:
            await self.decides("drop")
            await self.wait(1.0)

    async def switches(self, **config: Any) -> None:
        """The person changes how the call goes on."""
        await self.stage.configure(**config)

    def _position(self) -> int:
        return round(self.now() * RATE)

    # --- what is waited for ------------------------------------------------------------------------------------

    async def wait(self, seconds: float) -> None:
        """Time passes."""
        await asyncio.sleep(seconds)

    async def until_sample(self, sample: int) -> None:
        """The microphone has delivered `sample`."""
        await asyncio.sleep(max(0.0, sample / RATE - self.now()))

    async def until(self, what: str, condition: Callable[[], object], within: float = 20.0) -> float:
        """`condition` holds; returns how long that took."""
        began = self.now()
        while not condition():
            assert self.now() - began < within, f"waited {within} s in vain: {what}\n{self.story()}"
            await asyncio.sleep(_STEP_S)
        return self.now() - began

    async def turn_ends(self, count: int = 1, within: float = 20.0) -> TurnText:
        """The `count`-th turn.text has been sent."""
        await self.until(f"turn {count} ends", lambda: len(self.texts()) >= count, within)
        return self.texts()[count - 1]

    async def draft_begins(self, count: int = 1) -> None:
        """The mind has been asked for the `count`-th time."""
        await self.until(f"draft {count}", lambda: len(self.wire.of(TurnDraft)) >= count)

    async def answer_sounds(self, for_s: float = 0.0, within: float = 20.0) -> float:
        """A reply that had not begun before sounds, and goes on for `for_s`; returns when it began."""
        seen = self._known_replies
        await self.until("an answer sounds", lambda: self._sounding_since(seen) is not None, within)
        reply, since = self._sounding_since(seen) or (0, 0.0)
        self._known_replies = seen | {reply}
        await asyncio.sleep(max(0.0, since + for_s - self.now()))
        return since

    async def falls_silent(self, within: float) -> None:
        """Nothing sounds from `within` seconds from now on, for half a second at least."""
        await asyncio.sleep(within)
        quiet_from = self.now()
        await asyncio.sleep(0.5)
        late = [at for at, pcm in self.stage.out.blocks if at >= quiet_from and pcm.any()]
        assert not late, f"still sounds at {late[0]:.2f} s, should be silent from {quiet_from:.2f} s\n{self.story()}"

    async def settles(self, within: float = 90.0) -> None:
        """Nobody says anything any more, and the call listens again."""
        began = quiet_since = self.now()
        while self.now() - quiet_since < QUIET_S:
            await asyncio.sleep(0.05)
            if not self.listening:
                quiet_since = self.now()
            assert self.now() - began < within, f"not back to listening within {within} s\n{self.story()}"
        self._settled = True

    @property
    def listening(self) -> bool:
        """Nothing is said, thought or heard just now."""
        playout: Playout = self.stage.playout
        dialogue = self.stage.dialogue
        talking = self.stage.room.silent_from() / RATE > self.now()
        return not (playout.busy or dialogue.hearing or dialogue.ledger.thinking or talking)

    # --- what happened -----------------------------------------------------------------------------------------

    def texts(self) -> list[TurnText]:
        """Finished turns."""
        return self.wire.of(TurnText)

    def turns(self) -> list[str]:
        """Their words."""
        return [plain(turn.text) for turn in self.texts()]

    def cancels(self) -> list[str]:
        """Why turns were taken back."""
        return [cancel.reason for cancel in self.wire.of(TurnCancel)]

    def overlaps(self) -> list[str]:
        """What the ears made of voice over an answer."""
        return [f"{overlap.state} {overlap.why}" for overlap in self.wire.of(SpeechOverlap)]

    def time_of(self, overlap: str) -> float:
        """When the first overlap that begins like this was sent, such as ``hold voice``."""
        times = self.wire.times(SpeechOverlap, lambda event: f"{event.state} {event.why}".startswith(overlap))
        assert times, f"no {overlap}\n{self.story()}"
        return times[0]

    def drafts(self) -> list[str]:
        """The words of every draft."""
        return [plain(draft.text) for draft in self.wire.of(TurnDraft)]

    def committed(self) -> list[int]:
        """Replies that may be heard, in order."""
        return [event.reply for event in self.wire.of(ReplyCommitted)]

    def cancelled(self, reason: str = "") -> list[int]:
        """Replies that were cancelled, for `reason` or any."""
        return [event.reply for event in self.wire.of(ReplyCancelled) if reason in ("", event.reason)]

    def proposals(self) -> list[ReplyProposed]:
        """What the mind would say."""
        return self.wire.of(ReplyProposed)

    def questions(self) -> list[str]:
        """What the engine of the mind was asked."""
        return [plain(question) for question in self.mind.questions]

    def stretches(self) -> list[Heard]:
        """Everything that was played, word by word."""
        known = len(self.stage.out.blocks)
        if self._recognised[0] != known:
            self._recognised = (known, recognise(self.stage.out, self.voice, self.wire.of(TtsChunk)))
        return self._recognised[1]

    def played(self, turn: int = 0) -> str:
        """The words that were heard whole, in order, repeats included; of one turn or all."""
        heard = [each for each in self.stretches() if turn in (0, each.turn) and each.share > checks.WHOLE]
        return plain(" ".join(each.word.text for each in heard))

    def made(self, turn: int) -> str:
        """All words of the answer to a turn, of the reply that was committed last."""
        reply = max(event.reply for event in self.wire.of(ReplyCommitted, lambda event: event.turn == turn))
        sentences = self.wire.of(LlmSentence, lambda event: event.reply == reply)
        return plain(" ".join(event.text for event in sentences))

    def everything_was_heard(self, turn: int) -> bool:
        """Every word of the answer to a turn was heard whole, some perhaps twice."""
        words = checks.heard_words(self.stretches(), checks.WHOLE)
        replies = {event.reply for event in self.wire.of(ReplyCommitted, lambda event: event.turn == turn)}
        return " ".join(words.get(max(replies), [])) == self.made(turn)

    def clone_name(self) -> str:
        """What the clone is called in the language of the call."""
        return load_persona().name_in(self.say.language)

    @staticmethod
    def bare(text: str) -> str:
        """The words of `text` in lower case, one space apart."""
        return plain(text)

    def level(self, at: float) -> float:
        """How loud the output is at a moment, relative to full."""
        blocks = [pcm for began, pcm in self.stage.out.blocks if began <= at < began + len(pcm) / RATE]
        return float(np.abs(blocks[0].astype(int)).max()) / _MARK if blocks else 0.0

    def silent_after(self, moment: float, for_s: float = 0.4) -> float:
        """How long after `moment` the output falls silent for `for_s` at least."""
        loud = [at for at, pcm in self.stage.out.blocks if at + BLOCK_S > moment and pcm.any()]
        end = moment
        for at in loud:
            if at - end >= for_s:
                break
            end = at + BLOCK_S
        return end - moment

    def quieter_after(self, moment: float, level: float = 0.2) -> float:
        """How long after `moment` what sounds is below `level`."""
        for at, _ in self.stage.out.blocks:
            if at >= moment and self.level(at) < level:
                return at - moment
        return float("inf")

    def _sounding_since(self, known: set[int]) -> tuple[int, float] | None:
        for change in self.stage.changes:
            if change.state == "audible" and change.progress.reply not in known:
                return change.progress.reply, change.at
        return None

    def story(self) -> str:
        """What happened, line by line, for the message of a test that fails."""
        return checks.story(self)


def plain(text: str) -> str:
    """The words of `text` in lower case, one space apart."""
    return " ".join(re.findall(r"[\w'’]+", text.lower()))
