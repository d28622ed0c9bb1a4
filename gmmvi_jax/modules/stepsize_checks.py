"""What the stepsize rules of components and weights check alike."""

from typing import Any

from gmmvi_jax.requirements import require


def require_order(name: str, lowest: Any, highest: Any) -> None:
    """Raises ValueError unless the bounds of a stepsize are in order."""
    require(
        lowest <= highest, f"min_{name} is {lowest}, above max_{name}, {highest}; exchange them."
    )


def require_decay(name: str, exponent: Any, fixed: str) -> None:
    """Raises ValueError unless a stepsize decays with this exponent.

    Args:
        name: of the setting.
        exponent: its value.
        fixed: the letter of the rule that keeps a stepsize as it is.
    """
    require(
        exponent >= 0.0,
        f"{name} must not be negative, got {exponent}: the stepsize initial / (1 + t^exponent) is "
        f"meant to decay; for a constant one choose {fixed} (fixed) in its place.",
    )
