"""Parts of a coherent soft-x-ray beamline.

Holography:

- `film`: the wave behind a magnetic multilayer.
- `mask`: where the holes are, as drawn and as made.
- `references`: the wave through a hole in a thick mask.
- `source`: illumination, coherence, bandwidth; the far field.
- `detector`: from expected photons to counts.

Ptychography:

- `zone_plate`, `coherence_modes`: the probe, and the modes of a partly coherent one.
- `scan`: positions and their errors.
- `tilted_slices`, `exit_wave`: a tilted volume as slices, multislice, expected frames; beneath them `slice_walk`,
  `far_field` and `slice_kernels`.
- `frame_detector`, `frame_background`, `flux`, `faults`: what becomes of the frames.
"""
