"""What a first look at a target refuses, before anything long is compiled."""

import jax.numpy as jnp
import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.densities.callable_pytree import as_log_density
from gmmvi_jax.training.first_look import NUM_DRAWS
from gmmvi_jax.training.watch import start_watch

CONFIG = gmmvi.samtron(3)


def root_on_one_side(x):
    return -0.5 * x @ x - jnp.where(x[1] > 0.0, jnp.sqrt(x[1]), 0.0)


def test_a_gradient_that_is_broken_at_the_mean_and_around_it_is_refused_by_name():
    with pytest.raises(ValueError, match=r"gradient is NaN or infinite in coordinate 1\b"):
        start_watch(CONFIG, as_log_density(root_on_one_side), None, None)


def test_a_norm_has_no_gradient_at_0_and_may_start_there():
    target = as_log_density(lambda x: -jnp.linalg.norm(x))
    watch = start_watch(CONFIG, target, None, None)
    assert watch.num_evaluations == 1 + NUM_DRAWS


def test_where_no_draw_has_a_density_the_mean_alone_decides():
    def only_at_the_mean(x):
        return jnp.where(jnp.all(x == 0.0), -jnp.linalg.norm(x), -jnp.inf)

    with pytest.raises(ValueError, match=r"gradient is NaN or infinite in coordinates 0\.\.2"):
        start_watch(CONFIG, as_log_density(only_at_the_mean), None, None)
    assert np.isfinite(only_at_the_mean(jnp.zeros(3)))


def test_without_gradients_nothing_is_said_of_them():
    start_watch(gmmvi.vips(3), as_log_density(root_on_one_side), None, None)
