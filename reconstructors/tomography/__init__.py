"""From projections to the charge volume and to the three components of the magnetization.

- `methods`: what is registered; `results`, `flags`: its record, and when not to trust it;
- `preparation`: images to line integrals, `wave_images`: to complex ones, `variance`: how noisy they are; `poses`:
  nominal angles to poses;
- `pipeline`: charge, fill and vector solve in turn; `texture`: whether all series saw one magnetization;
- `refinement`, `series`: poses by reprojection, remounted series in one frame;
- `vector`, `vector_plus`, `scalar`: the recipes; `solvers`, `spins`, `constraints`, `stopping`: what they are made of;
- `data_term`: how well a volume explains the projections;
- `projector`, `fourier_slice`, `splat`: line integrals along many directions, and their adjoints; `curved_slices`,
  `waves`: with the light's propagation inside of the sample; `composition`: what absorbs and delays it;
- `geometry`: poses as rotations and shifts, rigid transforms; `coverage`: which directions they measure.
"""
