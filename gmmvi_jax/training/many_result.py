"""What ``train_many`` returns."""

import dataclasses
import html

import jax
import numpy as np
from numpy.typing import ArrayLike

from gmmvi_jax.config import Config
from gmmvi_jax.densities.of_data import of_run
from gmmvi_jax.densities.position import PositionLayout
from gmmvi_jax.evaluation.concerns import Concern
from gmmvi_jax.evaluation.diagnosis import Diagnosis, diagnose
from gmmvi_jax.evaluation.modes import MIN_DIP, Modes, find_modes
from gmmvi_jax.evaluation.overlooked import archive_candidates
from gmmvi_jax.evaluation.posterior import Posterior
from gmmvi_jax.gmm import GMM
from gmmvi_jax.gmm.merging import merge
from gmmvi_jax.numerics.keys import typed_key
from gmmvi_jax.requirements import require_int
from gmmvi_jax.state import TrainState
from gmmvi_jax.training.history import diagnosis_samples
from gmmvi_jax.training.result import TrainResult
from gmmvi_jax.training.status import Ending, Status
from gmmvi_jax.training.summary import history_words, mode_lines, modes_in_words, run_table
from gmmvi_jax.typing import LogDensity, PRNGKey, PyTree


@dataclasses.dataclass(frozen=True)
class TrainManyResult:
    """Several fitted mixtures.

    Attributes:
        gmms: R mixtures, in the order of the seeds; each exactly its active components.
        state: the last states, stacked: a leading axis R on every leaf; ``state.run(0)`` is one.
        history: as of ``TrainResult``, every column [rows, R]; the last row of a run that has ended
            before others is repeated.
        seeds: of the runs.
        config: what all of them ran with.
        endings: how each run ended, with the reason and the error behind it, if there are any.
        layout: as of ``TrainResult``.
        target: as of ``TrainResult``; with data that of the first run.
        previous: the R mixtures a chunk before the end; None where they are not known.
        data: a data set for each run, a leading axis R on every leaf; None: all have the same
            density. Where each has its own there is no merged mixture, nor a best one.
    """

    gmms: tuple[GMM, ...]
    state: TrainState
    history: dict[str, np.ndarray]
    seeds: tuple[int, ...]
    config: Config
    endings: tuple[Ending, ...]
    layout: PositionLayout | None = None
    target: LogDensity | None = None
    previous: tuple[GMM, ...] | None = None
    data: PyTree | None = None

    @property
    def statuses(self) -> tuple[Status, ...]:
        """How each run ended."""
        return tuple(ending.status for ending in self.endings)

    def __repr__(self) -> str:
        """Returns one line; ``print(result.summary())`` shows more."""
        counts = ", ".join(str(gmm.num_components) for gmm in self.gmms)
        ends = ", ".join(f"{self.statuses.count(s)} {s}" for s in dict.fromkeys(self.statuses))
        return (
            f"TrainManyResult({ends}, seeds={self.seeds}, {counts} components in "
            f"{self.config.dim} dimensions, {history_words(self.history)})"
        )

    def _repr_html_(self) -> str:
        """Returns the summary, for notebooks."""
        return f"<pre>{html.escape(self.summary())}</pre>"

    @property
    def merged(self) -> GMM:
        """All runs as one mixture, each weighing exp(ELBO); see ``merge``.

        All weigh the same where no ELBO was estimated (``diagnostic_samples=0``).

        Raises:
            ValueError: each run has data of its own.
        """
        self._require_one_density()
        elbos, estimated = self.history["elbo"][-1], self.config.run.diagnostic_samples > 0
        return merge(self.gmms, elbos if estimated else np.zeros(len(self.gmms)))

    @property
    def best(self) -> GMM:
        """The mixture with the highest ELBO at the end.

        Raises:
            ValueError: no ELBO is known, or each run has data of its own.
        """
        self._require_one_density()
        elbos = self.history["elbo"][-1]
        if not np.any(np.isfinite(elbos)):
            raise ValueError(
                f"no run is the best: their ELBOs are {elbos.tolist()} (seeds {self.seeds}); "
                f"estimate them with diagnostic_samples > 0, or see why all runs are unusable."
            )
        return self.gmms[int(np.nanargmax(elbos))]

    def run(self, index: int) -> TrainResult:
        """Returns the result of one run, as ``train`` would.

        Args:
            index: of the run, in the order of the seeds; negative ones count from the end.

        Raises:
            ValueError: there is no such run.
        """
        state = self.state.run(index)
        ending = self.endings[index]
        is_own = np.diff(self.history["iteration"][:, index], prepend=-1) > 0
        return TrainResult(
            gmm=self.gmms[index],
            state=state,
            history={name: values[is_own, index] for name, values in self.history.items()},
            status=ending.status,
            config=self.config.replace(seed=self.seeds[index]),
            layout=self.layout,
            target=None if self.target is None else of_run(self.target, self.data, index),
            previous=None if self.previous is None else self.previous[index],
            ending=ending,
        )

    def _require_one_density(self) -> None:
        if self.data is not None:
            raise ValueError(
                "each run has data of its own, so that their mixtures are of different densities: "
                "take result.run(index), or result.gmms."
            )

    def raise_for_status(self) -> None:
        """Raises RuntimeError, from the error behind it, if a run failed or diverged."""
        for ending in self.endings:
            ending.raise_for_status()

    @property
    def posterior(self) -> Posterior:
        """The merged mixture as a distribution of the position."""
        return Posterior(self.merged, self.layout)

    def sample(self, rng_key: PRNGKey | int, num_samples: int) -> PyTree:
        """Returns independent samples of the merged mixture; see ``TrainResult.sample``."""
        return self.posterior.sample(rng_key, num_samples)

    def modes(self, min_dip: float = MIN_DIP) -> Modes:
        """Returns the modes of the merged mixture; see ``TrainResult.modes``."""
        return self.posterior.modes(min_dip)

    def summary(self, max_modes: int = 10) -> str:
        """Returns a table for the terminal: a line per run, and the modes of the merged mixture.

        Where each run has data of its own there are no merged modes.

        Args:
            max_modes: most modes that are listed.
        """
        require_int("max_modes", max_modes, least=0)
        runs = run_table(self.seeds, self.statuses, self.history)
        if self.data is not None:
            return "\n".join(runs)
        merged = self.merged
        modes, names = modes_in_words(find_modes(merged), self.layout)
        lines = [
            *runs,
            "",
            f"merged: {merged.num_components} components in {merged.dim} dimensions",
            "",
            *mode_lines(modes, max_modes, names),
        ]
        return "\n".join(lines)

    def diagnose(
        self,
        rng_key: PRNGKey | int | None = None,
        num_samples: int | None = None,
        *,
        reference_samples: ArrayLike | None = None,
        mcmc_steps: int = 0,
    ) -> Diagnosis:
        """Returns measures of the merged mixture; see ``TrainResult.diagnose``.

        What speaks against a single run is named with its seed; ``result.run(0).diagnose()``
        diagnoses that run.

        Args:
            rng_key: a PRNG key or an integer; one of its own, always the same, if not given.
            num_samples: fresh draws; if not given, a tenth of all target evaluations, at least
                1,000 and at most 10,000.
            reference_samples: [N, D] samples of the target from elsewhere, as vectors.
            mcmc_steps: steps of 200 Markov chains from the draws.

        Raises:
            ValueError: there is no target, or ``reference_samples`` has the wrong shape.
            ImportError: there are to be chains, and BlackJAX is not installed.
        """
        if self.target is None:
            raise ValueError("target is None: this result does not know what was fitted.")
        self._require_one_density()
        runs = [self.run(index) for index in range(len(self.seeds))]
        concerns = [
            Concern(f"seed {seed}: {concern.text}", concern.is_serious)
            for seed, run in zip(self.seeds, runs, strict=True)
            for concern in run.concerns()
        ]
        merged, algorithm = self.merged, self.config.algorithm
        candidates = [archive_candidates(run.state.database.archive, merged) for run in runs]
        return diagnose(
            merged,
            self.target,
            typed_key(0 if rng_key is None else rng_key),
            diagnosis_samples(self.history) if num_samples is None else num_samples,
            reference_samples=reference_samples,
            run_concerns=tuple(concerns),
            temperature=algorithm.temperature(int(jax.numpy.max(self.state.iteration))),
            candidates=np.concatenate(candidates),
            centre=algorithm.initial_mixture.prior_mean,
            names=None if self.layout is None else self.layout.names,
            mcmc_steps=mcmc_steps,
        )
