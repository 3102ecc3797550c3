"""What passes between simulators, reconstructors, validation and reports.

- `sample`, `truth`, `measurement`, `reconstruction`: the records, each an `xarray.Dataset` with a builder ``make`` and
  a ``check``; `ptychography`, `ptychography_truth`, `ptychography_reconstruction`: those of kind ``"ptychography"``;
- `scorecard`: rows, statuses and configuration of a run, as JSON;
- `store`, `guarded`: files, written whole or not at all; `frames`: those of ptychographic measurements, frame by frame;
- `cxi`: ptychographic measurements and reconstructions in the files of the beamlines;
- `ovf`: magnetization files of OOMMF, mumax3 and Ubermag; `vtk`, `vtk_arrays`: those of ParaView; `vectors`: what both
  share; `sample_files`: a sample from or to any of them;
- `array_files`: anybody's arrays, from npy to TIFF; `field_files`: anybody's vector fields;
- `describe`, `describe_ptychography`: what is in any file that can be read;
- `checks`, `coordinates`, `detector`, `method_results`, `errors`: what they share;
- `check`: check any record by its own attributes ``record`` and ``kind``.
"""

import xarray as xr

from records import (
    measurement,
    ptychography,
    ptychography_reconstruction,
    ptychography_truth,
    reconstruction,
    sample,
    truth,
)
from records.errors import RecordError

__all__ = ["RecordError", "check"]

_CHECKS = {
    "sample": sample.check,
    "truth": truth.check,
    "measurement": measurement.check,
    "reconstruction": reconstruction.check,
}

_CHECKS_OF_PTYCHOGRAPHY = {
    "truth": ptychography_truth.check,
    "measurement": ptychography.check,
    "reconstruction": ptychography_reconstruction.check,
}


def check(dataset: xr.Dataset) -> None:
    """Check a record of any sort, told by its attributes ``record`` and ``kind``.

    Raises
    ------
    RecordError
        In one line, at the first thing that is wrong.
    """
    name = dataset.attrs.get("record")
    if name not in _CHECKS:
        raise RecordError(f"record: found {name!r}; expected one of {sorted(_CHECKS)}")
    of_ptychography = dataset.attrs.get("kind") == "ptychography" and name in _CHECKS_OF_PTYCHOGRAPHY
    (_CHECKS_OF_PTYCHOGRAPHY if of_ptychography else _CHECKS)[name](dataset)
