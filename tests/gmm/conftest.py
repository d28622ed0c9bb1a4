"""Fixtures of the tests of the public mixture."""

import pytest


@pytest.fixture(params=["full", "diagonal"])
def kind(request: pytest.FixtureRequest) -> str:
    """The form of the covariances."""
    return request.param
