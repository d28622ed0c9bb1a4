"""Measures one part in a process of its own: ``python -m benchmarks.device.worker PART PLACE``.

Every line of output that is JSON is one line of the results, printed as soon as it is there: a
process that hangs or breaks takes no more with it than what it was measuring.
"""

import argparse
import json
import sys

from benchmarks.device.budget import Budget
from benchmarks.device.parts import MEASURES
from benchmarks.device.setting import DEVICE, HOST, Setting
from benchmarks.table import plain


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=list(MEASURES))
    parser.add_argument("place", choices=[DEVICE, HOST])
    parser.add_argument("--until", type=float, required=True, help="as time.time() counts")
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    setting = Setting(given.place, Budget(given.until), given.tiny)
    for figures in MEASURES[given.part](setting):
        print(json.dumps(plain(figures), allow_nan=False), flush=True)


if __name__ == "__main__":
    sys.exit(main())
