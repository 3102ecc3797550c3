"""From ptychographic images to projections: optical density, background, registration, alignment.

- `optical_density`: of a transmission, and the parts that the two helicities share and do not share;
- `helicity_pair`: one helicity's image brought onto the other's before their difference is taken.
"""
