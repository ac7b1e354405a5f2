"""Turns that wait: lines in their order, of questions the latest, and never for ever."""

import asyncio

import pytest

from avatar_llm.reply import Reply, Turn
from avatar_llm.waiting import QUIET_S, Waiting, until_over

pytestmark = pytest.mark.virtual_time


def line(number, **more):
    return Turn(number, "Hear, hear.", "en", verbatim=True, **more)


def question(number):
    return Turn(number, "Why?", "en")


def playing(turn):
    reply = Reply(1, turn, "en")
    reply.committed.set()
    return reply


def popped(waiting):
    return [waiting.pop().number for _ in range(len(waiting))]


async def test_lines_follow_one_after_another_and_questions_supersede():
    waiting = Waiting()
    assert waiting.must(line(2), playing(line(1)))
    assert not waiting.must(question(2), playing(line(1)))
    assert not waiting.must(line(2), playing(question(1)))
    assert not waiting.must(line(2), None)


async def test_everything_waits_for_what_may_not_be_interrupted():
    reply = playing(line(1, interruptible=False))
    assert Waiting().must(question(2), reply)
    reply.cancelled = True
    reply.settle()
    assert not Waiting().must(question(2), reply)


async def test_what_is_not_committed_keeps_nobody_waiting():
    assert not Waiting().must(question(2), Reply(1, line(1, interruptible=False), "en"))


async def test_nobody_overtakes():
    waiting = Waiting()
    waiting.put(line(2))
    assert waiting.must(question(3), None)
    waiting.put(question(3))
    waiting.put(line(4))
    assert popped(waiting) == [2, 3, 4]


async def test_of_questions_only_the_latest_waits():
    waiting = Waiting()
    waiting.put(line(2))
    waiting.put(question(3))
    assert [turn.number for turn in waiting.put(question(4))] == [3]
    assert popped(waiting) == [2, 4]


async def test_turns_can_be_taken_out():
    waiting = Waiting()
    for turn in (line(2), line(3, interruptible=False), line(4), question(5)):
        waiting.put(turn)
    assert [turn.number for turn in waiting.remove(2, 2)] == [2]
    assert [turn.number for turn in waiting.interrupt()] == [4, 5]
    assert popped(waiting) == [3]


async def test_a_reply_of_which_nothing_is_heard_any_more_is_given_up():
    loop = asyncio.get_running_loop()
    reply = playing(line(1))
    began_s = loop.time()
    await asyncio.gather(until_over(reply), signs_until(reply, 5))
    assert loop.time() - began_s == pytest.approx(5 + QUIET_S)


async def signs_until(reply, seconds):
    for _ in range(seconds):
        await asyncio.sleep(1)
        reply.settle()
