"""Random inputs for both implementations: numpy alone, so that either interpreter can import it.

Arrays are float32 as both will see them; what is derived from others (densities, gradients) is
computed in float64 from the rounded values and rounded once.
"""

import numpy as np

SEED = 20231
DIM = 4
SAMPLES_PER_COMPONENT = (60, 90, 100, 70, 80)  # unequal: the background weighs them
NUM_COMPONENTS = len(SAMPLES_PER_COMPONENT)

# Earlier samples used again: they leave out the first earlier component and a part of the second.
NUM_REUSED = 300

# Ridge factors of the zero-order fits, relative to weights that sum to one. The first is the
# published default, which float32 cannot tell from none; the second shrinks visibly.
RIDGE_FACTORS = {"slight": 1e-12, "strong": 0.05}

Arrays = dict[str, np.ndarray]


def _log_normals(points: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Returns [N, M] the log densities of M normals."""
    dim = points.shape[1]
    centred = points[:, None] - means
    squares = np.einsum("nmi,mij,nmj->nm", centred, np.linalg.inv(covariances), centred)
    return -0.5 * (squares + np.linalg.slogdet(covariances)[1] + dim * np.log(2 * np.pi))


def _log_sum(terms: np.ndarray) -> np.ndarray:
    """Returns [N] the log of the sum of exponentials over the last axis."""
    largest = terms.max(axis=-1, keepdims=True)
    return largest[..., 0] + np.log(np.exp(terms - largest).sum(axis=-1))


def _random_covariances(generator: np.random.Generator, count: int, dim: int) -> np.ndarray:
    roots = generator.normal(size=(count, dim, dim)) / np.sqrt(dim)
    return roots @ roots.transpose(0, 2, 1) + 0.3 * np.eye(dim)


def _target(points: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Returns [N] log density and [N, D] gradient of two unnormalised normals and a quartic."""
    dim = points.shape[1]
    means = 1.5 * generator.normal(size=(2, dim))
    covariances = _random_covariances(generator, 2, dim)
    terms = _log_normals(points, means, covariances) + np.array([0.7, -0.4])
    shares = np.exp(terms - _log_sum(terms)[:, None])
    pulls = np.einsum("mij,nmj->nmi", np.linalg.inv(covariances), points[:, None] - means)
    value = _log_sum(terms) - 0.003 * np.sum(points**4, axis=1)
    return value, -np.einsum("nm,nmi->ni", shares, pulls) - 0.012 * points**3


def make_mixture(diagonal: bool, seed: int) -> Arrays:
    """Returns the samples' mixture, the samples, and what the target says of them.

    The factors are [K, D, D] lower Cholesky factors, or [K, D] standard deviations.
    """
    generator = np.random.default_rng([seed, diagonal])
    count, dim = NUM_COMPONENTS, DIM
    covariances = _random_covariances(generator, count, dim)
    covariances = covariances * np.eye(dim) if diagonal else covariances
    factors = np.linalg.cholesky(covariances).astype(np.float32)
    means = generator.normal(size=(count, dim)).astype(np.float32)
    weights = generator.dirichlet(np.full(count, 2.0))

    exact_factors, exact_means = factors.astype(np.float64), means.astype(np.float64)
    exact_covariances = exact_factors @ exact_factors.transpose(0, 2, 1)
    origins = np.repeat(np.arange(count), SAMPLES_PER_COMPONENT)
    noise = generator.normal(size=(len(origins), dim))
    points = exact_means[origins] + np.einsum("nij,nj->ni", exact_factors[origins], noise)
    points = points.astype(np.float32).astype(np.float64)
    shares = np.array(SAMPLES_PER_COMPONENT) / len(origins)
    log_densities = _log_normals(points, exact_means, exact_covariances)
    log_target, target_gradient = _target(points, generator)
    return {
        "log_weights": np.log(weights).astype(np.float32),
        "means": means,
        "factors": np.diagonal(factors, axis1=1, axis2=2).copy() if diagonal else factors,
        "samples": points.astype(np.float32),
        "origins": origins.astype(np.int32),
        "log_background": _log_sum(log_densities + np.log(shares)).astype(np.float32),
        "log_target": log_target.astype(np.float32),
        "target_gradient": target_gradient.astype(np.float32),
    }


def make_earlier(mixture: Arrays, diagonal: bool, seed: int) -> Arrays:
    """Returns Gaussians of an earlier iteration, a little off, and the samples they drew.

    As many samples in all as the mixture drew itself, in other shares.
    """
    generator = np.random.default_rng([seed, diagonal, 3])
    means = mixture["means"] + 0.2 * generator.normal(size=mixture["means"].shape)
    means, factors = means.astype(np.float32), (1.1 * mixture["factors"]).astype(np.float32)
    origins = np.repeat(np.arange(NUM_COMPONENTS), SAMPLES_PER_COMPONENT[::-1])
    noise = generator.normal(size=(len(origins), DIM))
    own_factors = factors[origins].astype(np.float64)
    scaled = own_factors * noise if diagonal else np.einsum("nij,nj->ni", own_factors, noise)
    return {
        "earlier_means": means,
        "earlier_factors": factors,
        "earlier_samples": (means[origins] + scaled).astype(np.float32),
        "earlier_origins": origins.astype(np.int32),
    }


def make_natural_gradients(mixture: Arrays, diagonal: bool, seed: int) -> Arrays:
    """Returns natural gradients g [K, D], G [K, D, D] or [K, D], and stepsizes for the updaters.

    In whitened coordinates the eigenvalues of G are, by component: positive; mixed, but small;
    so negative that a direct step of the given size loses positive definiteness; large; tiny.
    """
    generator = np.random.default_rng([seed, diagonal, 1])
    low = np.array([0.1, -0.4, -6.0, 5.0, -0.01])
    high = np.array([2.0, 0.9, 1.0, 50.0, 0.01])
    count, dim = NUM_COMPONENTS, DIM
    eigenvalues = generator.uniform(low[:, None], high[:, None], (count, dim))
    eigenvalues[2, 0] = -5.0
    slopes = generator.normal(size=(count, dim)) * np.array([1.0, 0.5, 2.0, 5.0, 0.02])[:, None]
    factors = mixture["factors"].astype(np.float64)
    if diagonal:
        hessian, gradient = eigenvalues / factors**2, slopes / factors
    else:
        rotations = np.linalg.qr(generator.normal(size=(count, dim, dim)))[0]
        inverse = np.linalg.inv(factors)
        whitened = rotations @ (eigenvalues[:, :, None] * rotations.transpose(0, 2, 1))
        hessian = inverse.transpose(0, 2, 1) @ whitened @ inverse
        hessian = 0.5 * (hessian + hessian.transpose(0, 2, 1))
        gradient = np.einsum("kji,kj->ki", inverse, slopes)
    return {
        "gradient": gradient.astype(np.float32),
        "hessian": hessian.astype(np.float32),
        "stepsizes": np.array([0.1, 0.6, 0.5, 0.02, 0.3], np.float32),
        # KL bounds; that of the last component is wider than its full step.
        "bounds": np.array([0.05, 0.3, 0.2, 0.01, 1.0], np.float32),
        "ages": np.array([3, 0, 1, 7, 0], np.int32),
        "ridge_factors": np.array([1e-12, 1e-12, 5e-9, 4e-7, 3e-11], np.float32),
    }


def make_rewards(seed: int) -> Arrays:
    """Returns histories for the stepsize rules, with rewards that do not exist yet.

    `component_*` are one iteration of K components; `weight_*` are T iterations of the whole.
    """
    missing = np.finfo(np.float32).min
    generator = np.random.default_rng([seed, 2])
    length = 10
    log_weights = np.log(generator.dirichlet(np.full(NUM_COMPONENTS, 3.0), length))
    rewards = generator.normal(size=(length, NUM_COMPONENTS)) * 2.0 - 5.0
    # In iteration 4 the last component has just been added, with the weight such ones get.
    log_weights[4, -1] = np.log(1e-29)
    log_weights[4] -= _log_sum(log_weights[4])
    rewards[4, -1] = missing
    rewards[7], log_weights[7] = rewards[6], log_weights[6]  # nothing changed: no improvement
    return {
        # Fresh; in its second iteration; improved; worse; equal; improved and worse at the ends
        # of the allowed range; improved and worse outside of it.
        "previous_rewards": np.array(
            [missing, missing, -3.0, -1.0, -2.0, -3.0, -1.0, -3.0, -1.0, -1.0, -3.0], np.float32
        ),
        "rewards": np.array(
            [missing, -4.0, -1.0, -3.0, -2.0, -1.0, -3.0, -1.0, -3.0, -3.0, -1.0], np.float32
        ),
        "component_stepsizes": np.array(
            [0.1, 0.1, 0.2, 0.2, 0.2, 0.95, 0.0011, 5.0, 1e-5, 5.0, 1e-5], np.float32
        ),
        "ages": np.array([0, 1, 5, 6, 7, 8, 9, 2, 2, 2, 2], np.int32),
        "weight_rewards": rewards.astype(np.float32),
        "weight_log_weights": log_weights.astype(np.float32),
    }


# Settings of the stepsize rules.
COMPONENT_STEPSIZE = {"initial": 0.1, "lowest": 0.001, "highest": 1.0, "exponent": 0.55}
WEIGHT_STEPSIZE = {"initial": 0.5, "lowest": 0.01, "highest": 0.6, "exponent": 0.7}
INCREASE, DECREASE = 1.15, 0.85
# Of the weight updates: U's stepsizes, O's bounds. The last of U floors weights, the last of O
# allows the full step.
WEIGHT_STEPSIZES = {"none": 0.0, "part": 0.3, "full": 1.0, "floored": 40.0}
WEIGHT_BOUNDS = {"narrow": 0.001, "middle": 0.1, "full": 100.0}
