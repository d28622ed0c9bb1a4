"""What the functions of a black box may return; nothing is compiled here."""

import re
from decimal import Decimal

import numpy as np
import pytest

from gmmvi_jax.densities.host_results import checked_results

THREE = np.empty(3, np.float32)
POSITION = {"a": np.empty((3, 2), np.float32), "b": np.empty(3, np.float32)}


class Foreign:
    def __array__(self, *_, **__):
        raise RuntimeError("detach it first")

    def __repr__(self):
        return "Foreign()"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ([[1.0], [2.0, 3.0]], r"got list \[\[1.0\], \[2.0, 3.0\]\], which is no array .*; return"),
        (Foreign(), r"got Foreign Foreign\(\), which is no array \(detach it first\); return"),
        (None, r"got NoneType None; a return statement is missing; return floats of shape \(3,\)"),
        (1j, r"got complex 1j; return their real part, np\.real"),
        (np.ones(3) * 1j, r"got ndarray of complex128 and shape \(3,\); return their real part"),
        ("three", r"got str 'three'; return floats of shape \(3,\), a row for each point\.$"),
        ({"values": 100 * [1.0]}, r"got dict \{'values': \[1\.0, .* \.\.\.; return floats"),
        ([Decimal(3)] * 3, r"got list \[Decimal\('3'\), .*; return floats"),
        (np.ones(3, bool), r"got ndarray of bool and shape \(3,\); return floats"),
    ],
)
def test_what_is_no_array_of_real_numbers_is_named(result, words):
    with pytest.raises(TypeError, match="function of this black box must return real") as caught:
        checked_results("function", result, THREE, True)
    assert re.search(words, str(caught.value))
    assert len(str(caught.value)) < 350


def test_another_shape_is_named():
    with pytest.raises(ValueError, match=r"must return shape \(3,\), a row .*pass batched=False"):
        checked_results("function", 1.0, THREE, True)
    with pytest.raises(ValueError, match=r"gradient .* shape \(3,\) for one point, got \(2,\)\.$"):
        checked_results("gradient", [1.0, 2.0], THREE, False)


def test_what_a_position_asks_for_is_another_pytree_than_it_got():
    good = {"a": [[1, 2]] * 3, "b": [1.0, 2.0, 3.0]}
    found = checked_results("gradient", good, POSITION, True)
    assert {name: (own.shape, own.dtype) for name, own in found.items()} == {
        name: (own.shape, own.dtype) for name, own in POSITION.items()
    }
    for wrong in (np.ones(3), {"a": good["a"]}, None):
        with pytest.raises(TypeError, match=r"gradient .* must return a pytree like the position"):
            checked_results("gradient", wrong, POSITION, True)
    with pytest.raises(TypeError, match=r"gradient .* must return real numbers, got NoneType None"):
        checked_results("gradient", good | {"b": None}, POSITION, True)
