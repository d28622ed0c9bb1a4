"""What a run says, where it is asked to, and how a progress bar reads."""

import logging
import sys

import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.training.log import logger, told_on_stderr
from gmmvi_jax.training.progress import ProgressBar
from gmmvi_jax.training.stopping import EvaluationBudget, TimeLimit

from .small_run import CONFIG, gaussian


def test_nothing_is_configured_on_import():
    assert logger is logging.getLogger("gmmvi_jax")
    assert logger.handlers == []
    assert logger.level == logging.NOTSET


def test_info_is_told_on_stderr_only_where_the_users_logging_does_not(capsys, caplog):
    with told_on_stderr(True):
        logger.info("found")
    assert capsys.readouterr().err == "fit: found\n"
    assert (logger.handlers, logger.level, logger.propagate) == ([], logging.NOTSET, True)
    with told_on_stderr(False):
        logger.info("unheard")
    with caplog.at_level(logging.INFO, logger="gmmvi_jax"), told_on_stderr(True):
        logger.info("theirs")
    assert capsys.readouterr().err == ""
    assert caplog.messages == ["theirs"]


def test_a_run_logs_its_chunks_and_its_end(caplog):
    with caplog.at_level(logging.DEBUG, logger="gmmvi_jax"):
        result = gmmvi.train(CONFIG, gaussian)
    assert [record.levelname for record in caplog.records] == ["DEBUG", "DEBUG", "INFO"]
    assert caplog.messages[1].startswith("iteration 4: ELBO ")
    count = int(result.history["num_target_evaluations"][-1])
    count += int(result.history["num_diagnostic_evaluations"][-1])
    assert caplog.messages[2].startswith("completed after 4 iterations: ELBO ")
    assert f"{count:,} evaluations" in caplog.messages[2]


@pytest.mark.parametrize("has_tqdm", [True, False])
@pytest.mark.parametrize(
    ("until", "evaluations"),
    [((), "1.2M evals, "), ((TimeLimit(9.0), EvaluationBudget(2e6)), "1.2M of 2M evals, ")],
)
def test_a_progress_bar_fits_into_a_line(until, evaluations, has_tqdm, capsys, monkeypatch):
    if not has_tqdm:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    row = {
        "num_components": 23,
        "elbo": -1234.5678,
        "num_target_evaluations": 1_204_000,
        "num_diagnostic_evaluations": 340,
    }
    with ProgressBar(200, until, enabled=True) as bar:
        bar.update(50, [row])
    shown = capsys.readouterr().err.replace("\n", "\r").split("\r")
    (line,) = {line.rstrip() for line in shown if "ELBO" in line}
    assert len(line) <= 80
    assert f"K 23, ELBO -1234.568, {evaluations}" in line
