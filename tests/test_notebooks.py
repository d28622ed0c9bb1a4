"""The notebooks run from top to bottom, and their committed outputs are complete."""

from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_outputs_are_complete_and_free_of_errors(path):
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert all(cell.execution_count for cell in cells), "execute the notebook and commit it"
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs)


# What a notebook prints whatever the machine: the conclusions of its text.
PRINTS = {
    "quickstart": ("31 dimensions",),
    "numpyro_modes": (
        "of 7.22 days",
        "of 3.91 days",
        "of 1.95 days",
        "k-hat                         0.",
    ),
    "logistic_regression": ("log Z by the fit: -98.8",),
    "black_box": ("of the samples were NaN",),
    "sample_efficiency": ("124 evaluations per component and iteration",),
    "robot": ("solution 0: ", "motion 0: ", "motion 1: "),
    "policy_search": ("best return -1.14", "best return -1.33"),
    "per_datum": (
        "the noise with the largest sum of ELBOs: 0.15 km",
        "largest gap below 0.05 nats",
    ),
    "many_runs": (
        "all means within 0.001 standard deviations: True",
        "all standard deviations within 0.1 %: True",
        "merged better than the best run: True",
        "merged better than the best run: False",
        "means as those of one device, to 0.001 standard deviations: True",
        "mean as that of one device, to 0.001 standard deviations: True",
    ),
    "multimodal": ("odds for two: 2.7 to 1", "on the grid:  2.7 to 1"),
    "design_choices": ("log Z = 2.248", "SAMTRON: "),
    "own_choice": ("iterations: [140 140 140 140]",),
}


def test_every_notebook_has_something_to_print():
    assert {path.stem for path in NOTEBOOKS} == set(PRINTS)


def printed(notebook: nbformat.NotebookNode) -> str:
    """Returns all that the cells print."""
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    return "".join(output.text for output in outputs if output.get("name") == "stdout")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_committed_notebook_prints_its_conclusions(path):
    text = printed(nbformat.read(path, as_version=4))
    assert [line for line in PRINTS[path.stem] if line not in text] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path):
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    text = printed(notebook)
    assert [line for line in PRINTS[path.stem] if line not in text] == []
