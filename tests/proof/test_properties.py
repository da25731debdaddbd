"""10,000 random networks, other ones in every run: each trains a step, or is refused by a FiresteelError of one sentence."""
from hypothesis import HealthCheck, given, settings
from random_networks import attempt, seeds


@settings(max_examples=10_000, deadline=None, database=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(seeds)
def test_works_or_says_why(seed):
    attempt(seed)
