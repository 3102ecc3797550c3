"""One batch of frames, from object and probe to gradients.

- `choice`: the fastest kernel for given frames; `library_kernel`, with `frame_loops`: any size, near field too;
- `fused_kernel`: far field, sizes of `numerics.line_fft`: `fused_layout`, `fused_steps`, `fused_frames`: a frame in one
  core's cache; `fused_work`, `fused_helper`: two threads; `fused_update`: the step from a batch's sums;
- `sums`: what a batch adds up; `placing`: where frames lie on the object's pixels.
"""
