"""Which sentence is due: in order, at most two ahead of the one being played, never starving."""

from __future__ import annotations

from avatar_contracts import LlmDone, LlmSentence, PlaybackProgress
from avatar_tts.reply import Asked, Reply

RATE = 22_050


def asked(number: int) -> Asked:
    event = LlmSentence(turn=1, reply=1, sentence=number, text="Some words.", language="en")
    return Asked(event, 0.0, {})


def reply_with(*numbers: int) -> Reply:
    reply = Reply(1, 1)
    for number in numbers:
        reply.ask(asked(number))
    return reply


def speak(reply: Reply, seconds: float = 3.0) -> int | None:
    due = reply.due(RATE, 2)
    if due is None:
        return None
    reply.clock += round(seconds * RATE)
    reply.spoken(0.2)
    return due.sentence.sentence


def progress(sentence: int, played_s: float, state: str = "playing") -> PlaybackProgress:
    return PlaybackProgress(turn=1, reply=1, state=state, played=round(played_s * RATE), rate=RATE, sentence=sentence)


def test_the_first_two_are_due_at_once_and_the_third_when_the_first_plays() -> None:
    reply = reply_with(0, 1, 2, 3)
    assert [speak(reply), speak(reply), speak(reply)] == [0, 1, None]
    reply.on_progress(progress(0, 0.1))
    assert [speak(reply), speak(reply)] == [2, None]
    reply.on_progress(progress(1, 3.1))
    assert [speak(reply), speak(reply)] == [3, None]


def test_short_sentences_do_not_starve_the_player() -> None:
    reply = reply_with(*range(9))
    assert [speak(reply, 0.2), speak(reply, 0.2), speak(reply, 0.2)] == [0, 1, None]
    reply.on_progress(progress(0, 0.1))
    made = []
    while (number := speak(reply, 0.2)) is not None:
        made.append(number)
    assert made == [2, 3, 4, 5]
    assert reply.clock / RATE - 0.1 >= 1.0


def test_sentences_without_any_sound_are_not_waited_for() -> None:
    reply = reply_with(0, 1, 2, 3)
    assert [speak(reply, 0.0), speak(reply, 0.0), speak(reply, 0.0)] == [0, 1, 2]


def test_nothing_is_due_out_of_order_or_twice() -> None:
    reply = reply_with(1, 0, 0)
    assert [speak(reply), speak(reply)] == [0, 1]
    reply.ask(asked(0))
    reply.on_progress(progress(1, 5.0))
    assert speak(reply) is None


def test_what_is_held_does_not_starve_and_is_not_worked_ahead_of() -> None:
    reply = reply_with(*range(6))
    speak(reply), speak(reply)
    reply.on_progress(progress(0, 2.9))
    assert speak(reply) == 2
    reply.on_progress(progress(1, 5.5))
    assert speak(reply) == 3
    reply.on_progress(progress(1, 5.6, "held"))
    assert not reply.starving(RATE)
    assert speak(reply) is None
    reply.on_progress(progress(1, 5.6))
    assert speak(reply) is None


def test_a_reply_that_goes_on_from_earlier_is_that_much_less_in_need() -> None:
    reply = reply_with(0, 1, 2, 3)
    speak(reply, 1.0), speak(reply, 1.0)
    reply.on_progress(progress(1, 1.4))
    assert reply.starving(RATE)
    reply.on_progress(progress(1, 1.4, "held"))
    assert not reply.starving(RATE)
    reply.on_progress(progress(0, 0.2))
    assert not reply.starving(RATE)
    reply.on_progress(progress(1, 1.2))
    assert reply.starving(RATE)


def test_progress_never_runs_backwards() -> None:
    reply = reply_with(0, 1, 2, 3)
    speak(reply), speak(reply)
    reply.on_progress(progress(1, 3.5))
    reply.on_progress(progress(0, 1.0))
    assert [speak(reply), speak(reply)] == [2, 3]


def test_it_is_complete_when_every_announced_sentence_is_over() -> None:
    reply = reply_with(0)
    reply.on_done(LlmDone(turn=1, reply=1, sentences=2))
    speak(reply)
    assert not reply.complete
    reply.ask(asked(1))
    speak(reply)
    assert reply.complete


def test_an_empty_reply_is_complete_when_it_is_announced() -> None:
    reply = Reply(1, 1)
    assert not reply.complete
    reply.on_done(LlmDone(turn=1, reply=1, sentences=0))
    assert reply.complete


def test_a_hole_shows_when_later_sentences_or_the_end_have_come() -> None:
    assert not Reply(1, 1).waits_for_lost
    assert reply_with(1).waits_for_lost
    reply = Reply(1, 1)
    reply.on_done(LlmDone(turn=1, reply=1, sentences=1))
    assert reply.waits_for_lost
    reply.ask(asked(0))
    assert not reply.waits_for_lost


def test_a_hole_is_dated_from_when_it_was_first_seen() -> None:
    reply = reply_with(1)
    assert [reply.missing_since(5.0), reply.missing_since(6.0)] == [5.0, 5.0]
    reply.ask(asked(0))
    assert reply.missing_since(7.0) is None
    reply.on_done(LlmDone(turn=1, reply=1, sentences=4))
    speak(reply), speak(reply)
    assert reply.missing_since(8.0) == 8.0
    reply.skip_lost()
    assert reply.missing_since(9.0) is None


def test_a_hole_is_skipped_up_to_what_has_come_or_to_the_end() -> None:
    reply = reply_with(3)
    assert reply.skip_lost() == 3
    assert speak(reply) == 3  # nothing sounds that it could be too far ahead of
    reply.on_done(LlmDone(turn=1, reply=1, sentences=6))
    assert reply.skip_lost() == 2
    assert reply.complete


def test_no_pause_is_due_before_the_first_sound() -> None:
    reply = reply_with(0, 1)
    reply.spoken(0.2)
    assert reply.pause_s == 0.0
    speak(reply)
    assert reply.pause_s == 0.2
