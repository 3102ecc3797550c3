"""Mathematics that knows no physics.

- `fourier`: every Fourier transform of the project.
- `iterate`: the driver of iterative solvers, its stop rules and watchers.
- `lanes`: vectors of sixteen numbers in compiled kernels; `line_fft`: our own line transforms made of them.
- `atomics`: whole numbers that threads share in compiled kernels.
- `streams`: independent random streams, named, so that a result does not depend on who computed it.
- `threads`: how many threads the hot loops use.
"""
