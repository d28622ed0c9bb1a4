"""What the wine target's posterior predicts, beside ridge regression and a single network.

``python -m benchmarks.wine`` fits SAMTRON with the published settings, and on the same split a
ridge regression and the same network at one point, its weights trained with Adam. Where a choice is
to be made (the ridge's penalty, when to stop Adam), the validation rows make it. Reported on the
test rows: the root mean squared error, and the mean log predictive density with the noise of
variance 1/2 that the target's likelihood implies.
"""

import argparse
import functools
import json
import math
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gmmvi_jax import published_config, train
from gmmvi_jax.targets import NetworkRegression, wine
from gmmvi_jax.targets.network_regression import NOISE_VARIANCE

NUM_DRAWS = 2000
DIAGNOSTIC_SAMPLES = 200  # of the ELBO: each looks at all rows
PENALTIES = 10.0 ** np.arange(-3, 5)
ADAM_STEPS, ADAM_RATE, ADAM_BATCH, STEPS_PER_CHECK = 6000, 0.01, 128, 200


def scores(predictions: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return the scores of one prediction [n] per row."""
    squared = (predictions - labels) ** 2
    densities = -0.5 * (squared / NOISE_VARIANCE + math.log(2 * math.pi * NOISE_VARIANCE))
    return {"rmse": float(np.sqrt(squared.mean())), "log_density": float(densities.mean())}


def ridge(target: NetworkRegression) -> dict[str, float]:
    """Return the scores of a ridge regression; its constant is not penalised."""
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
    """Return the scores of the network's weights that Adam finds for the mean squared error."""
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


def mixture(target: NetworkRegression, num_iterations: int, seed: int) -> dict[str, float]:
    """Return the scores of SAMTRON's fit with published settings."""
    config = published_config(
        "SAMTRON",
        "wine",
        num_iterations=num_iterations,
        diagnostic_samples=DIAGNOSTIC_SAMPLES,
        seed=seed,
    )
    start = time.perf_counter()
    result = train(config, target)
    samples = result.gmm.sample(jax.random.key(seed), NUM_DRAWS)
    return {
        "rmse": target.rmse(samples),
        "log_density": target.log_predictive_density(samples),
        "elbo": float(result.history["elbo"][-1]),
        "components": result.gmm.num_components,
        "evaluations": int(result.history["num_target_evaluations"][-1]),
        "seconds": round(time.perf_counter() - start, 1),
    }


def _arrays(target: NetworkRegression, split: str) -> tuple[np.ndarray, np.ndarray]:
    features, labels = target.splits[split]
    return np.asarray(features), np.asarray(labels)


def main() -> None:
    """Fit all three, print a table, and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(description="Predictions of the wine target's posterior.")
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0, help="of the split and of the runs")
    parser.add_argument("--json", type=Path, help="write the table here")
    arguments = parser.parse_args()
    target = wine(arguments.seed)
    rows = {
        "ridge": functools.partial(ridge, target),
        "network": functools.partial(single_network, target, arguments.seed),
        "SAMTRON": functools.partial(mixture, target, arguments.iterations, arguments.seed),
    }
    table: dict[str, dict[str, float]] = {}
    for name, fit in rows.items():
        table[name] = fit()
        print(f"{name:8}", "  ".join(f"{key} {value:.4g}" for key, value in table[name].items()))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
