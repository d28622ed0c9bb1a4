"""Fixtures of the tests of the public mixture of Student-t distributions."""

import pytest


@pytest.fixture(params=["full", "diagonal"])
def kind(request: pytest.FixtureRequest) -> str:
    """The form of the scale matrices."""
    return request.param
