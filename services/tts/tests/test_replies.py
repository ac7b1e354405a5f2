"""Several replies at once: which of them needs the voice, and that one being over says nothing about another."""

from __future__ import annotations

from avatar_contracts import LlmDone, LlmSentence, PlaybackProgress
from avatar_tts.replies import MOST, Replies
from avatar_tts.reply import Asked, Reply

RATE = 22_050


def begun(replies: Replies, number: int, sentences: int = 3, turn: int = 1) -> Reply:
    reply, _ = replies.begin(turn, number)
    for sentence in range(sentences):
        event = LlmSentence(turn=turn, reply=number, sentence=sentence, text="Some words.", language="en")
        reply.ask(Asked(event, 0.0, {}))
    return reply


def speak(replies: Replies, seconds: float = 2.0) -> tuple[int, int] | None:
    due = replies.due(RATE, 2)
    if due is None:
        return None
    reply, asked = due
    reply.clock += round(seconds * RATE)
    reply.spoken(0.2)
    return reply.number, asked.sentence.sentence


def play(reply: Reply, sentence: int, played_s: float, state: str = "playing") -> None:
    reply.on_progress(
        PlaybackProgress(
            turn=1, reply=reply.number, state=state, played=round(played_s * RATE), rate=RATE, sentence=sentence
        )
    )


def test_a_draft_is_prepared_before_a_reply_that_plays_and_has_sound_for_a_while() -> None:
    replies = Replies()
    playing = begun(replies, 1, 5)
    assert [speak(replies), speak(replies), speak(replies)] == [(1, 0), (1, 1), None]
    begun(replies, 2)
    play(playing, 0, 0.1)
    assert [speak(replies) for _ in range(4)] == [(2, 0), (2, 1), (1, 2), None]


def test_a_reply_that_plays_and_starves_goes_before_a_draft() -> None:
    replies = Replies()
    playing = begun(replies, 1, 6)
    speak(replies), speak(replies)
    begun(replies, 2)
    play(playing, 1, 3.5)
    assert [speak(replies) for _ in range(5)] == [(1, 2), (2, 0), (2, 1), (1, 3), None]


def test_a_reply_that_is_held_gives_way_to_a_draft() -> None:
    replies = Replies()
    playing = begun(replies, 1, 6)
    speak(replies), speak(replies)
    begun(replies, 2)
    play(playing, 1, 3.5, "held")
    assert [speak(replies) for _ in range(2)] == [(2, 0), (2, 1)]


def test_of_two_drafts_the_newer_goes_first_and_both_are_kept() -> None:
    replies = Replies()
    begun(replies, 1)
    begun(replies, 2)
    assert [speak(replies) for _ in range(5)] == [(2, 0), (2, 1), (1, 0), (1, 1), None]


def test_the_end_of_one_reply_says_nothing_about_another() -> None:
    replies = Replies()
    older, victim, newer = (begun(replies, number, turn=number) for number in (1, 2, 3))
    replies.end(2)
    assert (older.over, victim.over, newer.over) == (False, True, False)
    assert [replies.find(number) for number in (1, 2, 3)] == [older, None, newer]
    assert [replies.is_over(number, number) for number in (1, 2, 3, 4)] == [False, True, False, False]
    assert {speak(replies)[0] for _ in range(4)} == {1, 3}  # type: ignore[index]


def test_the_end_of_a_turn_ends_its_replies_and_those_to_come_and_no_others() -> None:
    replies = Replies()
    alive = [begun(replies, 1, turn=1), begun(replies, 4, turn=3)]
    dead = [begun(replies, 2, turn=2), begun(replies, 3, turn=2)]
    replies.end_turn(2)
    assert [reply.over for reply in alive + dead] == [False, False, True, True]
    assert replies.is_over(turn=2, number=5)
    assert not replies.is_over(turn=1, number=6)


def test_a_reply_ended_before_it_came_is_over() -> None:
    replies = Replies()
    replies.end(7)
    assert replies.is_over(1, 7)
    assert not replies.is_over(1, 6)


def test_replies_that_nobody_ends_make_room_for_newer_ones_the_one_that_plays_last() -> None:
    replies = Replies()
    playing = begun(replies, 1)
    speak(replies)
    play(playing, 0, 0.1)
    told = begun(replies, 2)
    told.done = True
    for number in range(3, MOST + 1):
        begun(replies, number)
    given_up = [replies.begin(1, MOST + more)[1] for more in (1, 2, 3)]
    assert [reply.number for reply in given_up if reply] == [2, 3, 4]
    assert not playing.over
    assert replies.is_over(1, 3)


def test_a_reply_is_complete_once_all_its_sentences_are_over_whatever_the_others_do() -> None:
    replies = Replies()
    first = begun(replies, 1, 1)
    begun(replies, 2, 1)
    first.on_done(LlmDone(turn=1, reply=1, sentences=1))
    assert replies.complete() is None
    speak(replies), speak(replies)
    assert replies.complete() is first
    first.done = True
    assert replies.complete() is None


def test_a_lost_sentence_is_given_up_after_a_while_in_each_reply() -> None:
    replies = Replies()
    for number in (1, 2):
        reply, _ = replies.begin(1, number)
        reply.on_done(LlmDone(turn=1, reply=number, sentences=1))
        assert replies.lost(float(number), 1.5) == (None, 2.5)
    assert replies.lost(2.4, 1.5) == (None, 2.5)
    reply, _ = replies.lost(2.6, 1.5)
    assert reply is replies.find(1)
    reply.skip_lost()
    assert replies.lost(2.7, 1.5) == (None, 3.5)
    replies.end(2)
    assert replies.lost(9.0, 1.5) == (None, None)
