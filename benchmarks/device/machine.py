"""What the figures were measured on."""

import os
import platform
from collections.abc import Iterator
from importlib import metadata

import jax
import numpy as np

from benchmarks.device.budget import Figures
from benchmarks.device.setting import Setting


def measure(setting: Setting) -> Iterator[Figures]:
    """Yields one line about the machine."""
    first = jax.devices()[0]
    yield {
        "platform": jax.default_backend(),
        "device": first.device_kind,
        "devices": jax.device_count(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "jaxlib": metadata.version("jaxlib"),
        "numpy": np.__version__,
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }
