import numpy as np
import pytest

from avatar_cli import recordings
from avatar_edge.microphone import voiced_windows


def test_every_line_is_cut_whole_with_silence_around_it_and_no_click() -> None:
    pieces = recordings.cut("two_cities.wav", recordings.TWO_CITIES)
    assert len(pieces) == len(recordings.TWO_CITIES)
    for line, piece in zip(recordings.TWO_CITIES, pieces, strict=True):
        assert piece.dtype == np.float32
        voiced_s = voiced_windows((piece * 32_767).astype(np.int16))[-1] / recordings.RATE
        assert voiced_s == pytest.approx(line.end_s - line.start_s + 0.06, abs=0.06), line.text
        assert abs(piece[0]) < 1e-3
        assert abs(piece[-1]) < 1e-3


def test_the_lines_of_the_reading_follow_one_another_without_overlap() -> None:
    for earlier, later in zip(recordings.TWO_CITIES, recordings.TWO_CITIES[1:], strict=False):
        assert earlier.end_s < later.start_s
