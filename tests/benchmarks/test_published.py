"""The table of published runs: goals and medians."""

import dataclasses
import json

import pytest

from benchmarks.published.command import verdict
from benchmarks.published.rows import ROWS, Milestone
from benchmarks.table import write_results

FIGURES = {
    "row": "gmm20",
    "seed": 0,
    "iteration": 430,
    "evaluations": 1_000_000,
    "seconds": 7.0,
    "components": 14,
    "first_chunk_seconds": 4.0,
}
GMM20 = next(row for row in ROWS if row.name == "gmm20")


def runs(elbos, modes):
    pairs = zip(elbos, modes, strict=True)
    return [FIGURES | {"negative_elbo": elbo, "modes": count} for elbo, count in pairs]


@pytest.mark.parametrize(
    ("elbos", "modes", "outcome"),
    [
        ((-0.005, 0.1, 0.0), (10, 9, 10), "met"),  # medians
        ((-0.2, -0.1, 0.0), (10, 10, 10), "NOT MET"),  # of a normalised target: the distance from 0
        ((0.0, 0.0, 0.0), (9, 9, 10), "NOT MET"),
    ],
)
def test_medians_are_compared_with_the_goals(elbos, modes, outcome):
    said = verdict(GMM20, GMM20.milestones[0], runs(elbos, modes))
    assert said.splitlines()[0].endswith(f": {outcome}")
    assert f"modes {'/'.join(map(str, modes))}" in said


def test_what_has_no_goal_is_reported_alone():
    row = dataclasses.replace(GMM20, milestones=(Milestone(430),))
    first = verdict(row, row.milestones[0], runs((0.1,), (9,))).splitlines()[0]
    assert first.endswith("seconds 7.0")


def test_chunks_end_at_the_milestones():
    for row in ROWS:
        every = dict(row.settings).get("log_every", 1)
        assert all(milestone.iteration % every == 0 for milestone in row.milestones)
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_results_are_a_line_per_run(tmp_path):
    path = tmp_path / "results" / "some.json"
    write_results(path, [{"a": 1 / 3, "b": float("nan")}, {"a": 585.1071, "b": [2, "c"]}])
    lines = path.read_text().splitlines()
    assert lines[3:5] == ['  {"a": 0.33333333, "b": null},', '  {"a": 585.1071, "b": [2, "c"]}']
    assert set(json.loads(path.read_text())) == {"machine", "runs"}
