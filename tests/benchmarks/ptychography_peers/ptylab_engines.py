"""PtyLab (Loetgering et al., Opt. Express 31, 13763 (2023)), driven through its public classes.

- `epie`, `rpie`, `mpie`: with the package's own steps; rPIE is its mPIE without feedback of the momentum.

The settings are those that cost least: frames shifted once, no pictures, no progress bars, single precision.
"""

import os
import tempfile
from importlib.metadata import version
from pathlib import Path

os.environ["TQDM_DISABLE"] = "1"

import h5py
import numpy as np
import PtyLab

VERSION = f"PtyLab {version('ptylab')}, numpy {np.__version__}"
FOREVER = 10**6


def epie(data, turns):
    engine = PtyLab.Engines.ePIE(*_parts(data))
    engine.numIterations = FOREVER
    frames = len(data.counts)
    for done, _ in enumerate(engine.reconstruct_stepwise(), 1):
        if done % frames == 0:
            turns(lambda: _object(engine.reconstruction))


def mpie(data, turns, **settings):
    engine = PtyLab.Engines.mPIE(*_parts(data))
    engine.numIterations = FOREVER
    for name, value in settings.items():
        setattr(engine, name, value)
    engine.reconstruct(vis_after_each_iteration=lambda _, reconstruction: turns(lambda: _object(reconstruction)))


def rpie(data, turns):
    mpie(data, turns, feedbackM=0.0)


def _parts(data):
    np.random.seed(0)  # noqa: NPY002
    with tempfile.TemporaryDirectory() as folder:
        measured = PtyLab.ExperimentalData(_write(data, Path(folder) / "frames.hdf5"))
    parameters = PtyLab.Params()
    parameters.fftshiftSwitch = True
    parameters.saveMemory = True
    reconstruction = PtyLab.Reconstruction(measured, parameters)
    reconstruction.No = data.size
    reconstruction.initializeObjectProbe()
    reconstruction.object[:] = 1
    reconstruction.probe = data.probe.reshape(reconstruction.probe.shape).copy()
    assert np.array_equal(reconstruction.positions, data.corners)
    return reconstruction, measured, parameters, PtyLab.DummyMonitor()


def _write(data, path):
    """Write a file as the package reads it."""
    n, distance = data.counts.shape[-1], 0.1
    with h5py.File(path, "w") as file:
        file["ptychogram"] = data.counts.astype(np.float32)
        file["encoder"] = (data.corners + n // 2 - data.size // 2) * data.pixel_size
        file["wavelength"], file["zo"] = data.wavelength, distance
        file["dxd"] = data.wavelength * distance / (n * data.pixel_size)
    return path


def _object(reconstruction):
    return np.squeeze(reconstruction.object)
