"""A name is offered only where it is near."""

from typing import Any

import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.near_names import did_you_mean


def test_the_nearest_name_is_offered_whatever_its_case():
    assert did_you_mean("Add_Iter", ["del_iters", "add_iters"]) == "; did you mean 'add_iters'?"
    assert did_you_mean("learning_rate", ["del_iters", "add_iters"]) == "."
    assert did_you_mean("x", []) == "."


def make_config(**settings: Any) -> gmmvi.Config:
    return gmmvi.samtron(2, **settings)


CALLS = {
    "codename": lambda name: gmmvi.from_codename(name, 2),
    "setting": lambda name: make_config(**{name: 1}),
    "target": gmmvi.targets.get,
    "published target": lambda name: gmmvi.published_config("SAMTRON", name),
    "published codename": lambda name: gmmvi.published_config(name, "gmm20"),
}
NEAR = {
    "codename": ("samtron", "SAMTRON"),
    "setting": ("desired_sample", "desired_samples"),
    "target": ("gm20", "gmm20"),
    "published target": ("gm20", "gmm20"),
    "published codename": ("SAMTRONN", "SAMTRON"),
}


@pytest.mark.parametrize("call", CALLS)
def test_messages_offer_near_names_only(call):
    written, meant = NEAR[call]
    with pytest.raises(ValueError, match=f"'{written}'; did you mean '{meant}'"):
        CALLS[call](written)
    with pytest.raises(ValueError, match=r"'quux'\. ") as caught:
        CALLS[call]("quux")
    assert "did you mean" not in str(caught.value)
