"""The core needs none of the packages that it has doors to."""

import subprocess
import sys

BLOCKED = ("numpyro", "funsor", "arviz", "arviz_base", "arviz_stats", "xarray", "blackjax")
BLOCKED += ("distrax", "getdist", "sklearn", "pymc")
SCRIPT = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {(*BLOCKED, "matplotlib", "tqdm")!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
import gmmvi_jax as gmmvi

config = gmmvi.from_codename(
    "SEMTFOX", {{"s": 1.0}}, domain=gmmvi.domains.positive, num_iterations=2, log_every=1
)
result = gmmvi.train(config, lambda p: -p["s"])
print(result.summary())
interop = gmmvi.interop
doors = [
    lambda: interop.numpyro,
    lambda: interop.arviz,
    lambda: interop.distrax.to_mixture(result.gmm),
    lambda: interop.getdist.to_samples(result),
    lambda: interop.sklearn,
    lambda: interop.pymc.from_model(None),
    lambda: result.refine(mcmc_steps=1),
    lambda: result.plot(),
]
for door in doors:
    try:
        door()
    except ImportError as error:
        print(error)
"""


def test_the_core_runs_without_them_and_doors_say_what_to_install():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "pip install 'gmmvi_jax[numpyro]'" in done.stdout
    assert "pip install 'gmmvi_jax[arviz]'" in done.stdout
    for package in ("distrax", "getdist", "scikit-learn", "pymc", "blackjax", "'gmmvi_jax[plot]'"):
        assert f"pip install {package}" in done.stdout
