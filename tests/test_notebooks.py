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


def printed(notebook: nbformat.NotebookNode, ending: str) -> str:
    """Returns what the cell with this ending prints last."""
    (cell,) = [c for c in notebook.cells if c.cell_type == "code" and c.source.endswith(ending)]
    return [output.text for output in cell.outputs if output.get("name") == "stdout"][-1]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path):
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    if path.stem == "quickstart":
        assert "31 dimensions" in printed(notebook, "print(posterior.summary())")
    else:
        periods = printed(notebook, '({low:.2f} to {high:.2f})")')
        assert [f"of {period} days" in periods for period in ("7.22", "3.91", "1.95")] == [True] * 3
        assert "k-hat                         0." in printed(notebook, "print(result.diagnose())")
