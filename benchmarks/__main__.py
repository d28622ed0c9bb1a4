"""All benchmarks: ``python -m benchmarks NAME [options]``; ``python -m benchmarks`` lists them."""

import importlib
import sys

# Name -> the module with ``main(arguments)``, imported when it is called, and what it does.
COMMANDS = {
    "published": ("published.command", "published settings: ELBO, evaluations, seconds"),
    "fit": ("fits.command", "fit without settings: evaluations, ELBO, seconds until it ends"),
    "stops": ("stops", "when Convergence ends a run: false stops and late ones"),
    "settings": ("settings.command", "SAMTRON with one choice or setting changed at a time"),
    "many": ("many", "a hundred regressions, 64 seeds: train_many, a loop, the steps alone"),
    "sharing": ("sharing", "one run on eight devices against one: numbers, what they exchange"),
    "low_rank": (
        "low_rank.command",
        "low-rank, diagonal and full Gaussians in 500 to 2,000 dimensions",
    ),
    "heavy": ("heavy", "Gaussian beside Student-t components at equal evaluations"),
    "workers": ("workers", "a target of 50 ms per point on 1 to 8 worker processes"),
    "others": ("others.command", "ten densities of other people: fit, NUTS, a Gaussian guide"),
    "models": ("models.command", "models of NumPyro: fit, NUTS, a Gaussian guide"),
    "sbibm": ("sbibm.command", "posteriors of sbibm against its reference samples"),
    "run": ("runner", "a suite of runs: paper-1, paper-2, paper-3, peers, alternatives"),
    "report": ("report", "table and figure of a suite's runs, or of a stored table"),
    "moments": ("moments", "moments of fitted posteriors beside those of NUTS"),
    "wine": ("wine", "predictions of a Bayesian network beside ridge and one network"),
    "cases": ("cases.__main__", "densities and uses that went wrong for somebody"),
    "reliability": ("reliability.command", "faults, kills, determinism, a zoo, a soak"),
    "speed": ("speed.paired", "milliseconds of a step, here and in the TensorFlow reference"),
    "profile": ("speed.profile", "where a step's time goes, module by module"),
    "scaling": ("speed.scaling", "how a step's time and memory grow"),
    "compilation": ("speed.compilation", "seconds of a first step, with and without a cache"),
    "device": ("device.__main__", "what only a machine with a GPU can decide"),
    "data": ("builders.data", "rebuilds or checks the data files of the targets"),
    "reference-samples": (
        "builders.reference_samples",
        "makes or checks the reference samples of the targets",
    ),
    "differential-reference": (
        "builders.differential_reference",
        "runs the TensorFlow reference for tests/differential",
    ),
}


def main(arguments: list[str]) -> int:
    """Runs the command that is named; lists all if none is."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print("usage: python -m benchmarks NAME [options]; NAME --help lists the options\n")
        print("\n".join(f"  {name:<24}{does}" for name, (_, does) in COMMANDS.items()))
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"There is no benchmark {name!r}; there are {', '.join(COMMANDS)}.", file=sys.stderr)
        return 2
    return importlib.import_module(f"benchmarks.{COMMANDS[name][0]}").main(rest) or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
