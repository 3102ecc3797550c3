"""Our engines, and the floor below all of them.

- `floor`: nothing but the forward and the inverse transform of every frame, in place;
- `rpie`: batches of 32; `rpie_plus`: the whole schedule; `rpie_plus_batches`: its first stage for ever.
"""

from importlib.metadata import version

import numpy as np

from numerics import fourier
from reconstructors.ptychography.engines import gauge
from reconstructors.ptychography.engines import rpie_plus as plus
from reconstructors.ptychography.engines.pie import Pie, PieParameters
from reconstructors.ptychography.engines.schedule import Schedule
from reconstructors.ptychography.problem import Optics, from_arrays
from reconstructors.ptychography.state import start

VERSION = f"truespin {version('truespin')}, numpy {np.__version__}"


def floor(data, turns):
    field = data.counts.astype(np.complex64)
    while True:
        field = fourier.ifft2(fourier.fft2(field, overwrite=True), overwrite=True)
        turns(field.copy)


def rpie(data, turns):
    problem = _problem(data)
    _go_on(Pie(problem, PieParameters(batch=32), rng=_rng()), start(problem), turns)


def rpie_plus_batches(data, turns):
    problem, parameters = _problem(data), plus.RpiePlusParameters()
    solver = Pie(problem, parameters.batched(len(data.counts)), rng=_rng(), listeners=gauge.standard(problem))
    _go_on(solver, start(problem), turns)


def rpie_plus(data, turns):
    problem, parameters = _problem(data), plus.RpiePlusParameters(epochs=10**6)
    gauges = plus.gauges(problem, parameters)
    solver, state = Schedule(problem, plus.stages(problem, parameters), rng=_rng(), listeners=gauges), start(problem)

    def finished():
        last = state.copy()
        solver.finish(last)
        gauge.apply_all(gauges, last)
        return last.object

    while True:
        solver.step(state)
        turns(finished)


def _go_on(solver, state, turns):
    while True:
        solver.step(state)
        turns(lambda: state.object)


def _problem(data):
    return from_arrays(
        data.counts,
        data.corners,
        data.probe,
        optics=Optics(data.wavelength, data.pixel_size),
        object_shape=(data.size, data.size),
    )


def _rng():
    return np.random.default_rng(0)
