"""The command line: ``gmmvi-jax fit``, ``gmmvi-jax targets``, ``gmmvi-jax variants``.

Commands import their dependencies when they run, so that errors in the arguments are fast.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any, NoReturn

from gmmvi_jax.cli.fit_options import add_fit_arguments
from gmmvi_jax.cli.option_types import count, path

PROGRAM = "gmmvi-jax"
FAILURE = 2  # as in argparse
INTERRUPTED = 130  # the shells' exit status after Ctrl-C
NOT_READ = 141  # the shells' exit status if the reader of a pipe has exited, e.g. `head`


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: the arguments, by default those of the process.

    Returns:
        The exit status: 0; 2 after an error, with one message on stderr; 130 after Ctrl-C.
    """
    try:
        arguments = _parser().parse_args(argv)
        code = arguments.run(arguments)
        sys.stdout.flush()  # here, so that its error is caught
    except BrokenPipeError:
        # Python flushes the rest at exit, and would report another error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_READ
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    except (ValueError, TypeError, OSError, ImportError, FloatingPointError) as error:
        return _fail(str(error), FAILURE)
    return code


def _fail(message: str, code: int) -> int:
    print(f"{PROGRAM}: error: {message}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """Raises errors instead of exiting the process."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        description="Fit Gaussian mixtures to unnormalised densities by natural gradients.",
        allow_abbrev=False,
    )
    version = metadata.version("gmmvi_jax")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    fit = commands.add_parser("fit", help="fit a mixture to a target", allow_abbrev=False)
    add_fit_arguments(fit)
    fit.set_defaults(run=_fit)
    _add_saved_commands(commands)
    listing = commands.add_parser("targets", help="list the targets", allow_abbrev=False)
    listing.set_defaults(run=_list_targets)
    listing = commands.add_parser(
        "variants", help="explain codenames and list their settings", allow_abbrev=False
    )
    listing.set_defaults(run=_list_variants)
    return parser


def _add_saved_commands(commands: Any) -> None:
    """Adds the commands on a directory that ``fit --out`` wrote."""

    def add(name: str, help_text: str) -> argparse.ArgumentParser:
        parser = commands.add_parser(name, help=help_text, allow_abbrev=False)
        parser.add_argument("directory", metavar="DIR", type=path, help="of `gmmvi-jax fit --out`")
        parser.set_defaults(run=lambda arguments: _on_saved(name, arguments))
        return parser

    sample = add("sample", "write samples of a fit as CSV")
    sample.add_argument("-n", "--num-samples", type=int, default=1_000, metavar="N")
    sample.add_argument("--seed", type=int, default=0)
    sample.add_argument("--csv", type=path, metavar="FILE", help="(default: stdout)")
    diagnose = add("diagnose", "print summary and diagnosis of a fit")
    diagnose.add_argument("-n", "--num-samples", type=int, metavar="N", help="fresh draws")
    diagnose.add_argument("--seed", type=int, default=0)
    convert = add("convert", "write weighted draws of a fit for other programs")
    convert.add_argument(
        "--to",
        choices=("arviz", "npz"),
        required=True,
        help="arviz: a netCDF file with the draws and how the run went; npz: arrays for NumPy",
    )
    convert.add_argument("--out", type=path, metavar="FILE", help="(default: DIR/draws.nc, .npz)")
    convert.add_argument("-n", "--num-samples", type=int, default=1_000, metavar="N")
    convert.add_argument("--seed", type=int, default=0)
    plot = add("plot", "draw the report of a fit")
    plot.add_argument("--out", type=path, metavar="FILE", help="(default: DIR/report.png)")
    resume = add(
        "resume",
        "complete a run that was killed or interrupted; with a limit, go on with any run as far as "
        "it says",
    )
    resume.set_defaults(run=_resume)
    resume.add_argument(
        "--iterations",
        type=int,
        metavar="N",
        help="N more from here on, whether it converges or not",
    )
    resume.add_argument("--budget", type=count, metavar="N", help="at most N evaluations more")
    resume.add_argument("--seconds", type=float, help="at most as much time more")
    resume.add_argument("--tolerance", type=float, help="as of fit (default: that of the fit)")


def _on_saved(name: str, arguments: argparse.Namespace) -> int:
    from gmmvi_jax.cli import saved

    getattr(saved, name)(arguments)
    return 0


def _resume(arguments: argparse.Namespace) -> int:
    from gmmvi_jax.cli.resume import resume

    return _exit_status(resume(arguments))


def _list_targets(_: argparse.Namespace) -> int:
    from gmmvi_jax.cli.listings import targets_text

    print(targets_text())
    return 0


def _list_variants(_: argparse.Namespace) -> int:
    from gmmvi_jax.cli.listings import variants_text

    print(variants_text())
    return 0


def _fit(arguments: argparse.Namespace) -> int:
    from gmmvi_jax.cli.fit import fit

    return _exit_status(fit(arguments))


def _exit_status(ending: Any) -> int:
    from gmmvi_jax.training.status import Status

    if ending.status in (Status.FAILED, Status.DIVERGED):
        return _fail(f"the run {ending.status}: {ending.reason}", FAILURE)
    return INTERRUPTED if ending.status is Status.INTERRUPTED else 0


def run() -> NoReturn:
    """Runs the command line and exits the process."""
    code = main()
    if code == INTERRUPTED:
        # Exit at once: Python would wait for a program that still compiles.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    run()
