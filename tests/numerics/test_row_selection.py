"""Tests of what a regression leaves out, against its own bound."""

import jax
import jax.numpy as jnp
import numpy as np

from gmmvi_jax.numerics.row_selection import HEAVY_SHARE, select_rows

ROWS, FEATURES = 300, 9
EPSILON = np.finfo(np.float32).eps
select = jax.jit(select_rows, static_argnames="num_features")


def make_rows(spread: float) -> tuple[np.ndarray, ...]:
    """Returns weights whose logarithms have a spread, squared norms and responses."""
    generator = np.random.default_rng(0)
    log_weights = spread * generator.normal(size=ROWS)
    weights = np.exp(log_weights - log_weights.max())
    norms = generator.chisquare(3, ROWS)
    responses = 10.0 * generator.normal(size=ROWS)
    parts = (weights / weights.sum(), norms, responses)
    return tuple(np.float32(part).astype(float) for part in parts)


def test_what_is_left_out_is_less_than_rounding_and_heavy_rows_come_first() -> None:
    for spread in (0.0, 3.0, 12.0):
        weights, norms, responses = make_rows(spread)
        rows = select(*map(jnp.float32, (weights, norms, responses)), num_features=FEATURES)
        order = np.asarray(rows.order)
        num_heavy, num_kept = int(rows.num_heavy), int(rows.num_kept)
        kept, rest = order[:num_kept], np.setdiff1d(np.arange(ROWS), order[:num_kept])
        assert len(np.unique(kept)) == num_kept
        shares = weights * (1.0 + norms) ** 2
        shares /= shares.sum()
        moments = weights * responses**2 / np.sum(weights * responses**2)
        assert shares[rest].sum() < EPSILON
        assert moments[rest].sum() < EPSILON
        assert np.all(np.maximum(shares, moments)[kept] > 0.99 * EPSILON / ROWS)
        is_heavy = shares > HEAVY_SHARE / FEATURES
        assert set(kept[:num_heavy]) == set(np.flatnonzero(is_heavy))
        assert not np.any(order[num_kept:])
        assert (num_kept < ROWS) == (spread == 12.0)


def test_rows_without_weight_may_hold_anything() -> None:
    weights, norms, responses = make_rows(1.0)
    empty = np.arange(ROWS) % 3 == 0
    parts = [np.where(empty, 0.0, weights)]
    parts += [
        np.where(empty, filler, part) for filler, part in ((np.nan, norms), (np.inf, responses))
    ]
    rows = select(*map(jnp.float32, parts), num_features=FEATURES)
    assert int(rows.num_kept) == ROWS - empty.sum()
    assert not np.any(empty[np.asarray(rows.order)[: int(rows.num_kept)]])


def test_rows_whose_weights_are_unknown_are_all_kept() -> None:
    _, norms, responses = make_rows(1.0)
    unknown = jnp.full(ROWS, jnp.nan)
    rows = select(unknown, jnp.float32(norms), jnp.float32(responses), num_features=FEATURES)
    assert int(rows.num_kept) == ROWS
