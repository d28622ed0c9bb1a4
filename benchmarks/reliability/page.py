"""The page of what was measured, from the rows of the file of results."""

from collections.abc import Callable, Sequence
from typing import Any

Row = dict[str, Any]

_HEAD = """# Reliability

    python -m benchmarks reliability                          # remakes this page; three hours
    python -m benchmarks reliability --parts faults kills     # some of it; --help lists the parts

What happens to a run when the disk, the machine, the user or the density does what it should not.
Every fault is a process of its own, with the code in `benchmarks/reliability`. The tests have a
short version of each: `tests/test_resume.py`, `tests/test_endings.py`, `tests/zoo` and
`tests/benchmarks/test_reliability.py`. Figures: `benchmarks/results/reliability.json`.
"""


def page(rows: Sequence[Row]) -> str:
    """Returns the page in Markdown.

    Args:
        rows: of the file of results, each with the name of its ``part``.
    """
    texts = [_HEAD]
    for name, write in _PARTS.items():
        own = [row for row in rows if row["part"] == name]
        if own:
            texts.append(write(own))
    return "\n".join(texts)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return f"{value:,.3g}"
    return str(value).replace("|", "\\|")


def _faults(rows: Sequence[Row]) -> str:
    right = sum(row["is_right"] for row in rows)
    table = _table(
        ("fault", "right", "what happens", "as it should"),
        [(row["fault"], row["right"], _short(row["happened"]), row["is_right"]) for row in rows],
    )
    return f"## Faults\n\n{right} of {len(rows)} end as they should.\n\n{table}"


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:197]}..."


def _kills(rows: Sequence[Row]) -> str:
    (row,) = rows
    same = "the same bits as" if row["same_bits"] else "**other bits than**"
    return f"""## Kills

A run of {row["iterations"]:,} iterations, in chunks of {row["log_every"]}, was killed with SIGKILL
{row["kills"]} times at random moments beside a busy process, and went on each time:
{row["while_running"]} times while it ran, else while it imported, compiled or read.
{row["while_writing"]} kills left a file half written, which the next start removed
({row["leftovers_at_the_end"]} at the end). {row["unreadable"]} left a directory that cannot be
read, {row["went_back"]} took the run back to an earlier snapshot. Lost were at most
{row["largest_loss_seconds"]:.1f} seconds (median {row["median_loss_seconds"]:.2f}), which is
{row["largest_loss_iterations"]} iterations (median {row["median_loss_iterations"]:.0f}). In the end
the state and the history had {same} those of the run that nobody killed.
"""


def _determinism(rows: Sequence[Row]) -> str:
    table = _table(
        ("the run", "beside the run", "the same bits", "largest difference of means"),
        [
            (row["way"], row["beside"], row["same_bits"], _difference(row["difference"]))
            for row in rows
        ],
    )
    return f"""## Determinism

One seed, each time in a process of its own; the mixture after 12 iterations is compared with that
of another way to take it.

{table}"""


def _difference(value: float | None) -> str:
    return "another number of components" if value is None else f"{value:.1e}" if value else "0"


def _zoo(rows: Sequence[Row]) -> str:
    names = [name for name in rows[0] if name not in ("part", "density", "is_right")]
    table = _table(
        ("density", *names), [[row["density"], *(row[n] for n in names)] for row in rows]
    )
    return f"""## Zoo

Random configurations of the 432 variants on the densities of `tests/zoo`, with random numbers: each
run ends with a finite mixture or with an end that has a name.

{table}"""


def _writing(rows: Sequence[Row]) -> str:
    names = [name for name in rows[0] if name != "part"]
    table = _table(names, [[row[name] for name in names] for row in rows])
    return f"""## The cost of writing

Pairs of runs with and without `checkpoint=`, medians.

{table}"""


def _soak(rows: Sequence[Row]) -> str:
    runs = [row for row in rows if "iterations" in row]
    fits = [row for row in rows if "fits" in row]
    first = _table(
        (
            "process",
            "minutes",
            "iterations",
            "added, deleted",
            "memory, MiB",
            "MiB per hour",
            "open files",
            "threads",
            "step, late / early",
        ),
        [
            (
                f"{row['soak']} ({row['runs']})",
                f"{row['minutes']:.0f}",
                f"{row['iterations']:,}",
                f"{row['added']:,}, {row['deleted']:,}",
                _pair(row["memory_mib"]),
                row["growth_mib_per_hour"],
                _pair(row["open_files"]),
                _pair(row["threads"]),
                row["step_ratio_at_equal_components"],
            )
            for row in runs
        ],
    )
    text = f"""## Soak

Six modes in four dimensions; a component is added every three iterations, and deleted when it is
light. Each pair is the median of the second tenth of the time, when all is compiled, and of the
last. Time of a step is that of the processor, at an equal number of components.

{first}"""
    return text + (_many_fits(fits) if fits else "")


def _many_fits(rows: Sequence[Row]) -> str:
    table = _table(
        ("densities", "fits", "MiB per fit", "memory, MiB", "seconds per fit", "cure told"),
        [
            (
                row["soak"],
                row["fits"],
                row["mib_per_fit"],
                _pair(row["memory_mib"]),
                row["seconds_per_fit"],
                "yes" if row["cure_told"] else "no",
            )
            for row in rows
        ],
    )
    return f"""
Fits of many densities in one process. A function made anew each time compiles anew each time, and
JAX keeps its programs; a warning says so, and the cure.

{table}"""


def _pair(values: Sequence[float]) -> str:
    return " to ".join(f"{value:,.0f}" for value in values)


_PARTS: dict[str, Callable[[Sequence[Row]], str]] = {
    "faults": _faults,
    "kills": _kills,
    "determinism": _determinism,
    "zoo": _zoo,
    "writing": _writing,
    "soak": _soak,
}
