"""Targets by name."""

from importlib import metadata

import numpy as np
import pytest

from gmmvi_jax import targets
from gmmvi_jax.targets import GaussianMixtureTarget


def test_every_name_has_a_target_and_a_line() -> None:
    assert set(targets.names()) == {
        "gmm20",
        "gmm100",
        "stm20",
        "stm300",
        "breast_cancer",
        "german_credit",
        "breast_cancer_mb",
        "german_credit_mb",
        "planar_robot_1",
        "planar_robot_4",
        "funnel",
        "banana",
        "many_well",
        "rings",
        "gmm40",
        "gmm40_50d",
        "ionosphere",
        "sonar",
        "seeds",
        "brownian",
        "lgcp",
        "lennard_jones",
        "wine",
        "digits",
        "planar_motion",
        "talos",
    }
    for name in targets.names():
        description = targets.describe(name)
        assert "\n" not in description
        if name == "talos" and not any(metadata.distributions(name="example-robot-data")):
            with pytest.raises(ImportError, match=r"gmmvi_jax\[talos\]"):
                targets.get(name)
            continue
        target = targets.get(name)
        assert target.name == name
        assert description.startswith(f"{target.dim}-D ")


def test_alias() -> None:
    assert targets.get("planar_robot").name == "planar_robot_4"
    assert targets.describe("planar_robot") == targets.describe("planar_robot_4")


def test_the_seed_is_the_instance_of_a_random_target() -> None:
    first, again, other = (targets.get("gmm20", seed) for seed in (0, 0, 1))
    assert isinstance(first, GaussianMixtureTarget)
    assert isinstance(again, GaussianMixtureTarget)
    assert isinstance(other, GaussianMixtureTarget)
    np.testing.assert_array_equal(first.means, again.means)
    assert not np.array_equal(first.means, other.means)


@pytest.mark.parametrize("look_up", [targets.get, targets.describe])
def test_unknown_name(look_up) -> None:
    with pytest.raises(ValueError, match="did you mean 'breast_cancer'"):
        look_up("brest_cancer")
    with pytest.raises(ValueError, match="no target 'xyzzy'") as error:
        look_up("xyzzy")
    assert all(name in str(error.value) for name in targets.names())
    assert "did you mean" not in str(error.value)
