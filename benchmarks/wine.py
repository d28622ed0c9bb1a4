"""Predictions of the wine data by a ridge regression and by one network.

The target is the posterior of that network's weights; ``published --names wine`` has the figures of
its mixture, on the same splits. Adam trains the single network. The validation rows choose the
ridge's penalty and when to stop Adam. Reported on the test rows: the root mean squared error, and
the mean log predictive density with the noise of variance 1/2 that the target's likelihood implies.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.table import table_parser, write_results
from gmmvi_jax.targets import NetworkRegression, wine
from gmmvi_jax.targets.network_regression import NOISE_VARIANCE

PENALTIES = 10.0 ** np.arange(-3, 5)
ADAM_STEPS, ADAM_RATE, ADAM_BATCH, STEPS_PER_CHECK = 6000, 0.01, 128, 200


def scores(predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Returns the scores of one prediction [n] per row."""
    squared = (predictions - labels) ** 2
    densities = -0.5 * (squared / NOISE_VARIANCE + math.log(2 * math.pi * NOISE_VARIANCE))
    return {"rmse": float(np.sqrt(squared.mean())), "log_density": float(densities.mean())}


def ridge(target: NetworkRegression) -> dict[str, float]:
    """Returns the scores of a ridge regression; its constant is not penalised."""
    rows = {split: _arrays(target, split) for split in ("train", "validation", "test")}
    features, labels = rows["train"]  # of mean zero
    fits = []
    for penalty in PENALTIES:
        gram = features.T @ features + penalty * np.eye(features.shape[1])
        slopes = np.linalg.solve(gram, features.T @ labels)
        predicted = {split: labels.mean() + own @ slopes for split, (own, _) in rows.items()}
        fits.append((scores(predicted["validation"], rows["validation"][1])["rmse"], predicted))
    best = min(fits, key=lambda fit: fit[0])[1]
    return scores(best["test"], rows["test"][1])


def single_network(target: NetworkRegression, seed: int) -> dict[str, float]:
    """Returns the scores of the network's weights that Adam finds for the mean squared error."""
    features, labels = map(jnp.asarray, _arrays(target, "train"))
    optimiser = optax.adam(ADAM_RATE)

    def loss(x: jax.Array, batch: jax.Array) -> jax.Array:
        return jnp.mean((target.predict(x, features[batch]) - labels[batch]) ** 2)

    @jax.jit
    def steps(x: jax.Array, state: Any, key: jax.Array) -> tuple[jax.Array, Any]:
        def step(carry: tuple[Any, Any], key: jax.Array) -> tuple[tuple[Any, Any], None]:
            x, state = carry
            batch = jax.random.randint(key, (ADAM_BATCH,), 0, len(labels))
            update, state = optimiser.update(jax.grad(loss)(x, batch), state)
            return (optax.apply_updates(x, update), state), None

        return jax.lax.scan(step, (x, state), jax.random.split(key, STEPS_PER_CHECK))[0]

    predict = jax.jit(lambda x, features: target.predict(x, features))
    checked = {split: _arrays(target, split) for split in ("validation", "test")}
    keys = jax.random.split(jax.random.key(seed), 1 + ADAM_STEPS // STEPS_PER_CHECK)
    # Narrower than the prior, as networks are usually started; the constant at the labels' mean.
    x = 0.3 * jax.random.normal(keys[0], (target.dim,))
    x = x.at[-1].set(jnp.mean(labels))
    state = optimiser.init(x)
    best = (math.inf, {})
    for key in keys[1:]:
        x, state = steps(x, state, key)
        found = {
            split: scores(np.asarray(predict(x, features)), labels)
            for split, (features, labels) in checked.items()
        }
        best = min(best, (found["validation"]["rmse"], found["test"]), key=lambda pair: pair[0])
    return best[1]


def _arrays(target: NetworkRegression, split: str) -> tuple[np.ndarray, np.ndarray]:
    features, labels = target.splits[split]
    return np.asarray(features), np.asarray(labels)


def main(arguments: list[str]) -> None:
    """Fits both, prints a table, and writes it."""
    parser = table_parser("wine", __doc__, ["ridge", "network"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of split and fit")
    given = parser.parse_args(arguments)
    runs = []
    for seed in given.seeds:
        target = wine(seed)
        fits = {"ridge": ridge, "network": functools.partial(single_network, seed=seed)}
        for name in given.names:
            runs.append({"method": name, "seed": seed} | fits[name](target))
            print("  ".join(f"{key} {value}" for key, value in runs[-1].items()), flush=True)
    write_results(given.out, runs)
