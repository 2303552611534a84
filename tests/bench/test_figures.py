"""Values -> median and spread."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis.strategies import floats, lists
from rich.console import Console

from wakeword.bench.figures import Figure, machine, percentile, table


def test_the_median_stands_beside_its_spread() -> None:
    figure = Figure("cost", "CPU s/h", (9.0, 5.0, 6.0), 7.0)
    assert figure.row() == {
        "name": "cost", "unit": "CPU s/h", "values": (9.0, 5.0, 6.0), "target": 7.0,
        "median": 6.0, "lowest": 5.0, "highest": 9.0,
    }  # fmt: skip


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1), (0.0, 1)])
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(share: float, value: int) -> None:
    assert percentile(range(100, 0, -1), share) == value


@given(values=lists(floats(0, 1e9), min_size=1, max_size=200), share=floats(0.01, 1))
def test_no_smaller_value_would_do(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-3
    assert sum(value < found for value in values) < share * len(values) + 1e-3


def test_the_table_shows_three_digits_that_count_and_the_target() -> None:
    shown = Console(file=io.StringIO(), width=120)
    shown.print(table([Figure("a", "ms", (0.123, 45.67, 1234.5), 30), Figure("b", "s", (1.0,))]))
    assert isinstance(shown.file, io.StringIO)
    lines = [line.split() for line in shown.file.getvalue().replace("│", " ").splitlines()]
    assert ["a", "45.7", "0.12", "1234", "3", "≤", "30", "ms"] in lines
    assert ["b", "1.00", "1.00", "1.00", "1", "s"] in lines


def test_the_machine_is_named_with_its_load() -> None:
    about = machine()
    assert set(about) == {"processor", "cores", "kernel", "python", "wakeword", "onnxruntime", "numpy", "load"}
    assert int(about["cores"]) >= 1
    assert float(about["load"]) >= 0
