"""The output of ``gmmvi-jax targets`` and ``gmmvi-jax variants``: plain text, 80 columns."""

import textwrap

from gmmvi_jax import targets
from gmmvi_jax.modules.choice import Choice
from gmmvi_jax.modules.registry import MODULES
from gmmvi_jax.variants.codenames import codenames
from gmmvi_jax.variants.published import published_settings, runnable_targets

WIDTH = 80
NAMED = {
    "SAMTRON": "recommended by the study (Arenz et al., TMLR 2023); samtron() in Python",
    "ZAMTRUX": "VIPS (Arenz et al., JMLR 2020); vips()",
    "SEPYFUX": "iBayes-GMM with the improved rule (Lin et al., ICML 2020); ibayes_gmm()",
    "SEPIFUX": "iBayes-GMM as first published (Lin et al., ICML 2019); "
    "ibayes_gmm(dim, first_published=True)",
}


def targets_text() -> str:
    """Returns a short description of every target."""
    width = max(map(len, targets.names())) + 2
    lines = [_entry(name, width, targets.describe(name)) for name in targets.names()]
    ending = _wrap("Or your own log density: gmmvi-jax fit path/to/file.py:function --dim D", "")
    return "\n".join(["Targets", *lines, "", ending])


def variants_text() -> str:
    """Returns the seven modules with their choices, and the named variants."""
    lines = [
        _wrap(
            f"A codename has seven letters, one choice for each module, in this order: "
            f"{len(codenames())} variants. The settings of a choice, with their defaults, are "
            f"given with --set name=value; None means a default that depends on the problem.",
            "",
        )
    ]
    for number, module in enumerate(MODULES, start=1):
        lines += ["", f"{number} {module.title}"]
        for choice in module.choices:
            lines += _choice_lines(choice)
    lines += ["", "Named variants"]
    lines += [_entry(code, 9, description) for code, description in NAMED.items()]
    lines += ["", "Variants with published settings (--published)"]
    for code in published_settings():
        lines.append(_entry(code, 9, ", ".join(runnable_targets(code))))
    return "\n".join(lines)


def _choice_lines(choice: Choice) -> list[str]:
    settings = ", ".join(f"{name}={default}" for name, default in choice.settings.items())
    lines = [_entry(choice.letter, 3, choice.summary)]
    return [*lines, _wrap(settings, " " * 7)] if settings else lines


def _entry(name: str, width: int, text: str) -> str:
    return _wrap(text, " " * (width + 2), first=f"  {name:<{width}}")


def _wrap(text: str, indent: str, first: str | None = None) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
