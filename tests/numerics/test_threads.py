"""How many threads: set, restored, and from the environment."""

import os
import subprocess
import sys

import pytest

from numerics.threads import set_threads, threads, use_threads


def test_use_threads_restores() -> None:
    before = threads()
    with use_threads(before + 1):
        assert threads() == before + 1
    assert threads() == before


def test_use_threads_restores_after_an_error() -> None:
    before = threads()
    with pytest.raises(RuntimeError, match="inside"), use_threads(1):
        raise RuntimeError("inside")
    assert threads() == before


def test_none_is_refused() -> None:
    with pytest.raises(ValueError, match="threads is 0; allowed: a whole number from 1"):
        set_threads(0)


@pytest.mark.parametrize(("text", "expected"), [("1", "1"), ("two", "TRUESPIN_THREADS is 'two'"), ("0", "is '0'")])
def test_environment(text: str, expected: str) -> None:
    program = """
from numerics.threads import threads
try:
    print(threads())
except ValueError as error:
    print(error)
"""
    environment = {**os.environ, "TRUESPIN_THREADS": text}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert expected in run.stdout
