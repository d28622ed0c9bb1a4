"""The seven modules in the order of a codename's letters.

A choice of a letter of its own is a file in its module's folder and a word in the folder's
``__init__``; everything that lists, builds or checks choices reads them here. Source of the
letters: Arenz et al., TMLR 2023, Table 1.
"""

from gmmvi_jax.modules import (
    component_adaptation,
    component_stepsizes,
    component_updaters,
    natural_gradients,
    sample_selectors,
    weight_stepsizes,
    weight_updaters,
)

MODULES = (
    natural_gradients.MODULE,
    component_adaptation.MODULE,
    sample_selectors.MODULE,
    component_updaters.MODULE,
    component_stepsizes.MODULE,
    weight_updaters.MODULE,
    weight_stepsizes.MODULE,
)
LETTERS = tuple(module.letters for module in MODULES)  # SZ, AE, ...
CHOICES = tuple(choice for module in MODULES for choice in module.choices)
