"""The rows with a density; values are from quadrature in float64 where there is no formula."""

import math

from . import gradients, models, shapes, supports
from .asked import assignment, below, mean, near, near_goal, sd, size
from .case import Case, Expected

_BOX_SIZE = size(1.0 / math.sqrt(3.0), 0.2)
_SCHOOLS = (
    mean(0, 4.397, 0.33),
    sd(0, 3.318, 0.33),
    mean(1, 0.802, 0.12),
    sd(1, 1.171, 0.12),
    below(1, -2.0, 0.0273, 0.01),
)
_TINY_RING = (near((-1.0, 0.0), 0.06, 0.51, 0.03),)
_IMPROPER = {"expected": Expected.NO_FIT, "cause": "improper or unbounded along"}
_STANDS_STILL = "still moves|still improves|still grows"

CASES = (
    Case("box_2", supports.box, 2, 2 * math.log(2), asked=(_BOX_SIZE,), scale=0.3),
    Case(
        "box_10",
        supports.box,
        10,
        10 * math.log(2),
        log_z_within=0.5,
        asked=(_BOX_SIZE,),
        scale=0.3,
    ),
    Case("half_exponential", supports.half_exponential, 1, 0.0, mean=1.0),
    # The error is for runs that do not reach the support within their first chunk.
    Case(
        "late_support",
        supports.late_support,
        1,
        -5.185393,
        cause=r"-inf at all .* samples up to iteration \d+: none of them lies in its support",
        cure="prior_mean and prior_scale",
    ),
    Case(
        "late_support_far",
        supports.late_support,
        1,
        -5.185393,
        asked=(mean(0, 108.353, 6.7),),  # a tenth of the standard deviation
        mean=100.0,
        scale=50.0,
    ),
    Case("ordered", supports.ordered, 3, -math.log(6.0) - 1.5 * math.log(4.0 * math.pi)),
    Case(
        "overflow_trap",
        gradients.overflow_trap,
        2,
        1.834694,
        asked=(mean(0, 0.0, 0.05),),
        cause=r"gradient .*NaN or infinite .*double where",
    ),
    Case(
        "pair_distance",
        gradients.pair_distance,
        6,
        variants="S",
        expected=Expected.REFUSED,
        cause=r"finite at the initial point .*gradient is NaN or infinite in coordinates 0\.\.5",
        cure="double where",
    ),
    # By 20 million draws: +- 0.002.
    Case("pair_distance", gradients.pair_distance, 6, 7.026, variants="Z"),
    Case(
        "one_bad_gradient",
        gradients.one_bad_gradient,
        5,
        variants="S",
        expected=Expected.REFUSED,
        cause=r"finite at the initial point .*gradient is NaN or infinite in coordinate 3",
        cure="root",
    ),
    Case(
        "one_bad_gradient",
        gradients.one_bad_gradient,
        5,
        2.5 * math.log(2 * math.pi),
        variants="Z",
    ),
    Case(
        "plateau",
        gradients.plateau,
        2,
        variants="S",
        expected=Expected.REFUSED,
        cause="gradient of the log density is exactly zero",
        cure="with Z in place of S",
    ),
    Case("plateau", gradients.plateau, 2, math.log(2e-4 * math.pi), variants="Z"),
    Case("periodic", shapes.periodic, 1, **_IMPROPER),
    Case("softmax_free", shapes.softmax_free, 4, **_IMPROPER),
    Case("unbounded", shapes.unbounded, 2, **_IMPROPER),
    Case("spike", shapes.spike, 10, 0.0, scale=3.0, cause="narrow part that the mixture passes"),
    Case("eight_schools", models.eight_schools, 10, -31.311347, asked=_SCHOOLS, mcmc_steps=40),
    Case(
        "eight_schools_wide",
        models.eight_schools,
        10,
        -31.311347,
        asked=_SCHOOLS,
        scale=(5.0, 1.0, *[5.0] * 8),
        mcmc_steps=40,
    ),
    Case(
        "two_goals",
        shapes.two_goals,
        2,
        math.log(0.2 * math.pi),
        asked=(*near_goal(1.0), *near_goal(-1.0)),
        settings=(("temperature", 0.1),),
    ),
    # A hundredth of the draws near the tiny ring is of the wide one. Its radius has no gradient at
    # 0, where the first of these runs starts.
    Case(
        "diamond_ring",
        shapes.diamond_ring,
        2,
        0.0,
        asked=_TINY_RING,
        cause=r"passes over|misses|lacks|A root or a norm has no finite gradient at 0",
        cure=r"add a small number below the root",
        mcmc_steps=40,
    ),
    Case(
        "diamond_ring_beside",
        shapes.diamond_ring,
        2,
        0.0,
        asked=_TINY_RING,
        mean=0.3,
        mcmc_steps=40,
    ),
    Case("line_of_seven", models.line_of_seven, 3, -32.371050, quiet=_STANDS_STILL),
    Case(
        "line_of_seven_float64",
        models.line_of_seven,
        3,
        -32.371050,
        quiet=_STANDS_STILL,
        float64=True,
    ),
    Case("hidden_precision", models.hidden_precision, 11, -21.279240, quiet=_STANDS_STILL),
    Case(
        "label_switch",
        models.label_switch,
        4,
        -17.125533,
        asked=(
            assignment((0, 0, 1, 1, 1), 0.4419),
            assignment((1, 1, 0, 0, 0), 0.4419),
            assignment((0, 0, 0, 0, 0), 0.0330),
            assignment((1, 1, 1, 1, 1), 0.0330),
        ),
        scale=(2.0, 2.0, 10.0, 10.0),
    ),
    Case(
        "gp_noise",
        models.gp_noise,
        3,
        scale=3.0,
        expected=Expected.NO_FIT,
        cause=r"NaN or \+inf at .* of the draws: they have weight 0|NaN at all .* Cholesky factor",
    ),
)
