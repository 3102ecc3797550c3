"""Whole experiments.

Holography:

- `setups`: what an experiment consists of, in frozen dataclasses.
- `holography`: `expected_patterns`, `detect`, `simulate`.

Ptychography:

- `ptychography_setups`: what an experiment consists of.
- `vector_ptychography`: `simulate_projection`, `simulate_series`, `expected_projection`, `detect_projection`; beneath
  it `ptychography_light`, `expected_frames`, `frame_detection` and `ptychography_truth`.
"""
