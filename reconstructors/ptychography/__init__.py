"""Ptychography: object and probe from overlapping diffraction patterns.

From the top, each room knows those below it:

- `methods`, `coupled`: the registered methods; `preparation`, `reading`, `start_probe`, `shadow`, `background`: from a
  measurement to what engines work on; `results`, `checkpoint`: what they leave;
- `dichroic`: both helicities at once;
- `corrections`: what is not as the header says: positions, defocus, corrupt frames;
- `engines`: rPIE, `rpie_plus`, difference map, least squares; modes, gauges and what listens to an engine;
- `problem`, `state`, `stream`: a measurement as plain arrays, what engines change, frames on disk;
- `kernels`: one batch of frames, from object and probe to gradients.
"""
