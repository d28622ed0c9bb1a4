"""NumPyro's automatic guides: a Gaussian, a block neural or an inverse autoregressive flow."""

from functools import partial
from typing import Any

# The package is there only where the comparison is run.
# pyright: reportMissingImports=false
from benchmarks.peers.prior_coordinates import PriorCoordinates
from benchmarks.peers.stochastic_steps import run_steps
from benchmarks.problem import Problem

GUIDES = ("AutoDiagonalNormal", "AutoMultivariateNormal", "AutoBNAFNormal", "AutoIAFNormal")


def fit(problem: Problem) -> dict[str, Any]:
    """Runs it.

    Settings: ``guide``, one of ``GUIDES``; ``learning_rate`` of Adam; ``num_particles`` per step.
    """
    import jax
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import SVI, Trace_ELBO, autoguide, init_to_value

    name, rate = problem.settings["guide"], problem.settings.get("learning_rate", 1e-2)
    if name not in GUIDES:
        raise ValueError(f"guide = {name!r} is none of {', '.join(GUIDES)}.")
    particles = problem.settings.get("num_particles", 10)
    coordinates = PriorCoordinates(problem.target)

    def model() -> None:
        flat = dist.ImproperUniform(dist.constraints.real_vector, (), (coordinates.dim,))
        z = numpyro.sample("z", flat)
        numpyro.factor("target", coordinates.log_density(z))

    origin = jax.numpy.zeros(coordinates.dim)
    gaussian = (
        {"init_scale": 1.0} if name.endswith(("DiagonalNormal", "MultivariateNormal")) else {}
    )
    guide = getattr(autoguide, name)(
        model, init_loc_fn=init_to_value(values={"z": origin}), **gaussian
    )
    svi = SVI(model, guide, numpyro.optim.Adam(rate), Trace_ELBO(num_particles=particles))
    state = svi.init(jax.random.key(problem.seed))

    @partial(jax.jit, static_argnums=2)
    def sample(params: Any, key: Any, num_draws: int) -> tuple[Any, Any]:
        posterior = guide.get_posterior(params)
        if not isinstance(posterior, dist.TransformedDistribution):
            z = posterior.sample(key, (num_draws,))
            return z, posterior.log_prob(z)
        # A flow's inverse may be an iteration: the way there is kept instead.
        z, intermediates = posterior.sample_with_intermediates(key, (num_draws,))
        return z, posterior.log_prob(z, intermediates)

    def draw_of(state: Any) -> Any:
        params = svi.get_params(state)
        return coordinates.draws(lambda seed, n: sample(params, jax.random.key(seed), n))

    def step(state: Any, key: Any) -> Any:
        del key  # the state brings its own
        return svi.update(state)[0]

    return {"steps": run_steps(problem, step, state, particles, draw_of)}
