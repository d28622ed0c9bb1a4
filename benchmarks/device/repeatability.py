"""Part d: whether the same config gives the same result, bit for bit.

Trained twice in one process, with one program; and again in a second process, where the program is
compiled anew and its kernels may be chosen anew.
"""

from collections.abc import Iterator

import gmmvi_jax as gmmvi
from benchmarks.device.budget import Figures
from benchmarks.device.setting import Setting, failure
from benchmarks.digests import digests

TARGET = "breast_cancer"
CODENAMES = ("SAMTRON", "ZAMTRUX")  # both estimators of the gradient
FIRST_SECONDS = 60.0  # of a config, until one was measured


def measure(setting: Setting) -> Iterator[Figures]:
    """Yields a line per variant: the digests of every leaf, of the two runs of this process."""
    expected = setting.estimate(FIRST_SECONDS)
    for codename in CODENAMES[:1] if setting.tiny else CODENAMES:
        if skipped := setting.budget.refusal(codename, expected):
            yield skipped
            continue
        start = setting.budget.left()
        config = gmmvi.published_config(
            codename,
            TARGET,
            num_iterations=6 if setting.tiny else 40,
            max_components=8 if setting.tiny else 32,
            max_database_size=1_000,
            add_iters=2,
        ).replace(log_every=3 if setting.tiny else 20)
        try:
            runs = [digests(gmmvi.train(config, gmmvi.targets.get(TARGET))) for _ in range(2)]
        except Exception as error:  # the other variant is still of interest
            yield failure(codename, error)
            continue
        expected = start - setting.budget.left()
        yield {"codename": codename, "digests": runs}


def summarise(lines: list[Figures]) -> Figures:
    """Returns codename -> runs, and the leaves in which they differ from the first one."""
    found = {}
    for codename in CODENAMES:
        own = [line["digests"] for line in lines if line.get("codename") == codename]
        if own:
            found[codename] = {
                "in_one_process": differences([runs for pair in own[:1] for runs in pair]),
                "in_two_processes": differences([pair[0] for pair in own]),
            }
    return found


def differences(runs: list[dict[str, str]]) -> Figures | None:
    """Returns how many leaves of runs differ, and the first; None where there is one run only."""
    if len(runs) < 2:
        return None
    differing = [path for path in runs[0] if len({run.get(path) for run in runs}) > 1]
    first = differing[0] if differing else None
    return {"leaves": len(runs[0]), "differing": len(differing), "first": first}


def show(lines: list[Figures]) -> list[str]:
    """Returns a line per comparison."""
    table = []
    for codename, found in summarise(lines).items():
        for where, outcome in found.items():
            if outcome is None:
                said = "not compared"
            elif outcome["differing"]:
                said = f"{outcome['differing']} of {outcome['leaves']} leaves DIFFER"
                said += f", first {outcome['first']}"
            else:
                said = f"all {outcome['leaves']} leaves the same, bit for bit"
            table.append(f"{codename}, {where.replace('_', ' ')}: {said}")
    return table
