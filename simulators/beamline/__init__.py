"""Parts of a coherent soft-x-ray beamline.

- `film`: the wave behind a magnetic multilayer.
- `mask`: where the holes are, as drawn and as made.
- `references`: the wave through a hole in a thick mask.
- `source`: illumination, coherence, bandwidth; the far field.
- `detector`: from expected photons to counts.
"""
