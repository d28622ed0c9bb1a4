"""The benchmark of reliability: faults that need no compiled program, and the page."""

import pytest

from benchmarks.reliability.faults.fault import expected
from benchmarks.reliability.faults.measure import FAULTS
from benchmarks.reliability.page import faults as page_of_faults
from benchmarks.reliability.page import page

QUICK = ("read-only directory", "a run larger than the memory", "train under jit and vmap")


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_ends_as_it_should(name, tmp_path):
    assert FAULTS[name].happens(tmp_path)


def test_an_exception_is_the_one_that_is_right_or_the_fault_ends_wrong():
    with expected(ValueError, "two", "words") as said:
        raise ValueError("two words")
    assert said == ["ValueError: two words"]
    with pytest.raises(AssertionError, match="UnicodeError: two words"), expected(ValueError):
        raise UnicodeError("two words")
    with (
        pytest.raises(AssertionError, match=r"\['three'\] not in two"),
        expected(OSError, "three"),
    ):
        raise OSError("two")
    with pytest.raises(AssertionError, match="no exception"), expected(ValueError):
        pass


def test_the_page_says_what_ended_wrong():
    faults = [
        {
            "part": "faults",
            "fault": name,
            "right": "it ends",
            "happened": "a | b",
            "is_right": right,
        }
        for name, right in (("one", True), ("two", False))
    ]
    text = page(faults, {"faults": page_of_faults})
    assert "1 of 2 end as they should" in text
    assert r"| two | it ends | a \| b | **no** |" in text
    assert "## Kills" not in text
