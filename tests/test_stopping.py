"""Stopping rules: on histories that are made up; ``test_train.py`` has them end runs."""

import numpy as np
import pytest

import gmmvi_jax as gmmvi
from gmmvi_jax.training.stopping import Begun, first_ending, most_steps

from .test_train import small_config, three_modes

TOLERANCE = 0.05
BEGUN = Begun(num_evaluations=500, of_a_step=250, of_a_newborn=0)


def rows_of(elbos, errors, evaluations, gap=1.0, num_added=1, outside=0.0):
    """Returns rows of a history; the ELBOs are estimates with these standard errors."""
    return [
        {
            "iteration": 10 * (index + 1),
            "num_components": 10,
            "elbo": elbo,
            "elbo_stderr": error,
            "elbo_gap": gap,
            "outside_share": outside,
            "num_added": num_added,
            "num_samples": count if index == 0 else count - evaluations[index - 1],
            "num_target_evaluations": count,
            "num_diagnostic_evaluations": 200 * (index + 1),
            "wall_time": 5.0 + index,
        }
        for index, (elbo, error, count) in enumerate(
            zip(elbos, np.broadcast_to(errors, np.shape(elbos)), evaluations, strict=True)
        )
    ]


def stopped_at(rule, rows):
    """Returns how many rows there were when the rule ended the run; None if it did not."""
    for count in range(1, len(rows) + 1):
        if rule(rows[:count]) is not None:
            return count
    return None


@pytest.mark.parametrize("error", [0.001, 0.1, 0.3])
def test_a_rise_of_twice_the_tolerance_is_seldom_overlooked(error):
    rule = gmmvi.Convergence(TOLERANCE)
    evaluations = 1000 * np.arange(1, 41)
    rise = 2.0 * TOLERANCE * np.log2(evaluations)
    generator = np.random.default_rng(0)
    stops = [
        stopped_at(rule, rows_of(rise + error * generator.normal(size=40), error, evaluations))
        for _ in range(50)
    ]
    assert sum(stop is not None for stop in stops) <= 2


@pytest.mark.parametrize("error", [0.001, 0.1])
def test_a_flat_elbo_ends_the_run(error):
    rule = gmmvi.Convergence(TOLERANCE)
    evaluations = 1000 * np.arange(1, 201)
    generator = np.random.default_rng(0)
    stops = [
        stopped_at(rule, rows_of(error * generator.normal(size=200), error, evaluations))
        for _ in range(20)
    ]
    assert all(stop is not None and stop >= 8 for stop in stops)


def test_a_flat_elbo_with_much_noise_ends_the_run_when_the_flat_part_is_long():
    evaluations = 1000 * np.arange(1, 201)
    elbos = -50.0 * (evaluations < 2000) + 0.2 * np.random.default_rng(0).normal(size=200)
    rows = rows_of(elbos, 0.2, evaluations)
    stop = stopped_at(gmmvi.Convergence(TOLERANCE), rows)
    assert stop is not None
    assert gmmvi.Convergence(TOLERANCE)(rows[:20]) is None


def test_a_flat_elbo_does_not_count_before_searches_were_made():
    rule = gmmvi.Convergence(TOLERANCE)
    rows = rows_of(np.zeros(12), 0.001, 1000 * np.arange(1, 13), num_added=0)
    rows[-1]["num_added"] = 1
    assert rule(rows) is None
    rows[-1]["num_added"] = 0  # there is no room for more components
    assert rule(rows) is not None


def test_a_mixture_close_to_the_target_ends_the_run_after_three_chunks():
    rule = gmmvi.Convergence(TOLERANCE)
    rows = rows_of(np.zeros(3), 0.001, [1000, 1100, 1200], gap=0.001)
    assert rule(rows[:2]) is None
    ending = rule(rows)
    assert ending is not None
    assert ending.status is gmmvi.Status.CONVERGED
    assert "about 0 nats" in ending.reason


def test_a_mixture_that_lacks_a_tail_goes_on_while_the_elbo_rises():
    # Its draws cannot tell: log p - log q is nearly constant where the mixture is.
    evaluations = 1000 * np.arange(1, 13)
    elbos = np.minimum(-0.1 + 0.1 * np.log2(evaluations / 1000), 0.1)
    rows = rows_of(elbos, 0.001, evaluations, gap=0.001)
    assert stopped_at(gmmvi.Convergence(TOLERANCE), rows[:4]) is None
    stop = stopped_at(gmmvi.Convergence(TOLERANCE), rows)
    assert stop is not None
    assert stop > 6


def test_at_an_edge_the_rise_must_be_worth_a_tenth_of_what_is_lacking():
    rule = gmmvi.Convergence(TOLERANCE)
    evaluations = 1000 * np.arange(1, 41)
    rise = 2.0 * TOLERANCE * np.log2(evaluations)
    for outside, gap, ends in [(0.1, 3.0, True), (0.1, 0.5, False), (0.0, 3.0, False)]:
        ending = rule(rows_of(rise, 0.01, evaluations, gap, outside=outside))
        assert (ending is not None) == ends
        assert ending is None or "the target's edge costs 3 nats" in ending.reason


def test_elbos_that_are_not_known_are_a_failure_not_convergence():
    rows = rows_of(np.full(40, np.nan), np.nan, 1000 * np.arange(1, 41), gap=np.nan)
    ending = gmmvi.Convergence()(rows)
    assert stopped_at(gmmvi.Convergence(), rows) == 11
    assert ending is not None
    assert ending.status is gmmvi.Status.FAILED
    rows = rows_of(np.full(10, np.nan), np.nan, 1000 * np.arange(1, 11), gap=np.nan)
    rows += rows_of(np.zeros(40), 0.1, 11_000 + 1000 * np.arange(40))
    assert stopped_at(gmmvi.Convergence(), rows) is not None


def test_a_single_elbo_that_is_not_known_is_left_out():
    rows = rows_of(np.zeros(40), 0.01, 1000 * np.arange(1, 41))
    rows[-3].update(elbo=np.nan, elbo_stderr=np.nan, elbo_gap=np.nan)
    ending = gmmvi.Convergence(TOLERANCE)(rows)
    assert ending is not None
    assert ending.status is gmmvi.Status.CONVERGED


def test_budget_and_time_end_a_run_before_they_are_exceeded():
    rows = rows_of(np.zeros(5), 0.1, 1000 * np.arange(1, 6))
    # After three chunks 3600, and 100 an iteration, of which the next one may take half more,
    # besides 200 for the ELBO.
    assert stopped_at(gmmvi.EvaluationBudget(3949), rows) == 3
    budget = gmmvi.EvaluationBudget(3.95e3)
    assert stopped_at(budget, rows) == 4
    assert most_steps([budget], BEGUN, rows[:3], 10) == 1
    assert most_steps([gmmvi.EvaluationBudget(4250)], BEGUN, rows[:3], 10) == 3
    assert most_steps([gmmvi.EvaluationBudget(5300)], BEGUN, rows[:3], 10) == 10
    # Of a first row the samples count, 100 an iteration; the rest is that of a search.
    assert most_steps([gmmvi.EvaluationBudget(2149)], BEGUN, rows[:1], 10) == 4
    assert stopped_at(gmmvi.EvaluationBudget(1549), rows) == 1
    # Before it at most 250 an iteration, and 500 are spent.
    assert most_steps([gmmvi.EvaluationBudget(1749)], BEGUN, [], 10) == 4
    assert most_steps([gmmvi.EvaluationBudget(1)], BEGUN, [], 10) == 1
    # A new component may take 300 an iteration besides.
    assert most_steps([gmmvi.EvaluationBudget(5100)], BEGUN, rows[:3], 10) == 8
    assert (
        most_steps([gmmvi.EvaluationBudget(5100)], BEGUN._replace(of_a_newborn=300), rows[:3], 10)
        == 3
    )
    assert most_steps([gmmvi.TimeLimit(1e-3)], BEGUN, [], 10) == 10
    assert most_steps([gmmvi.Convergence(), lambda rows: None], BEGUN, rows, 10) == 10
    assert repr(gmmvi.EvaluationBudget(1e4)) == "EvaluationBudget(num_evaluations=10000)"
    for wrong in (1e4 + 0.5, float("inf")):
        with pytest.raises(ValueError, match="must be an integer of at least 1"):
            gmmvi.EvaluationBudget(wrong)
    assert stopped_at(gmmvi.TimeLimit(7.2), rows) == 3  # one a second, and not a quarter of one
    assert stopped_at(gmmvi.TimeLimit(7.5), rows) == 4
    assert most_steps([gmmvi.TimeLimit(7.5)], BEGUN, rows[:3], 10) == 5
    ending = first_ending((gmmvi.TimeLimit(1.0), gmmvi.EvaluationBudget(1)), rows)
    assert ending is not None
    assert "seconds" in ending.reason


@pytest.mark.parametrize(
    ("most", "words"),
    [
        (1300, "1,200 of at most 1,300 evaluations are spent; another iteration may exceed them."),
        (1000, "1,200 evaluations are spent, more than 1,000: one iteration is always taken."),
    ],
)
def test_a_budget_says_whether_it_was_enough_for_one_iteration(most, words):
    ending = gmmvi.EvaluationBudget(most)(rows_of(np.zeros(1), 0.1, [1000]))
    assert ending is not None
    assert ending.reason == words


@pytest.mark.parametrize("rule", [gmmvi.Convergence, gmmvi.EvaluationBudget, gmmvi.TimeLimit])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), "soon"])
def test_rules_refuse_what_cannot_be_right(rule, value):
    with pytest.raises((ValueError, TypeError)):
        rule(value)


@pytest.mark.parametrize("until", [3, "converged", [None]])
def test_what_is_no_rule_is_refused(until):
    with pytest.raises(TypeError, match="until must be a stopping rule"):
        gmmvi.train(small_config(), three_modes, until=until)


def test_convergence_needs_the_elbo():
    config = small_config().replace(diagnostic_samples=0)
    with pytest.raises(ValueError, match="diagnostic_samples=0"):
        gmmvi.train(config, three_modes, until=gmmvi.Convergence())
