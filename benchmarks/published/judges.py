"""What else is to be known of a mixture: modes, postures, predictions."""

from typing import Any


def count_modes(target: Any, gmm: Any, draws: Any) -> dict[str, float]:
    """Returns how many of the true modes a component is at."""
    from gmmvi_jax.evaluation import detected_modes

    return {"modes": detected_modes(gmm, target.modes)}


def count_postures(target: Any, gmm: Any, draws: Any) -> dict[str, float]:
    """Returns how many modes of the mixture reach each of the robot's goals, and with what mass.

    A mode counts if the components that lead to it weigh over 1e-3.
    """
    import numpy as np

    import gmmvi_jax as gmmvi

    modes = gmmvi.evaluation.find_modes(gmm)
    heavy = modes.masses > 1e-3
    hands = np.stack([np.asarray(target.forward_kinematics(x))[-1] for x in modes.locations[heavy]])
    nearest = np.argmin(np.linalg.norm(hands[:, None] - target.goals[None], axis=-1), axis=1)
    figures: dict[str, float] = {}
    for goal in range(len(target.goals)):
        own = nearest == goal
        figures[f"postures_{goal}"] = int(own.sum())
        figures[f"mass_{goal}"] = round(float(modes.masses[heavy][own].sum()), 4)
    return figures


def predict_wine(target: Any, gmm: Any, draws: Any) -> dict[str, float]:
    """Returns what the posterior predictive of the test rows is worth."""
    return {
        "rmse": target.rmse(draws),
        "log_predictive_density": target.log_predictive_density(draws),
    }


def judge_talos(target: Any, gmm: Any, draws: Any) -> dict[str, float]:
    """Returns the shares of draws at their goals and within the joint limits.

    The target's own samples are within 2 cm of a goal with a probability of 0.2 only: its standard
    deviation is 2 cm in each of three directions. 95 % of them are within 5.6 cm. Its joint limits
    are as soft: 0.05 rad.
    """
    import jax
    import numpy as np

    import gmmvi_jax as gmmvi

    distances = np.asarray(jax.vmap(target.goal_distance)(draws))
    inside = np.asarray(jax.vmap(target.within_limits, (0, None))(draws, 0.0))
    nearly = np.asarray(jax.vmap(target.within_limits, (0, None))(draws, 0.1))
    modes = gmmvi.evaluation.find_modes(gmm)
    return {
        "within_2_cm": float(np.mean(distances < 0.02)),
        "within_5.6_cm": float(np.mean(distances < 0.056)),
        "inside_limits": float(inside.mean()),
        "inside_limits_by_0.1": float(nearly.mean()),
        "both": float(np.mean((distances < 0.056) & nearly)),
        "postures": int(np.sum(modes.masses > 1e-3)),
    }
