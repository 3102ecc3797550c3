"""Whole experiments.

- `setups`: what an experiment consists of, in frozen dataclasses.
- `holography`: `expected_patterns`, `detect`, `simulate`.
"""
