"""The result of ``train``."""

import dataclasses
import html
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.config import Config
from gmmvi_jax.densities.position import PositionLayout
from gmmvi_jax.evaluation.concerns import Concern, run_concerns
from gmmvi_jax.evaluation.diagnosis import Diagnosis, diagnose
from gmmvi_jax.evaluation.modes import MIN_DIP, Modes
from gmmvi_jax.evaluation.overlooked import archive_candidates
from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.evaluation.predict import predict
from gmmvi_jax.evaluation.refine import Refined, refine
from gmmvi_jax.evaluation.solutions import Solution, find_solutions
from gmmvi_jax.evaluation.weighted_draws import (
    Expectation,
    WeightedDraws,
    expectation,
    weighted_draws,
)
from gmmvi_jax.gmm import GMM
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.plotting.figures import report
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.component_report import component_columns
from gmmvi_jax.training.history import diagnosis_samples
from gmmvi_jax.training.status import COMPLETED, Ending, Status, ending_concerns
from gmmvi_jax.training.summary import history_words, run_summary
from gmmvi_jax.typing import Array, LogDensity, PRNGKey, PyTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """A fitted mixture and the history of its run.

    Attributes:
        gmm: the fitted mixture, see ``Algorithm.iterate_averaging``.
        state: the last state; pass it to ``train`` as ``initial`` to continue.
        history: dict of columns [rows], a row per chunk. Totals: ``iteration``,
            ``num_components``, ``num_target_evaluations`` (of training), ``wall_time`` (seconds,
            including compilation). Estimates: ``elbo``, ``elbo_stderr``, ``elbo_gap`` (log Z - ELBO
            to second order, as far as draws of the mixture can tell), ``outside_share`` (share
            of the draws outside of the support), ``temperature`` (beta; the ELBO is of
            p^(1/beta)). Per chunk: ``num_added``, ``num_deleted``, ``num_rejected_updates``,
            ``num_samples`` (drawn), ``num_outside_samples`` (log density -inf),
            ``num_unusable_samples``, which is the sum of ``num_nan_values``,
            ``num_infinite_values`` (+inf) and ``num_nonfinite_gradients``; ``num_zero_gradients``;
            ``largest_divergence`` (KL) of the component updates. Of its last step:
            ``smallest_effective_samples`` (over the components), ``component_stepsize`` (mean),
            ``weight_stepsize``.
        status: how the run ended; equal to its text. ``status.sentence`` explains it.
        config: the configuration of the run.
        layout: of the position in the vectors of ``gmm``, if it is a pytree; else None.
        target: the fitted log density of a vector; None if the result was made without it.
        previous: the mixture one chunk before the end, for ``diagnose``; None if unknown.
        ending: the status with its reason and error, if there are any.
    """

    gmm: GMM
    state: TrainState
    history: dict[str, np.ndarray]
    status: Status
    config: Config
    layout: PositionLayout | None = None
    target: LogDensity | None = None
    previous: GMM | None = None
    ending: Ending = COMPLETED

    @property
    def last(self) -> GMM:
        """The last iterate; ``gmm`` is the average of the last ones, unless that is turned off."""
        return self.state.gmm()

    def raise_for_status(self) -> None:
        """Raises RuntimeError from the original error if the run failed or diverged."""
        self.ending.raise_for_status()

    def __repr__(self) -> str:
        """Returns one line; ``print(result.summary())`` shows more."""
        return f"TrainResult({self.status}, {self.gmm!r}, {history_words(self.history)})"

    def _repr_html_(self) -> str:
        """Returns the summary, for notebooks."""
        return f"<pre>{html.escape(self.summary())}</pre>"

    @property
    def posterior(self) -> Posterior:
        """The mixture as a distribution of the position."""
        return Posterior(self.gmm, self.layout)

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> PyTree:
        """Returns independent samples of the mixture, [N, D] or as the position is.

        Args:
            rng_key: a PRNG key or an integer seed.
            num_samples: N, the leading axis of every leaf.
        """
        return self.posterior.sample(rng_key, num_samples)

    def log_prob(self, position: PyTree) -> Array:
        """Returns the mixture's log density of positions [...]; see ``Posterior.log_prob``."""
        return self.posterior.log_prob(position)

    def modes(self, min_dip: float = MIN_DIP) -> Modes:
        """Returns the modes of the mixture, heaviest first; see ``Posterior.modes``."""
        return self.posterior.modes(min_dip)

    def solutions(
        self, rng_key: PRNGKey | int = 0, *, min_mass: float = 0.01, min_dip: float = MIN_DIP
    ) -> list[Solution]:
        """Returns the modes as solutions: polished on the density, with limits and own mixtures.

        Args:
            rng_key: of the draws for the limits, a PRNG key or an integer seed.
            min_mass: of a mode. Each takes a climb, of some 20 to 200 target evaluations.
            min_dip: nats that the mixture's density must fall between two modes.
        """
        return find_solutions(
            self.posterior, self._target(), rng_key, min_mass=min_mass, min_dip=min_dip
        )

    def weighted_draws(
        self, rng_key: PRNGKey | int = 0, num_samples: int = 10_000
    ) -> WeightedDraws:
        """Returns draws with importance weights, which are exact where k-hat is below 0.7.

        Args:
            rng_key: a PRNG key or an integer seed.
            num_samples: each one target evaluation.
        """
        return weighted_draws(self.posterior, self._target(), rng_key, num_samples)

    def expectation(
        self,
        function: Callable[[PyTree], PyTree],
        rng_key: PRNGKey | int = 0,
        num_samples: int = 10_000,
    ) -> Expectation:
        """Returns the mean of a function under the density, with its Monte-Carlo error.

        By importance sampling with the mixture, so that the mixture's own error is corrected.

        Args:
            function: of ONE position, to a number, an array or a pytree of them.
            rng_key: a PRNG key or an integer seed.
            num_samples: each one target evaluation.
        """
        return expectation(self.weighted_draws(rng_key, num_samples), function)

    def predict(
        self,
        function: Callable[..., PyTree],
        rng_key: PRNGKey | int = 0,
        num_samples: int = 1_000,
        *,
        batch_size: int = 100,
        with_key: bool = False,
    ) -> PyTree:
        """Returns a function's values at draws of the mixture, e.g. predictions; no evaluations.

        Args:
            function: of ONE position, to an array or a pytree of arrays.
            rng_key: a PRNG key or an integer seed.
            num_samples: draws, N.
            batch_size: draws that are in memory at once.
            with_key: whether the function takes a PRNG key as well, to simulate data.

        Returns:
            NumPy arrays [N, ...].
        """
        return predict(self.posterior, function, rng_key, num_samples, batch_size, with_key)

    def refine(
        self, rng_key: PRNGKey | int = 0, num_samples: int = 1_000, *, mcmc_steps: int = 0
    ) -> Refined:
        """Returns samples of the density itself, by resampling draws of the mixture.

        Exact in the limit where k-hat is below 0.7; chains also repair what is missing nearby.

        Args:
            rng_key: a PRNG key or an integer seed.
            num_samples: N; ten times as many draws are evaluated.
            mcmc_steps: steps of Hamiltonian Monte Carlo that every sample takes, of eight
                evaluations with gradient each. They need BlackJAX.
        """
        return refine(self.posterior, self._target(), rng_key, num_samples, mcmc_steps)

    def summary(self, max_modes: int = 10) -> str:
        """Returns a table for the terminal: modes, ELBO, evaluations, components, rejected updates.

        Args:
            max_modes: maximum number of modes, and of components, to list.
        """
        return run_summary(self, max_modes)

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Returns a figure of the run and its mixture; see ``plotting.report``.

        Args:
            path: of a PNG (PDF, SVG) to write it to, which is overwritten; None writes nothing.
        """
        return report(self, self.target, path)

    def diagnose(
        self,
        rng_key: PRNGKey | int | None = None,
        num_samples: int | None = None,
        *,
        reference_samples: ArrayLike | None = None,
        mcmc_steps: int = 0,
    ) -> Diagnosis:
        """Returns measures of the fit and a verdict whether to trust it; ``print`` shows them.

        This evaluates the target at fresh draws of the mixture, at its means, at the highest points
        of the run's archive, uphill of the draws (if it has a gradient), far out on some lines, and
        at the reference samples. At the last iteration's temperature beta all measures are of
        p^(1/beta).

        Args:
            rng_key: a PRNG key or an integer seed; by default a fixed key.
            num_samples: fresh draws; by default a tenth of the run's target evaluations, at least
                1,000 and at most 10,000.
            reference_samples: [N, D] samples of the target, e.g. from MCMC, as vectors. Only they
                show a mode that the mixture misses. By default those of the target, if it is one of
                the package and has them.
            mcmc_steps: steps of 200 Markov chains from the draws, which find mass next to the
                mixture; each takes 1,600 evaluations with gradient. They need BlackJAX.

        Raises:
            ValueError: there is no target, or ``reference_samples`` has the wrong shape.
            ImportError: ``mcmc_steps`` is given and BlackJAX is not installed.
        """
        algorithm = self.config.algorithm
        return diagnose(
            self.gmm,
            self._target(),
            typed_key(0 if rng_key is None else rng_key),
            diagnosis_samples(self.history) if num_samples is None else num_samples,
            reference_samples=reference_samples,
            run_concerns=self.concerns(),
            temperature=algorithm.temperature(int(self.state.iteration)),
            candidates=archive_candidates(self.state.database.archive, self.gmm),
            centre=algorithm.initial_mixture.prior_mean,
            names=None if self.layout is None else self.layout.names,
            mcmc_steps=mcmc_steps,
        )

    def _target(self) -> LogDensity:
        if self.target is None:
            raise ValueError(
                "target is None: this result does not have the fitted density; use "
                "gmmvi_jax.evaluation.diagnose(result.gmm, log_target, rng_key)."
            )
        return self.target

    def concerns(self) -> tuple[Concern, ...]:
        """Returns what speaks against the run itself; ``diagnose`` says it as well.

        These are an early end, rejected updates, unusable samples, unfinished growth.
        """
        records, iteration = self.state.components, int(self.state.iteration)
        found = run_concerns(self.history, records, self.gmm, iteration, self.previous)
        return (*ending_concerns(self.ending), *found)

    def components(self) -> dict[str, np.ndarray]:
        """Returns the record of the last iterate's components, a dict of columns [K].

        ``weight``; ``age``, updates since the component was added; ``num_rejected`` of them, and
        whether the last one ``was_rejected``; ``stepsize``; ``divergence``, KL(new || old) of the
        last step; ``effective_samples`` of its last reward, (sum w)^2 / sum w^2; ``reward`` or NaN.
        """
        return component_columns(self.state)

    def save(self, directory: str | Path) -> None:
        """Writes all of the result but the density; ``gmmvi_jax.load(directory)`` reads it.

        ``gmm.npz`` has the mixture: ``log_weights`` [K], ``means`` [K, D] and ``factors``, lower
        Cholesky factors [K, D, D] or standard deviations [K, D], which NumPy alone can read.
        ``history.csv`` is the history, ``run.json`` status and configuration, ``snapshot-*.npz``
        all of it, from which a run goes on (``train(config, log_density, resume=directory)``).

        Args:
            directory: made if it does not exist; files of an earlier result are replaced.

        Raises:
            ValueError: the configuration holds a function, such as a schedule.
        """
        from gmmvi_jax.training.result_files import save_result

        save_result(self, directory)
