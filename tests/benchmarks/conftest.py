"""Benchmarks run when they are asked for: TRUESPIN_BENCHMARKS=1."""

import os
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    if os.environ.get("TRUESPIN_BENCHMARKS") == "1":
        return
    skip = pytest.mark.skip(reason="a benchmark; TRUESPIN_BENCHMARKS=1 runs it")
    for item in items:
        if _HERE in Path(item.path).parents:
            item.add_marker(skip)
