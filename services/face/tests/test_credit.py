from __future__ import annotations

import pytest

from avatar_face.credit import Credit


def test_four_frames_may_be_under_way():
    credit = Credit(0.0)
    for _ in range(4):
        assert credit.allows(0.0)
        credit.sent(0.0)
    assert not credit.allows(0.04)
    credit.acked(2, 0.05)
    assert credit.allows(0.05)
    assert credit.unacked == 2


def test_without_an_acknowledgement_for_a_second_four_frames_a_second_trickle():
    credit = Credit(0.0)
    for _ in range(4):
        credit.sent(0.0)
    sent = []
    for tick in range(300):
        now = tick / 100
        if credit.allows(now):
            credit.sent(now)
            sent.append(now)
    assert sent[0] >= 1.0
    assert len(sent) == 8
    credit.acked(12, 3.0)
    assert credit.allows(3.0)


def test_old_and_impossible_acknowledgements_change_nothing():
    credit = Credit(0.0)
    for _ in range(3):
        credit.sent(0.0)
    credit.acked(2, 0.1)
    credit.acked(1, 0.2)
    credit.acked(99, 0.3)
    assert credit.unacked == 1


def test_a_frame_that_was_never_published_gives_its_credit_back():
    credit = Credit(0.0)
    for _ in range(4):
        credit.sent(0.0)
    credit.withdrawn()
    assert credit.allows(0.0)


def test_a_long_link_gets_a_longer_window_and_a_queue_does_not():
    credit = Credit(0.0)
    for number in range(1, 11):
        credit.sent(number / 25)
        credit.acked(number, number / 25 + 0.2)
    assert credit.window == 8  # five under way on the link, and three
    queued = Credit(0.0)
    for number in range(1, 30):
        queued.sent(number / 25)
        queued.acked(number, number / 25 + (0.02 if number == 1 else 0.4))
    assert queued.window == 4
    assert queued.trip_s == pytest.approx(0.4)


def test_the_window_has_an_end():
    credit = Credit(0.0)
    for number in range(1, 6):
        credit.sent(number / 25)
        credit.acked(number, number / 25 + 2.0)
    assert credit.window == 16
