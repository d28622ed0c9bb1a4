"""Tests of the files of mixtures of Student-t distributions."""

import json

import chex
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.gmm import GMM
from gmmvi_jax.tmixture import TMixture

from ..double_precision import enable_x64
from .cases import make


@pytest.mark.parametrize("x64", [False, True])
def test_files_hold_every_bit(tmp_path, kind: str, x64: bool):
    with enable_x64(x64):
        mixture = make(kind)
        mixture.save(tmp_path / "mixture.npz")
        loaded = TMixture.load(tmp_path / "mixture.npz")
        chex.assert_trees_all_equal(mixture, loaded, strict=True)
        assert loaded.degrees.dtype == (jnp.float64 if x64 else jnp.float32)


def test_either_class_says_which_one_reads_the_file(tmp_path):
    path, mixture = tmp_path / "mixture.npz", make("full")
    mixture.save(path)
    with pytest.raises(ValueError, match=r"mixture.npz holds .*TMixture', not .*TMixture\.load"):
        GMM.load(path)
    mixture.to_gmm().save(path)
    with pytest.raises(ValueError, match=r"holds 'gmmvi_jax.GMM', not .*: call GMM\.load"):
        TMixture.load(path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"degrees": np.zeros(1)}, "holds NaN or no positive degrees"),
        ({"degrees": np.full(1, np.nan)}, "holds NaN or no positive degrees"),
        ({"degrees": np.ones(2)}, r"do not fit together.*TMixture\.save"),
        ({"degrees": None}, r"lacks the arrays \['degrees'\].*TMixture\.save"),
        ({"means": np.full((1, 2), np.inf)}, "holds NaN or infinite means"),
        ({"header": "{"}, r"not a mixture of Student-t.*TMixture\.save"),
    ],
)
def test_load_refuses_what_is_no_mixture(tmp_path, changed: dict, message: str):
    entries = {
        "header": json.dumps({"format": "gmmvi_jax.TMixture", "version": 1}),
        "log_weights": np.zeros(1),
        "means": np.zeros((1, 2)),
        "factors": np.ones((1, 2)),
        "degrees": np.ones(1),
    }
    entries = {name: entry for name, entry in (entries | changed).items() if entry is not None}
    np.savez(tmp_path / "mixture.npz", **entries)
    with pytest.raises(ValueError, match=message):
        TMixture.load(tmp_path / "mixture.npz")
