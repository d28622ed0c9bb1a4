"""Tests of the files of mixtures."""

import json

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm import files as gmm_io

from ..double_precision import enable_x64
from .cases import make


@pytest.mark.parametrize("name", ["mixture.npz", "mixture", "mixture.v1"])
@pytest.mark.parametrize("x64", [False, True])
def test_files_hold_every_bit(tmp_path, kind: str, name: str, x64: bool):
    with enable_x64(x64):
        gmm = make(kind)
        gmm.save(tmp_path / name)
        gmm.save(str(tmp_path / name))  # overwrites
        loaded = GMM.load(tmp_path / name)
        chex.assert_trees_all_equal(gmm, loaded, strict=True)
        assert loaded.means.dtype == (jnp.float64 if x64 else jnp.float32)
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_loading_float64_without_x64_warns(tmp_path):
    with enable_x64(True):
        make("full").save(tmp_path / "mixture.npz")
    with pytest.warns(UserWarning, match=r"mixture.npz holds float64.*jax_enable_x64"):
        loaded = GMM.load(tmp_path / "mixture.npz")
    assert loaded.means.dtype == jnp.float32


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "mixture.npz"
    make("full").save(path)
    before = path.read_bytes()

    def write_half(file, **_arrays):
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", write_half)
    with pytest.raises(OSError, match="no space left"):
        make("diagonal").save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_save_names_what_it_cannot_write(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent.* create the directory"):
        make("full").save(tmp_path / "absent" / "mixture.npz")
    half = jax.tree.map(lambda array: array.astype(jnp.bfloat16), make("full"))
    with pytest.raises(ValueError, match=r"dtype bfloat16.*convert it to float32"):
        half.save(tmp_path / "mixture.npz")


def _archive(version: object = 1, format_name: str = gmm_io.FORMAT.name, **changed: object):
    header = json.dumps({"format": format_name, "version": version})
    arrays = {"log_weights": np.zeros(1), "means": np.zeros((1, 2)), "factors": np.ones((1, 2))}
    entries = {"header": header, **arrays, **changed}
    return {name: entry for name, entry in entries.items() if entry is not None}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (_archive(header=None), "header says None, not 'gmmvi_jax.GMM'"),
        (_archive(header="{"), "header says None"),
        (_archive(header=3), "header says None"),
        (_archive(format_name="other"), "header says 'other'"),
        (_archive(version=2), "of version 2, this gmmvi_jax reads version 1"),
        (_archive(means=None), r"lacks the arrays \['means'\]"),
        (_archive(means=np.zeros((2, 2))), "do not fit together.*GMM.save"),
        (_archive(means=np.zeros((1, 2), int)), "do not fit together"),
        (_archive(factors=np.full((1, 2), np.nan)), "holds NaN or infinite factors"),
        (_archive(log_weights=np.full(1, np.inf)), "holds NaN or infinite log_weights"),
        (_archive(means=np.array([None])), "can be read .*pickle"),
    ],
)
def test_load_refuses_other_archives(tmp_path, entries: dict, message: str):
    path = tmp_path / "mixture.npz"
    np.savez(path, **entries)
    with pytest.raises(ValueError, match=message) as error:
        GMM.load(path)
    assert str(path) in str(error.value)


def test_load_refuses_other_files(tmp_path):
    path = tmp_path / "mixture.npz"
    with pytest.raises(FileNotFoundError, match=r"no mixture at .*mixture\.npz"):
        GMM.load(path)
    with pytest.raises(FileNotFoundError, match="no mixture at"):
        GMM.load(tmp_path)
    make("full").save(path)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[whole.index(b"NUMPY") + 200] ^= 0xFF  # within the first array
    for content in [b"", b"text", whole[: len(whole) // 2], bytes(damaged)]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"mixture\.npz .*GMM\.save"):
            GMM.load(path)
