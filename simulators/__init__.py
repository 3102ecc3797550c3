"""From a sample whose every spin is known to what a detector would have seen.

- `samples`: spin textures, analytic or a third party's.
- `beamline`: film, mask, references, source, detector.
- `experiments`: whole experiments: a sample and a setup in, a measurement and its truth out.
"""
