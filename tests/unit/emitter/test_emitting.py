"""The benchmark of the emitter measures what it says, with the real collector."""

from benchmarks.telemetry.emitting import ROW_COUNTS, costs, packing, rows_of


def test_a_cost_is_told_for_one_row_and_for_many_with_its_ratio():
    found = costs(rounds=1)
    assert tuple(cost.rows for cost in found) == ROW_COUNTS
    for cost in found:
        assert cost.ratio == cost.collect_us / cost.dumps_us > 0


def test_packing_saves_messages_and_without_correlation_ids_bytes():
    alone, together, unnamed = packing(requests=30)
    assert (alone.messages, together.messages, unnamed.messages) == (30, 1, 1)
    assert unnamed.bytes_of_a_row < together.bytes_of_a_row / 2


def test_its_rows_have_25_features_and_differ():
    first, second = rows_of(2)
    assert len(first) == 25
    assert first != second
