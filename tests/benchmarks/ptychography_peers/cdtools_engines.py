"""cdtools, driven through its public classes.

- `adam`: gradient descent by automatic differentiation, batches of 10.

The model is the package's plainest, whose frames lie on whole pixels; the richer one costs more and gains nothing here.
"""

from importlib.metadata import version

import numpy as np
import torch
from cdtools import datasets, models, reconstructors

VERSION = f"cdtools {version('cdtools-py')}, torch {torch.__version__}"
FOREVER = 10**6


def adam(data, turns):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pixel, corners = data.pixel_size, torch.as_tensor(data.corners)
    basis = torch.tensor([[0.0, pixel], [pixel, 0.0], [0.0, 0.0]])
    translations = torch.stack([corners[:, 1] * pixel, corners[:, 0] * pixel, 0 * corners[:, 0]], 1).to(torch.float32)
    patterns = torch.as_tensor(data.counts.astype(np.float32))
    dataset = datasets.Ptycho2DDataset(translations, patterns, wavelength=data.wavelength)
    object_ = torch.ones(data.size, data.size, dtype=torch.complex64)
    model = models.SimplePtycho(data.wavelength, basis, torch.as_tensor(data.probe), object_)
    reconstructor = reconstructors.AdamReconstructor(model, dataset)
    for _ in reconstructor.optimize(FOREVER, batch_size=10, lr=0.02, thread=False):
        turns(lambda: model.obj.detach().numpy())
