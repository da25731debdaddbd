"""Random networks: each trains a step, or is refused by a FiresteelError of one sentence. Some here, 10,000 in tests/proof."""
import firesteel as fire
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from random_networks import attempt, seeds


@settings(max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(seeds)
def test_works_or_says_why(seed):
    attempt(seed)


def test_both_happen():
    found = {attempt(seed) for seed in range(120)}
    assert {"works", "FS1002", "FS1004"} <= found


@pytest.mark.parametrize("shape", [(2,) * 10, (2,) * 9])
def test_too_many_dimensions(shape):
    model = fire.Sequential([fire.Input((4,)), fire.layers.Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(fire.FiresteelError, match=r"y: \d+ dimensions; at most 8"):
        model.fit(np.zeros((2, 4)), np.zeros(shape), verbose=0)
