"""The report of a folder of records: one Markdown file with its figures beside it."""

from pathlib import Path

from benchmarks.report_claims import claim_lines
from benchmarks.report_figures import draw_figure
from benchmarks.report_tables import cost_table, quality_table, skipped_lines
from benchmarks.run_record import read_records


def write_report(folder: Path) -> Path:
    """Writes ``report.md`` and a PNG per suite and target; returns the file.

    Raises:
        FileNotFoundError: the folder has no records.
    """
    records = read_records(folder)
    if not records:
        raise FileNotFoundError(
            f"{folder} has no records; make some with "
            f"`python -m benchmarks run SUITE --out {folder}`."
        )
    groups: dict[tuple[str, str], list[dict]] = {}
    for record in records:
        specification = record["specification"]
        groups.setdefault((specification["suite"], specification["target"]), []).append(record)
    lines = ["# Benchmark report", "", *_about(records), ""]
    for suite in sorted({suite for suite, _ in groups}):
        done = [
            r for r in records if r["status"] == "done" and r["specification"]["suite"] == suite
        ]
        claims = claim_lines(suite, done)
        lines += [f"## {suite}: what is claimed", "", *claims] if claims else []
    for (suite, target), group in sorted(groups.items()):
        lines += [f"## {suite}: {target}", ""]
        done = [record for record in group if record["status"] == "done"]
        if done:
            figure = f"{suite}-{target}.png"
            draw_figure(done, folder / figure, f"{suite}: {target}")
            lines += [*quality_table(done), "", *cost_table(done), ""]
            lines += [f"![ELBO over evaluations and seconds]({figure})", ""]
        lines += [*skipped_lines(group), ""]
    path = folder / "report.md"
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return path


def _about(records: list[dict]) -> list[str]:
    """Returns what the runs ran on."""
    machines = sorted(
        {f"{r['machine']['processor']}, {r['machine']['cores']} cores" for r in records}
    )
    versions = sorted({f"{k} {v}" for r in records for k, v in r["versions"].items()})
    loads = [record["machine"]["load"][0] for record in records if record["machine"]["load"]]
    busy = f" Load while they ran: {min(loads):.1f} to {max(loads):.1f}." if loads else ""
    return [
        f"{len(records)} runs on {'; '.join(machines)}.{busy}",
        "",
        f"Versions: {', '.join(versions)}.",
        "",
        "Numbers are medians over the seeds, quartiles in brackets where there are several. The "
        "ELBO is in nats, from 20,000 draws of the final approximation in double precision. "
        "Sampling methods have none: compare them by medians, scales and modes.",
    ]
