from avatar_runtime.over import REMEMBERED, Over


def test_what_is_over_stays_so_for_ever_in_bounded_memory() -> None:
    over = Over(0)
    for number in range(2, 2 + 20 * REMEMBERED, 2):
        over.add(number)
    newest = 20 * REMEMBERED
    assert all(number in over for number in range(2, newest + 1, 2))
    assert newest - 1 not in over
    assert newest + 1 not in over
    assert 0 in over
    assert len(over._numbers) == REMEMBERED
