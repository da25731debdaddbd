"""Gradients of every network made from the catalog, layers x losses x masks x activations, against central differences in float64."""
import pytest
from configurations import all_configurations, gradient_check


@pytest.mark.parametrize("c", all_configurations(), ids=lambda c: c.name)
def test_against_differences(c):
    assert gradient_check(c, most=40) < 1e-3
