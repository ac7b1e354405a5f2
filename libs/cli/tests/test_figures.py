import math

import pytest

from avatar_cli.bench.figures import Figure, Limit, percentile, spread


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 3.0), (0.75, 4.0), (0.9, 4.6), (1.0, 5.0)])
def test_percentiles_interpolate_between_the_two_nearest_values(share: float, expected: float) -> None:
    assert percentile([5.0, 1.0, 4.0, 2.0, 3.0], share) == pytest.approx(expected)


def test_a_spread_of_nothing_is_not_a_number_rather_than_zero() -> None:
    assert math.isnan(spread([])["p50"])
    assert spread([])["n"] == 0


def test_a_figure_without_values_meets_no_limit() -> None:
    figure = Figure(name="voice_ms", statistics=spread([]), command="avatar bench", limits=(Limit("p50", 650),))
    assert not figure.met


def test_a_figure_must_meet_every_limit() -> None:
    limits = (Limit("p50", 650), Limit("p95", 1250))
    good = Figure(name="voice_ms", statistics=spread([600.0] * 20), command="", limits=limits)
    slow_tail = Figure(name="voice_ms", statistics=spread([600.0] * 18 + [2000.0] * 2), command="", limits=limits)
    assert good.met
    assert not slow_tail.met


def test_a_floor_is_met_from_above() -> None:
    assert Limit("p50", 24.5, at_least=True).met({"p50": 25.0})
    assert not Limit("p50", 24.5, at_least=True).met({"p50": 20.0})
