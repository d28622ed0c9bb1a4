"""The study's third experiment: the nine candidates with published settings, target by target."""

from benchmarks.specification import Specification

# Evaluations after which the study's curves have flattened out, by target.
FULL_EVALUATIONS = {
    "breast_cancer": 1_500_000,
    "german_credit": 400_000,
    "breast_cancer_mb": 1_000_000,
    "german_credit_mb": 1_000_000,
    "gmm20": 1_500_000,
    "gmm100": 2_000_000,
    "stm20": 4_500_000,
    "stm300": 500_000,
    "planar_robot_4": 4_000_000,
    "wine": 200_000,
    "talos": 2_000_000,
}
SMALL_EVALUATIONS = {"breast_cancer": 300_000, "german_credit": 100_000, "gmm20": 500_000}


def paper_3(small: bool) -> list[Specification]:
    """Returns the runs; small: three targets that are solved in half a minute."""
    from gmmvi_jax.variants.published import published_settings, runnable_targets

    runs = []
    for target, evaluations in (SMALL_EVALUATIONS if small else FULL_EVALUATIONS).items():
        for codename in published_settings():
            if target not in runnable_targets(codename):
                continue
            runs.append(
                Specification(
                    suite="paper-3",
                    label=codename,
                    method="gmmvi_jax",
                    target=target,
                    seed=0,
                    settings={"codename": codename, "published": True},
                    max_evaluations=evaluations,
                    max_seconds=60.0 if small else 1_800.0,
                )
            )
    return runs
