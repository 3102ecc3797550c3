"""What passes between simulators, reconstructors, validation and reports.

- `sample`, `truth`, `measurement`, `reconstruction`: the records, each an `xarray.Dataset` with a builder ``make`` and
  a ``check``;
- `scorecard`: rows, statuses and configuration of a run, as JSON;
- `store`: files, written whole or not at all;
- `ovf`: magnetization files of OOMMF, mumax3 and Ubermag; `vtk`, `vtk_arrays`: those of ParaView; `vectors`: what both
  share; `sample_files`: a sample from or to any of them;
- `array_files`: anybody's arrays, from npy to TIFF; `field_files`: anybody's vector fields;
- `describe`: what is in any file that can be read;
- `checks`, `errors`: what they share;
- `check`: check any record by its own attribute ``record``.
"""

import xarray as xr

from records import measurement, reconstruction, sample, truth
from records.errors import RecordError

__all__ = ["RecordError", "check"]

_CHECKS = {
    "sample": sample.check,
    "truth": truth.check,
    "measurement": measurement.check,
    "reconstruction": reconstruction.check,
}


def check(dataset: xr.Dataset) -> None:
    """Check a record of any sort, told by its attribute ``record``.

    Raises
    ------
    RecordError
        In one line, at the first thing that is wrong.
    """
    name = dataset.attrs.get("record")
    if name not in _CHECKS:
        raise RecordError(f"record: found {name!r}; expected one of {sorted(_CHECKS)}")
    _CHECKS[name](dataset)
