"""conftest - each module's Spark application, as its SESSION describes it: arguments of bed.make_session."""
import pytest

from bed import make_session


@pytest.fixture(scope="module")
def spark(request):
    session = make_session(**request.module.SESSION)
    yield session
    session.stop()
