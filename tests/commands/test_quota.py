from bridge.commands.quota import Quota


def test_twenty_lines_in_ten_seconds_and_a_count_of_the_rest() -> None:
    quota = Quota()
    assert [quota.allows(100.0) for _ in range(50)] == [True] * 20 + [False] * 30
    assert not quota.allows(109.9)
    assert quota.allows(110.0)
    assert quota.take_unsaid() == 31
    assert quota.take_unsaid() == 0
