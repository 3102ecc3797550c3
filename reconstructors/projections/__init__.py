"""From ptychographic images to projections: optical density, background, registration, alignment.

- `optical_density`: of a transmission, and the parts that the two helicities share and do not share;
- `exterior`: where a projection shows no sample, found without truth;
- `background`: Laplace's equation inside the sample, the exterior as boundary;
- `helicity_pair`: one helicity's image brought onto the other's before their difference is taken, with
  `displacement` (least squares) and `key_points` beneath it;
- `alignment`: where the sample lies in each image of a tilt series, with `common_line` beneath it.
"""
