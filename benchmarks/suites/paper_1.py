"""The study's first experiment: 18 ways to update a component, on one Gaussian.

Source: Arenz et al., TMLR 2023, section 6.1: estimator S or Z, updater T, Y or I, stepsize R, D or
F. With one component the other letters make no difference. The study searched over stepsizes;
the full preset runs three, a factor of ten apart, and the small one the middle one.
"""

import itertools

from benchmarks.specification import Specification

TARGETS = ("breast_cancer", "breast_cancer_mb", "wine")
FULL_EVALUATIONS = {"breast_cancer": 300_000, "breast_cancer_mb": 300_000, "wine": 100_000}
SAMPLES = {"S": 250, "Z": 1_000}  # the regression has 527 unknowns in 31 dimensions
# Trust regions in nats; the others scale the step itself.
STEPSIZES = {"T": 0.1, "Y": 0.01, "I": 0.01}
FACTORS = (0.1, 1.0, 10.0)


def paper_1(small: bool) -> list[Specification]:
    """Returns the runs; small: all 18 on breast_cancer, and those with R on its minibatches."""
    runs = []
    for target in TARGETS[:2] if small else TARGETS:
        for estimator, updater, stepsize in itertools.product("SZ", "TYI", "RDF"):
            if small and target != "breast_cancer" and stepsize != "R":
                continue
            for factor in (1.0,) if small else FACTORS:
                initial = STEPSIZES[updater] * factor
                codename = f"{estimator}EP{updater}{stepsize}UX"
                runs.append(
                    Specification(
                        suite="paper-1",
                        label=f"{codename} {initial:g}",
                        method="gmmvi_jax",
                        target=target,
                        seed=0,
                        settings={
                            "codename": codename,
                            "num_initial_components": 1,
                            "desired_samples": SAMPLES[estimator],
                            "initial_component_stepsize": initial,
                        },
                        max_evaluations=100_000 if small else FULL_EVALUATIONS[target],
                        max_seconds=60.0 if small else 900.0,
                    )
                )
    return runs
