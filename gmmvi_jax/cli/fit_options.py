"""The options of ``gmmvi-jax fit``."""

import argparse

from gmmvi_jax.cli.option_types import count, domain, numbers, path


def add_fit_arguments(fit: argparse.ArgumentParser) -> None:
    """Adds the options of ``gmmvi-jax fit``."""
    fit.add_argument(
        "target",
        metavar="TARGET",
        help="a name from `gmmvi-jax targets`, or path/to/file.py:function, an unnormalised log "
        "density of one point [D] that JAX can differentiate",
    )
    fit.add_argument(
        "--variant",
        help="codename, or samtron, vips, ibayes_gmm, with default settings; without this, "
        "--published, --set and --iterations everything is chosen, and the fit ends by itself",
    )
    fit.add_argument(
        "--published", action="store_true", help="the settings of the study for this target"
    )
    fit.add_argument("--iterations", type=int, help="of a variant (default: 500)")
    fit.add_argument(
        "--budget",
        type=count,
        metavar="N",
        help="most evaluations, if everything is chosen",
    )
    fit.add_argument("--seconds", type=float, help="most time, if everything is chosen")
    _add_choices(fit)
    _add_form(fit)


def _add_choices(fit: argparse.ArgumentParser) -> None:
    """Adds the options of any fit: its start, its size, and where it goes."""
    fit.add_argument(
        "--seed", type=int, default=0, help="of the run, and of a random target (default: 0)"
    )
    fit.add_argument("--max-components", type=int, metavar="K", help="capacity of the mixture")
    fit.add_argument(
        "--dim",
        type=int,
        metavar="D",
        help="dimensions of a function in a file that has no attribute dim",
    )
    fit.add_argument(
        "--domain",
        type=domain,
        metavar="JSON",
        help="where a function in a file is defined: a name of gmmvi_jax.domains such as positive, "
        'a list with its arguments such as ["interval", 0, 1], or a dict of these for the parts of '
        'a position such as {"sigma": "positive", "w": "simplex"} (default: that of the function)',
    )
    fit.add_argument(
        "--prior-mean",
        type=numbers,
        metavar="M",
        help="of a function in a file: centre of the start, a number, a list such as [0, 1.5], or "
        'a position as JSON such as {"a": 1.5} (default: 0, or that of the function)',
    )
    fit.add_argument(
        "--prior-scale",
        type=numbers,
        metavar="S",
        help="of a function in a file: its width, likewise (default: follows what is found)",
    )
    fit.add_argument(
        "--tolerance",
        type=float,
        default=0.05,
        help="nats that twice the evaluations must be worth, if everything is chosen (0.05)",
    )
    fit.add_argument("--quiet", action="store_true", help="print no summary and no diagnosis")
    fit.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting, as `gmmvi-jax variants` lists them; may be repeated",
    )
    fit.add_argument(
        "--out",
        type=path,
        metavar="DIR",
        help="where the run is kept while it goes on, for `gmmvi-jax resume DIR`, and gmm.npz, "
        "history.csv, config.json and report.png are written (default: nowhere)",
    )


def _add_form(fit: argparse.ArgumentParser) -> None:
    """Adds what the components are."""
    fit.add_argument("--diagonal", action="store_true", help="diagonal covariances")
    fit.add_argument("--rank", type=int, metavar="R", help="covariances of this rank plus diagonal")
    fit.add_argument(
        "--components",
        choices=("gaussian", "student_t"),
        default="gaussian",
        help="Student-t components are for heavy tails (default: gaussian)",
    )
    fit.add_argument(
        "--degrees",
        type=float,
        metavar="NU",
        help="of freedom of Student-t components: 1 is Cauchy, inf Gaussian (default: 5)",
    )
