"""What passes between simulators, reconstructors, validation and reports.

- `sample`, `truth`, `measurement`, `reconstruction`: the records, each an `xarray.Dataset` with a builder ``make`` and
  a ``check``; `ptychography`, `ptychography_truth`, `ptychography_reconstruction`: those of kind ``"ptychography"``;
  `projections`, `projections_truth`, `projections_reconstruction`: those of kind ``"projections"``, whose volumes
  `projections_volume` holds;
- `scorecard`: rows, statuses and configuration of a run, as JSON;
- `store`, `guarded`: files, written whole or not at all; `frames`: those of ptychographic measurements, frame by frame;
- `cxi`: ptychographic measurements and reconstructions in the files of the beamlines;
- `ovf`: magnetization files of OOMMF, mumax3 and Ubermag; `vtk`, `vtk_arrays`: those of ParaView; `vectors`: what both
  share; `sample_files`: a sample from or to any of them;
- `array_files`: anybody's arrays, from npy to TIFF; `field_files`: anybody's vector fields;
- `projection_files`: anybody's projections and their angles;
- `describe`, `describe_ptychography`, `describe_projections`: what is in any file that can be read;
- `checks`, `coordinates`, `detector`, `method_results`, `errors`: what they share;
- `check`: check any record by its own attributes ``record`` and ``kind``.
"""

from collections.abc import Callable

import xarray as xr

from records import (
    measurement,
    projections,
    projections_reconstruction,
    projections_truth,
    ptychography,
    ptychography_reconstruction,
    ptychography_truth,
    reconstruction,
    sample,
    truth,
)
from records.errors import RecordError

__all__ = ["RecordError", "check"]

_Checks = dict[str, Callable[[xr.Dataset], None]]

_CHECKS: _Checks = {
    "sample": sample.check,
    "truth": truth.check,
    "measurement": measurement.check,
    "reconstruction": reconstruction.check,
}

_CHECKS_OF_KIND: dict[str, _Checks] = {
    "ptychography": {
        "truth": ptychography_truth.check,
        "measurement": ptychography.check,
        "reconstruction": ptychography_reconstruction.check,
    },
    "projections": {
        "truth": projections_truth.check,
        "measurement": projections.check,
        "reconstruction": projections_reconstruction.check,
    },
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
    (_CHECKS | _CHECKS_OF_KIND.get(str(dataset.attrs.get("kind")), {}))[name](dataset)
