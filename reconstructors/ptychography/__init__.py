"""Ptychography.

- `problem`: a measurement as plain arrays; `state`: what a method changes;
- `sums`, `kernels`, `library_kernel`, `fused_kernel`: one batch of frames, from object and probe to gradients;
- `pie`: ePIE and batched rPIE.
"""
