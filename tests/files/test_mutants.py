"""Files with random damage are images or clear errors, never anything else."""

import os
from itertools import islice
from pathlib import Path

import pytest
from mutants import fault_of, mutants


@pytest.mark.skipif(os.name != "posix", reason="slowness is found by a signal")
def test_damaged_files_are_images_or_clear_errors(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    faults = [
        f"{number}: {fault}"
        for number, (_, path) in enumerate(islice(mutants(tmp_path, seed=7), 250))
        if (fault := fault_of(path)) is not None
    ]
    assert not faults
    capfd.readouterr()  # what libraries of C print about them
