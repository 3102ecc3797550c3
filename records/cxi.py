"""CXI 1.6 / NXcxi_ptycho: ptychographic measurements and reconstructions in the files of the beamlines.

- `open_node`, `count_projections`: the projections of a file as measurements, frames left in the file;
- `write_nodes`: measurements to a file, frame by frame;
- `read_reconstruction`, `write_reconstruction`: object and probe of any program's file, and of ours.

**Layout.** One ``entry_N`` for each projection and helicity. Frames are in ``instrument_1/detector_1/data`` with a link
from ``data_1``, translations in ``sample_1/geometry_1/translation`` with links from both, everything in SI units, the
photon energy in joules. What CXI has no place for (read noise, zone plate, constants of the magnet, focus distance,
frames left out) is in a group ``truespin``, which other programs skip; a file is read without it.

**Sign of the translations.** In CXI they are those of the *sample* in a frame with the beam along +z and y upwards; the
rows of a frame count along -y and its columns along -x, unless ``basis_vectors`` say otherwise. The probe's place on
the sample is minus the translation, so in array coordinates position (y, x) = translation (y, x). cdtools writes and
reads it so, and the shadow images of a near field that it wrote move as this sign says (a test). Programs that write
the probe's place itself are read with ``probe_moves=True``. In the far field the wrong sign gives the twin O*(-r),
which the data cannot tell from O(r); in the near field it gives nothing sensible.

**Helicity.** CXI has no field for it. It is the sign of the fourth Stokes parameter in
``beam_1/incident_polarization_stokes`` of NeXus: V > 0 where the electric field turns clockwise as seen from the
source, which is helicity +1. An entry without it counts as +1; ``helicity=[1, -1]`` tells what a file does not.

**Angles.** ``sample_1/geometry_1/orientation`` holds the sample's x and y axis after a rotation about z (in-plane
angle) and a tilt about array x.

**Data that are no counts.** Dark-subtracted, scaled or averaged data become whole numbers by an offset and a scale,
which ``dark`` and ``gain`` take back. A pixel that is NaN or negative in all frames is masked; a frame with a NaN
elsewhere is left out (``used``). Frames that are not square are padded with masked pixels.

**Images of a reconstruction.** ``image_1/data`` is the probe (mode, y, x) in photon^1/2, ``image_2/data`` the object,
complex, with ``image_size`` in m; ``image_3`` and ``image_4`` of the first entry the charge and the magnetic image.
"""

from records.cxi_images import read_reconstruction, write_reconstruction
from records.cxi_read import count_projections, open_node
from records.cxi_write import write_nodes

__all__ = ["count_projections", "open_node", "read_reconstruction", "write_nodes", "write_reconstruction"]
