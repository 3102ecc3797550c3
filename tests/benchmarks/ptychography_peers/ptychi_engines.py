"""pty-chi, driven through its public task.

- `rpie`: batches of 8, since the updates of a batch are summed and long ones diverge; `lsqml`: batches of 32.
"""

from importlib.metadata import version

import numpy as np
import ptychi.api as api
import torch
from ptychi.api.task import PtychographyTask

VERSION = f"pty-chi {version('ptychi')}, torch {torch.__version__}"


def rpie(data, turns):
    _run(api.RPIEOptions(), data, turns, batch=8)


def lsqml(data, turns):
    _run(api.LSQMLOptions(), data, turns, batch=32)


def _run(options, data, turns, *, batch):
    torch.set_num_threads(1)
    n = data.counts.shape[-1]
    options.data_options.wavelength_m = data.wavelength
    options.object_options.pixel_size_m = data.pixel_size
    # A frame's position is that of its centre, between pixels where their number is even.
    options.object_options.determine_position_origin_coords_by = api.ObjectPosOriginCoordsMethods.SPECIFIED
    options.object_options.position_origin_coords = [-0.5, -0.5]
    options.reconstructor_options.default_device = api.Devices.CPU
    options.reconstructor_options.batch_size = batch
    options.reconstructor_options.displayed_loss_function = None
    options.reconstructor_options.random_seed = 0
    task = PtychographyTask(
        options,
        diffraction_data=data.counts.astype(np.float32),
        object_data=np.ones((1, data.size, data.size), np.complex64),
        probe_data=data.probe[None, None],
        probe_position_x_px=(data.corners[:, 1] + n / 2).astype(np.float32),
        probe_position_y_px=(data.corners[:, 0] + n / 2).astype(np.float32),
    )
    while True:
        task.run(1)
        turns(lambda: task.get_data_to_cpu("object", as_numpy=True)[0])
