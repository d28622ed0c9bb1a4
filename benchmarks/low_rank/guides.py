"""NumPyro's guides with a Gaussian, by Adam."""

import time
from typing import Any

# The package is there only where the comparison is run.
# pyright: reportMissingImports=false
import jax

from benchmarks.low_rank.densities import DENSITIES

_PARTICLES = 10
_DRAWS = 2_000


def trace_of_guide(name: str, guide: str, settings: dict[str, Any]) -> list[dict[str, float]]:
    """Returns ELBO, evaluations and seconds on the way, of 2,000 draws each.

    Args:
        name: of the density.
        guide: of ``numpyro.infer.autoguide``.
        settings: ``rank`` of a low-rank guide, ``rate`` of Adam, ``steps``.
    """
    import numpyro
    from numpyro.infer import SVI, Trace_ELBO, autoguide, init_to_value

    dim, scale, make = DENSITIES[name]
    density = make()

    def model() -> None:
        flat = numpyro.distributions.ImproperUniform(
            numpyro.distributions.constraints.real_vector, (), (dim,)
        )
        numpyro.factor("target", density(numpyro.sample("z", flat)))

    rank = {"rank": settings["rank"]} if "rank" in settings else {}
    origin = init_to_value(values={"z": jax.numpy.zeros(dim)})
    family: Any = getattr(autoguide, guide)
    own = family(model, init_loc_fn=origin, init_scale=scale, **rank)
    svi = SVI(model, own, numpyro.optim.Adam(settings["rate"]), Trace_ELBO(_PARTICLES))
    check: Any = Trace_ELBO(_DRAWS, vectorize_particles=False)
    state = svi.init(jax.random.key(settings["seed"]))
    chunk = settings["steps"] // 20
    advance = jax.jit(
        lambda state: jax.lax.scan(lambda s, _: (svi.update(s)[0], None), state, length=chunk)[0]
    )
    measure = jax.jit(lambda key, params: -check.loss(key, params, model, own))
    jax.block_until_ready(advance(state))  # compiled before the clock runs
    trace, seconds = [], 0.0
    for index in range(20):
        start = time.perf_counter()
        state = jax.block_until_ready(advance(state))
        seconds += time.perf_counter() - start
        elbo = float(measure(jax.random.key(index), svi.get_params(state)))
        evaluations = (index + 1) * chunk * _PARTICLES
        trace.append({"evaluations": evaluations, "seconds": seconds, "elbo": elbo})
    return trace
