"""How loud the clone may be in a room: what is measured of the room, and what becomes of the voice."""

import numpy as np
import pytest

from avatar_edge.coupling import Coupling
from avatar_edge.player import Player
from avatar_runtime.memory_bus import MemoryBus

VOICE = 10 ** (-18 / 10)


def db(factor):
    return 20 * np.log10(factor)


def look(coupling, count, level_db, *, certain=True, played=VOICE):
    """`count` looks at an echo of `level_db`; the gain after each."""
    gains = []
    for _ in range(count):
        coupling.observe(played, played * 10 ** (level_db / 10), certain=certain)
        gains.append(coupling.gain)
    return np.array(gains)


@pytest.mark.parametrize(
    ("level_db", "gain_db"), [(-40.0, 0.0), (-20.0, 0.0), (-11.2, 0.0), (-6.0, -7.5), (-2.0, -13.5), (10.0, -15.0)]
)
def test_the_voice_is_lowered_only_in_a_room_that_gives_it_back_loudly_and_never_below_15_db(level_db, gain_db):
    coupling = Coupling()
    look(coupling, 20, level_db)
    assert coupling.level_db == pytest.approx(level_db)
    assert db(coupling.gain) == pytest.approx(gain_db, abs=0.01)


def test_a_second_of_certain_echo_is_enough_and_less_is_not():
    coupling = Coupling()
    gains = look(coupling, 10, -2.0)
    assert (gains[:9] == 1.0).all()
    assert coupling.level_db == pytest.approx(-2.0)
    assert gains[9] < 0.3


def test_without_an_echo_nothing_a_person_says_lowers_the_voice():
    coupling = Coupling()
    look(coupling, 500, -3.0, certain=False)
    assert coupling.level_db is None
    assert coupling.gain == 1.0


def test_a_person_who_talks_over_the_voice_does_not_move_it():
    coupling = Coupling()
    before = look(coupling, 50, -4.0)[-1]
    assert (look(coupling, 60, 6.0) == before).all()
    assert (look(coupling, 300, 6.0, certain=False) == before).all()


def test_small_changes_of_the_room_do_not_move_the_voice():
    coupling = Coupling()
    before = look(coupling, 100, -4.0)[-1]
    for level_db in (-4.5, -3.5, -4.3):
        assert (look(coupling, 100, level_db) == before).all()


def test_the_voice_comes_back_where_the_echo_has_gone():
    coupling = Coupling()
    look(coupling, 100, -2.0)
    gains = look(coupling, 100, -40.0, certain=False)
    assert gains[20] < 0.3
    assert gains[-1] == 1.0


def test_in_another_room_the_voice_stays_until_a_second_of_its_echo_was_heard():
    coupling = Coupling()
    look(coupling, 100, -20.0)
    coupling.restart()
    assert (look(coupling, 9, -2.0) == 1.0).all()
    assert db(look(coupling, 1, -2.0)[-1]) == pytest.approx(-13.5)


def test_a_ducked_voice_and_a_muted_microphone_tell_nothing_of_the_room():
    coupling = Coupling()
    before = look(coupling, 50, -4.0)[-1]
    look(coupling, 100, 12.0, played=VOICE * 10 ** (-3.6))
    for _ in range(100):
        coupling.observe(VOICE, 0.0, certain=False)
    assert coupling.gain == before
    assert coupling.level_db == pytest.approx(-4.0)


class Tone:
    """A playout that never ends."""

    rate = 48_000
    busy = False

    def __init__(self):
        self.place = 0

    def pull(self, count, plays_at, now):
        wave = 10_000 * np.sin(2 * np.pi * 440 * (self.place + np.arange(count)) / self.rate)
        self.place += count
        return wave.astype(np.int16)

    def next_change_at(self):
        return None


class Out:
    rate = 48_000


async def test_the_output_gets_the_voice_at_the_wanted_level_and_the_canceller_gets_what_the_output_gets():
    gain, given, recorded, played = [1.0], [], [], []
    player = Player(
        None,
        MemoryBus(),
        Out(),
        Tone(),
        lambda _: None,
        record=lambda pcm, _, __: recorded.append(pcm),
        played=lambda pcm, _: played.append(pcm),
        gain=lambda: gain[0],
    )

    def pull(seconds):
        given.extend(player._pull(480, len(given) * 0.01) for _ in range(round(seconds * 100)))

    pull(0.5)
    gain[0] = 0.25
    pull(1.5)
    gain[0] = 1.0
    pull(4.5)
    sound, own = np.concatenate(given).astype(float), np.concatenate(recorded).astype(float)
    assert np.array_equal(np.concatenate(played), sound)
    assert np.abs(own).max() == pytest.approx(10_000, abs=2)
    crests = np.abs(sound).reshape(-1, 480).max(axis=1) / 10_000
    assert (crests[:50] > 0.99).all()
    assert crests[160:195] == pytest.approx(0.25, abs=0.01)
    assert (crests[-40:] > 0.99).all()
    # neither heard as a click nor as a jump: a fiftieth of the level in 20 ms at most, and no steeper than the tone
    assert np.abs(np.diff(crests)).max() < 0.02
    assert np.abs(np.diff(sound)).max() <= np.abs(np.diff(own)).max() + 2
