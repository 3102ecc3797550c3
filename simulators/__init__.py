"""From a sample whose every spin is known to what a detector would have seen.

- `micromagnetics`: fields, energies and relaxation of a magnet on a grid.
- `samples`: textures of exact form, relaxed films, superlattices with hedgehogs, and a third party's.
- `beamline`: film, mask, references, source, detector.
- `experiments`: whole experiments: a sample and a setup in, a measurement and its truth out.
"""
