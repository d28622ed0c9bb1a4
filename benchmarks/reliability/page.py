"""The page of what was measured, from the rows of the file of results."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = dict[str, Any]
Section = Callable[[Sequence[Row]], str]

_HEAD = """# Reliability

    python -m benchmarks reliability                          # remakes this page; three hours
    python -m benchmarks reliability --parts faults kills     # some of it; --help lists the parts

What happens to a run when the disk, the machine, the user or the density does what it should not.
Every fault is a process of its own, with the code in `benchmarks/reliability`. The tests have a
short version of each: `tests/test_resume.py`, `tests/test_endings.py`, `tests/zoo` and
`tests/benchmarks/test_reliability.py`. Figures: `benchmarks/results/reliability.json`.
"""


def page(rows: Sequence[Row], sections: Mapping[str, Section]) -> str:
    """Returns the page in Markdown.

    Args:
        rows: of the file of results, each with the name of its ``part``.
        sections: for each part what writes its rows as text.
    """
    texts = [_HEAD]
    for name, write in sections.items():
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


def faults(rows: Sequence[Row]) -> str:
    """Returns the section on what each fault did."""
    right = sum(row["is_right"] for row in rows)
    table = _table(
        ("fault", "right", "what happens", "as it should"),
        [(row["fault"], row["right"], _short(row["happened"]), row["is_right"]) for row in rows],
    )
    return f"## Faults\n\n{right} of {len(rows)} end as they should.\n\n{table}"


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:197]}..."


def kills(rows: Sequence[Row]) -> str:
    """Returns the section on the kills."""
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


def determinism(rows: Sequence[Row]) -> str:
    """Returns the section on which runs have the same bits."""
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


def zoo(rows: Sequence[Row]) -> str:
    """Returns the section on how the runs on the zoo ended."""
    names = [name for name in rows[0] if name not in ("part", "density", "is_right")]
    table = _table(
        ("density", *names), [[row["density"], *(row[n] for n in names)] for row in rows]
    )
    return f"""## Zoo

Random configurations of the 432 variants on the densities of `tests/zoo`, with random numbers: each
run ends with a finite mixture or with an end that has a name.

{table}"""


def writing(rows: Sequence[Row]) -> str:
    """Returns the section on what writing costs."""
    names = [name for name in rows[0] if name != "part"]
    table = _table(names, [[row[name] for name in names] for row in rows])
    return f"""## The cost of writing

Pairs of runs with and without `checkpoint=`, medians. A thread writes beside the next chunk, as
often as takes 2 % of the time, and the last snapshot is waited for, which shows in runs as short as
these: `share_at_one_a_minute` is that of a long one.

{table}"""


def soak(rows: Sequence[Row]) -> str:
    """Returns the section on the long runs."""
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
            for row in rows
        ],
    )
    return f"""## Soak

Six modes in four dimensions; a component is added every three iterations, and deleted when it is
light. Each pair is the median of the second tenth of the time, when all is compiled, and of the
last. Time of a step is that of the processor, at an equal number of components.

{first}"""


def fits(rows: Sequence[Row]) -> str:
    """Returns the section on many fits in one process."""
    table = _table(
        (
            "densities",
            "fits",
            "MiB per fit",
            "memory, MiB",
            "seconds per fit",
            "cure told",
            "dropped",
        ),
        [
            (
                row["soak"],
                row["fits"],
                row["mib_per_fit"],
                _pair(row["memory_mib"]),
                row["seconds_per_fit"],
                "yes" if row["cure_told"] else "no",
                row["programs_dropped"],
            )
            for row in rows
        ],
    )
    return f"""## Many fits in one process

A function made anew for each fit compiles anew, and JAX keeps its programs: a warning says so, and
the cure. Where the memory maps that they hold near the limit of Linux, which would end the process,
all are dropped, with a warning.

{table}"""


def _pair(values: Sequence[float]) -> str:
    return " to ".join(f"{value:,.0f}" for value in values)
