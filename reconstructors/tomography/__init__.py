"""From projections to the charge volume and to the three components of the magnetization.

- `geometry`: poses as rotations and shifts, rigid transforms; `coverage`: which directions they measure;
- `projector`, `fourier_slice`, `splat`: line integrals along many directions, and their adjoints.
"""
