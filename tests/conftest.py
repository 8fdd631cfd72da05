"""What all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Images in tests are small: more threads would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A machine under load is slow, which is no fault of what is tested.
settings.register_profile("project", deadline=None, max_examples=30)
settings.load_profile("project")

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Benchmark images and reference weights, kept beside the repository.

Their owners do not allow us to pass them on, so a clone has none of them.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked ``needs_shared`` where there is no such folder."""
    if SHARED.is_dir():
        return
    skip = pytest.mark.skip(reason=f"benchmark images and weights not at {SHARED}")
    for item in items:
        if item.get_closest_marker("needs_shared"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Give the folder of benchmark images and weights, or skip."""
    if not SHARED.is_dir():
        pytest.skip(f"benchmark images and weights not at {SHARED}")
    return SHARED
