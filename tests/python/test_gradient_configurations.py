"""Gradients of networks made from the catalog against central differences: a share of them here, all in tests/proof."""
import pytest
from configurations import all_configurations, gradient_check

EVERY = all_configurations()


@pytest.mark.parametrize("c", EVERY[::9], ids=lambda c: c.name)
def test_against_differences(c):
    assert gradient_check(c, most=6) < 1e-3


def test_there_are_many():
    assert len(EVERY) >= 300 and len({c.name for c in EVERY}) == len(EVERY)
