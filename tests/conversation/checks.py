"""What holds in every conversation, however it went."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from conversation.voices import BLOCK_S, WORD_S, Heard

from avatar_contracts import (
    Event,
    LlmDelta,
    LlmSentence,
    MicFrame,
    PlaybackProgress,
    ReplyCancelled,
    ReplyCommitted,
    TtsChunk,
    TurnCancel,
    TurnDraft,
    TurnText,
)

if TYPE_CHECKING:
    from conversation.talk import Talk

WHOLE = 0.97
"""A word of which less was heard counts as cut: the last 7 ms may lie in a fade."""
_CERTAIN = 0.999
FADE_S = 0.03
"""From the event that ends a reply to its last sample: one pull and the fade."""
DRAFTS = 3
TRACKS = 8
PROGRESS_S = 0.12
_TRIMS = 20
"""A history longer than this may have lost its oldest part."""
_STORY_LINES = 120
FAULTS = ("handler.failed", "task.failed")


def check(talk: Talk) -> None:
    """Raise AssertionError, with the story, for the first promise that was broken."""
    stretches = talk.stretches()
    try:
        no_fault(talk)
        numbers_grow(talk)
        no_dead_word(talk, stretches)
        one_reply_after_the_other(stretches)
        if not talk.lossy:
            history_is_what_was_heard(talk, stretches)
            progress_is_told(talk, stretches)
        queues_are_short(talk)
        assert talk.listening, "the call does not listen"
    except AssertionError as error:
        raise AssertionError(f"{error}\n{story(talk)}") from error


def no_fault(talk: Talk) -> None:
    """Nothing failed that the story does not bring about."""
    for error in talk.stage.errors:
        expected = any(error.code.startswith(code) for code in talk.expected_errors)
        assert expected, f"{error.code}: {error.message}"
        assert error.code not in FAULTS, f"{error.code}: {error.message}"


def numbers_grow(talk: Talk) -> None:
    """Turns and replies are numbered upwards; a turn has three drafts at most, and no more once it is over."""
    turns = [turn.turn for turn in talk.wire.of(TurnText)]
    assert all(a < b for a, b in pairwise(turns)), f"turn numbers {turns}"
    begun = list(dict.fromkeys(event.reply for event in talk.wire.of(LlmSentence)))
    assert all(a < b for a, b in pairwise(begun)), f"reply numbers {begun}"
    drafts: dict[tuple[int, int], list[int]] = defaultdict(list)  # by worker too: one that died leaves its turn open
    over: set[int] = set()
    for sent in talk.wire.sent:
        match sent.event:
            case TurnDraft(turn=turn, revision=revision):
                drafts[sent.event.epoch, turn].append(revision)
                assert turn not in over, f"draft of turn {turn} after its end"
            case TurnText(turn=turn, continues=continues):
                over.add(turn)
                assert continues < turn, f"turn {turn} continues {continues}"
    for (_, turn), revisions in drafts.items():
        assert len(revisions) <= DRAFTS, f"turn {turn} has {len(revisions)} drafts"
        assert all(a < b for a, b in pairwise(revisions)), f"turn {turn} has drafts {revisions}"


def no_dead_word(talk: Talk, stretches: list[Heard]) -> None:
    """Nothing is heard of a reply that is not committed, or that was cancelled: as the edge has been told."""
    committed: dict[int, float] = {}
    cancelled: dict[int, float] = {}
    turns: dict[int, float] = {}
    for sent in talk.wire.arrived:
        match sent.event:
            case ReplyCommitted(reply=reply):
                committed.setdefault(reply, sent.at)
            case ReplyCancelled(reply=reply):
                cancelled.setdefault(reply, sent.at)
            case TurnCancel(turn=turn):
                turns.setdefault(turn, sent.at)
    for heard in stretches:
        what = f"{heard.word.text!r} of reply {heard.reply} at {heard.start:.3f}–{heard.end:.3f} s"
        assert heard.reply in committed, f"{what} was never committed"
        assert heard.start >= committed[heard.reply] - 1e-6, f"{what} before its commit at {committed[heard.reply]}"
        ended = min(cancelled.get(heard.reply, 1e9), turns.get(heard.turn, 1e9))
        ended += talk.stage.out.latency_s
        assert heard.end <= ended + FADE_S, f"{what}, which was over at {ended:.3f} s"


def one_reply_after_the_other(stretches: list[Heard]) -> None:
    """An older reply never sounds after a newer one, and words follow each other within a reply.

    A reply that goes on after a hold may repeat itself, from the beginning of a word on.
    """
    for before, after in pairwise(stretches):
        where = f"at {after.start:.3f} s: {before.word.text!r} then {after.word.text!r}"
        assert before.reply <= after.reply, f"an older reply {where}"
        if before.reply == after.reply and after.start - before.end < BLOCK_S:
            place = (before.word.utterance, before.word.index)
            following = (after.word.utterance, after.word.index)
            ahead = following[0] - place[0] == 1 or following == (place[0], place[1] + 1) or following == place
            assert ahead, f"words left out {where}"


def heard_words(stretches: list[Heard], at_least: float) -> dict[int, list[str]]:
    """By reply, the words of which `at_least` so much was heard in one go, each once."""
    words: dict[int, dict[tuple[int, int], str]] = defaultdict(dict)
    for heard in stretches:
        if heard.share >= at_least:
            words[heard.reply][heard.word.utterance, heard.word.index] = heard.word.text
    return {reply: [_bare(words[reply][place]) for place in sorted(words[reply])] for reply in words}


def history_is_what_was_heard(talk: Talk, stretches: list[Heard]) -> None:
    """The mind remembers of each reply exactly the words that were heard whole."""
    certain, possible = heard_words(stretches, _CERTAIN), heard_words(stretches, WHOLE - 0.03)
    for entry in talk.stage.mind.history.entries:
        if entry.reply:
            remembered = [_bare(word) for word in entry.heard.split() if _bare(word)]
            least, most = certain.get(entry.reply, []), possible.get(entry.reply, [])
            told = f"reply {entry.reply}: remembered {' '.join(remembered)!r}, heard {' '.join(most)!r}"
            assert len(least) <= len(remembered) <= len(most), told
            assert remembered == most[: len(remembered)], told
    remembered_replies = {entry.reply for entry in talk.stage.mind.history.entries}
    trimmed = min(filter(None, remembered_replies), default=0) if len(remembered_replies) > _TRIMS else 0
    withdrawn = {event.turn for event in talk.wire.of(TurnCancel) if event.reason == "continued"}
    for reply, words in certain.items():
        turn = next(heard.turn for heard in stretches if heard.reply == reply)
        short = turn in withdrawn and len(words) * WORD_S < 0.3
        kept = reply in remembered_replies or short or talk.forgetful or reply < trimmed
        assert kept, f"nothing is remembered of reply {reply}, of which was heard: {' '.join(words)}"


def progress_is_told(talk: Talk, stretches: list[Heard]) -> None:
    """While a reply sounds, playback.progress comes at least every 100 ms."""
    times = talk.wire.times(PlaybackProgress)
    for heard in stretches:
        newest = times[max(0, bisect_right(times, heard.end + BLOCK_S) - 1)] if times else 0.0
        assert heard.end - newest <= PROGRESS_S + talk.stage.out.latency_s, (
            f"no progress between {newest:.3f} and {heard.end:.3f} s"
        )


def queues_are_short(talk: Talk, most: int = 0) -> None:
    """Nothing piles up: not in the playout, and no more than `most` events in front of any handler."""
    stage = talk.stage
    assert len(stage.playout._replies) <= TRACKS, "tracks pile up in the playout"
    for session in [stage.session, *stage._sessions.values()]:
        for tag, inlet in session._inlets.items():
            assert len(inlet.lane) <= most, f"{len(inlet.lane)} {tag} wait in {session.kind}"
        assert len(session._tasks) < 60, f"{len(session._tasks)} tasks in {session.kind}"


def story(talk: Talk) -> str:
    """Everything that was sent but sound, and every word that was heard, in order of time."""
    left_out = (MicFrame, LlmDelta, PlaybackProgress, TtsChunk)
    lines: list[tuple[float, str]] = [
        (sent.at, _line(sent.event)) for sent in talk.wire.sent if not isinstance(sent.event, left_out)
    ]
    lines += [(sent.at, _line(sent.event)) for sent in talk.wire.sent if _turning(sent.event)]
    lines += [
        (sound.start / 16_000, f"  person: {' '.join(word.text for word in sound.words) or sound.kind} until {at:.3f}")
        for sound in talk.stage.room.sounds
        for at in [sound.end / 16_000]
    ]
    run: list[Heard] = []
    for heard in [*talk.stretches(), None]:
        if run and (heard is None or heard.reply != run[-1].reply or heard.start - run[-1].end > 0.05):
            words = " ".join(each.word.text if each.share > WHOLE else f"{each.word.text}…" for each in run)
            level = "" if min(each.level for each in run) > 0.5 else " (ducked)"
            lines.append((run[0].start, f"    clone {run[0].reply}: {words}{level} until {run[-1].end:.3f}"))
            run = []
        run += [heard] if heard is not None else []
    return "\n".join(f"{at:8.3f} {line}" for at, line in sorted(lines, key=lambda each: each[0])[-_STORY_LINES:])


def _turning(event: Event) -> bool:
    return isinstance(event, PlaybackProgress) and event.state != "playing"


def _line(event: Event) -> str:
    fields: dict[str, Any] = {name: getattr(event, name) for name in event.__struct_fields__}
    shown = ", ".join(f"{name}={value!r}" for name, value in fields.items() if name not in ("epoch", "seq") and value)
    return f"{type(event).__name__}({shown})"


def _bare(word: str) -> str:
    return "" if word.startswith("[") else "".join(re.findall(r"[\w'’]+", word.lower()))
