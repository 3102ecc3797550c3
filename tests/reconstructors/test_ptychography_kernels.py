"""The fused kernel: equal to the library's, whatever is asked of it, and the same bits on any number of threads."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from numerics import fourier
from numerics.threads import use_threads
from reconstructors.ptychography.kernels.fused_helper import Helper, Pace
from reconstructors.ptychography.kernels.fused_kernel import FusedKernel, can_fuse
from reconstructors.ptychography.kernels.fused_update import update
from reconstructors.ptychography.kernels.library_kernel import LibraryKernel
from reconstructors.ptychography.kernels.sums import MOMENTS, Sums

CLOSE = 1e-5
NAMES = ("object_numerator", "object_weight", "probe_numerator", "probe_weight")


@dataclass
class Case:
    """A batch, and how it is computed."""

    n: tuple[int, int] = (64, 64)
    modes: int = 1
    frames: int = 5
    margin: tuple[int, int] = (23, 41)
    background: bool = False
    factors: bool = False
    scale: bool = False
    moments: bool = False
    options: dict[str, object] = field(default_factory=dict)

    def __post_init__(self):
        rng = np.random.default_rng(1)
        (ny, nx), (my, mx) = self.n, self.margin
        self.shape = (ny + my, nx + mx)
        smooth = np.exp(-(np.hypot(*np.mgrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j]) ** 2) * 4)
        self.probe = (smooth * (1 + noise(rng, (self.modes, ny, nx)))).astype(np.complex64) * 3
        self.object = (1 + 0.3 * noise(rng, self.shape)).astype(np.complex64)
        self.corners = np.stack([rng.integers(0, m + 1, self.frames) for m in (my, mx)], 1)
        self.corners[0], self.corners[-1] = (0, 0), (my, mx)
        self.valid = rng.random(self.n) > 0.05
        self.amplitudes = np.sqrt(rng.poisson(20.0, (self.frames, ny, nx))).astype(np.float32)
        self.dark = rng.uniform(0.5, 1, self.n).astype(np.float32) if self.background else None
        phases = [np.exp(1j * rng.normal(size=(self.frames, n))).astype(np.complex64) for n in self.n]
        self.arguments = {
            "factors": tuple(phases) if self.factors else None,
            "scale": rng.uniform(0.7, 1.3, self.frames).astype(np.float32) if self.scale else None,
            **self.options,
        }

    def kernel(self, kind=FusedKernel):
        return kind(self.n, self.modes, self.shape, valid=self.valid, background=self.dark)

    def run(self, kernel, amplitudes=None):
        """Return everything that a batch gives, by name."""
        sums = Sums.zeros(self.shape, self.probe.shape)
        moments = np.full((self.frames, len(MOMENTS)), np.nan) if self.moments else None
        packed = kernel.pack(self.amplitudes if amplitudes is None else amplitudes)
        errors = kernel.accumulate(
            self.object, self.probe, packed, self.corners, sums, moments=moments, **self.arguments
        )
        found = {name: getattr(sums, name) for name in NAMES} | {"errors": errors}
        return found if moments is None else found | dict(zip(MOMENTS, moments.T, strict=True))


def noise(rng, shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert np.abs(found[name] - value).max() <= CLOSE * np.abs(value).max(), name


def assert_equal_bits(found, expected):
    for name, value in expected.items():
        assert np.array_equal(found[name], value), name


CASES = {
    "plain": Case(),
    "128": Case(n=(128, 128), frames=3),
    "256 x 64": Case(n=(256, 64), frames=2),
    "64 x 512": Case(n=(64, 512), frames=2),
    "192 x 320": Case(n=(192, 320), frames=2),
    "modes": Case(modes=3),
    "background": Case(background=True),
    "scale": Case(scale=True),
    "poisson": Case(options={"likelihood": "poisson"}, background=True),
    "factors": Case(factors=True),
    "moments": Case(moments=True, modes=2),
    "all": Case(modes=2, background=True, factors=True, scale=True, moments=True),
    "object alone": Case(options={"want_probe": False}, moments=True),
    "probe alone": Case(modes=2, options={"want_object": False}),
    "moments alone": Case(factors=True, moments=True, options={"want_object": False, "want_probe": False}),
    "one frame": Case(frames=1, moments=True),
    "no room": Case(margin=(0, 0), moments=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_equal_to_the_library(case):
    assert_close(case.run(case.kernel()), case.run(case.kernel(LibraryKernel)))


@pytest.mark.parametrize("threads", [2, 4])
@pytest.mark.parametrize("name", ["plain", "all"])
def test_equal_bits_on_any_number_of_threads(name, threads, monkeypatch):
    case = CASES[name]
    expected = case.run(case.kernel())
    monkeypatch.setattr(Helper, "wanted", lambda self, kind: True)
    with use_threads(threads):
        kernel = case.kernel()
        for _ in range(20):
            assert_equal_bits(case.run(kernel), expected)


@pytest.mark.parametrize("taken", [0, 1, 3, 5])
def test_a_second_thread_that_stops_does_not_stop_the_first(taken, monkeypatch):
    """It takes some frames and never gives them back."""
    case = CASES["plain"]
    expected = case.run(case.kernel())

    def stops(self, function, helps, state, *arguments):
        state[0] = taken

    monkeypatch.setattr(Helper, "wanted", lambda self, kind: True)
    monkeypatch.setattr(Helper, "start", stops)
    with use_threads(2):
        assert_equal_bits(case.run(case.kernel()), expected)


@pytest.mark.parametrize("name", CASES)
def test_a_second_thread_that_is_ahead_does_more(name, monkeypatch):
    """It is done with all frames, strips included, before the first one begins."""
    case = CASES[name]
    expected = case.run(case.kernel())
    monkeypatch.setattr(Helper, "wanted", lambda self, kind: True)
    monkeypatch.setattr(Helper, "start", lambda self, function, *arguments: function(*arguments))
    with use_threads(2):
        assert_equal_bits(case.run(case.kernel()), expected)


def test_equal_bits_in_groups(monkeypatch):
    case = Case(frames=17, scale=True)
    expected = case.run(case.kernel())
    monkeypatch.setattr("reconstructors.ptychography.kernels.fused_kernel._SLOT_BYTES", 1)
    monkeypatch.setattr(Helper, "wanted", lambda self, kind: True)
    with use_threads(2):
        assert_equal_bits(case.run(case.kernel()), expected)


def test_data_of_the_model_ask_for_nothing():
    case = Case(modes=2, background=True, scale=True)
    box = [case.object[y : y + case.n[0], x : x + case.n[1]] for y, x in case.corners]
    waves = case.arguments["scale"][:, None, None, None] * case.probe * np.stack(box)[:, None]
    photons = (np.abs(fourier.fft2(waves)) ** 2).sum(1)
    found = case.run(case.kernel(), np.sqrt(photons + case.dark))
    assert found["errors"].max() < 1e-10 * photons.sum((1, 2)).min()
    assert np.abs(found["object_numerator"]).max() < 1e-5 * found["object_weight"].max()


@pytest.mark.parametrize("name", ["plain", "all"])
def test_numerators_are_the_slope_of_the_error(name):
    """Half the change of the error with object and probe along a direction is minus the sum over the numerators."""
    case, rng, step = CASES[name], np.random.default_rng(3), 1e-3
    found = case.run(case.kernel())
    for array, numerator in ((case.object, "object_numerator"), (case.probe, "probe_numerator")):
        direction = noise(rng, array.shape).astype(np.complex64) * (np.abs(found[numerator]) > 0)
        start, errors = array.copy(), []
        for sign in (1, -1):
            array += np.complex64(sign * step) * direction
            errors.append(case.run(case.kernel())["errors"].sum())
            array[...] = start
        expected = -2 * np.vdot(direction, found[numerator]).real
        assert (errors[0] - errors[1]) / (2 * step) == pytest.approx(expected, rel=5e-3)


def test_pixels_that_are_not_valid_change_nothing():
    case = CASES["plain"]
    wild = np.where(case.valid, case.amplitudes, np.float32(np.nan))
    assert_equal_bits(case.run(case.kernel(), wild), case.run(case.kernel()))


def test_sums_are_added_to():
    case = CASES["factors"]
    kernel, sums = case.kernel(), Sums.zeros(case.shape, case.probe.shape)
    once = case.run(kernel)
    for _ in range(2):
        kernel.accumulate(case.object, case.probe, kernel.pack(case.amplitudes), case.corners, sums, **case.arguments)
    for name in NAMES:
        assert np.allclose(getattr(sums, name), 2 * once[name], rtol=1e-5, atol=1e-5 * np.abs(once[name]).max())


@pytest.mark.parametrize("name", ["plain", "all"])
def test_changes_of_exit_waves(name):
    case = CASES[name]
    arguments = (case.object, case.probe)
    results = []
    for kind, threads in ((LibraryKernel, 1), (FusedKernel, 1), (FusedKernel, 2)):
        kernel = case.kernel(kind)
        packed = kernel.pack(case.amplitudes)
        with use_threads(threads):
            chi, errors = kernel.project(*arguments, packed, case.corners, **case.arguments)
            other, _ = kernel.change(chi.copy(), packed)
        results.append({"chi": chi, "errors": errors, "other": other})
    assert_close(results[1], results[0])
    assert_equal_bits(results[2], results[1])


def test_arrays_that_may_not_be_written_are_read():
    case = Case()
    expected = case.run(case.kernel())
    for array in (case.object, case.probe):
        array.setflags(write=False)
    assert_equal_bits(case.run(case.kernel()), expected)


def test_frames_that_can_be_fused():
    assert can_fuse((128, 256))
    assert not can_fuse((100, 128))
    with pytest.raises(ValueError, match="length is 100; allowed: 64"):
        FusedKernel((100, 128), 1, (200, 200), valid=np.ones((100, 128), np.bool_))


@pytest.mark.parametrize("corner", [(-1, 0), (0, -1), (24, 0), (0, 42)])
def test_frames_outside_of_the_object_are_refused(corner):
    case = Case()
    case.corners[2] = corner
    with pytest.raises(ValueError, match=r"corners go from .* allowed: from 0 to"):
        case.run(case.kernel())


@pytest.mark.parametrize("kind", [FusedKernel, LibraryKernel])
def test_frames_are_picked_from_more(kind):
    case = Case(factors=True)
    kernel, where = case.kernel(kind), np.array([6, 0, 3, 1, 5])
    more = np.zeros((7, *case.n), np.float32)
    more[where] = case.amplitudes
    expected = case.run(kernel)
    case.arguments["places"] = where
    assert_equal_bits(case.run(kernel, more), expected)


def test_other_bad_input_is_refused():
    case = Case()
    kernel, sums = case.kernel(), Sums.zeros(case.shape, case.probe.shape)
    packed = kernel.pack(case.amplitudes)
    arguments = (case.object, case.probe)
    with pytest.raises(ValueError, match=r"packed has shape .* allowed: 5 frames from pack"):
        kernel.accumulate(*arguments, packed[:4], case.corners, sums)
    for places in ([0, 1, 2, 3], [0, 1, 2, 3, 5], [-1, 1, 2, 3, 4]):
        with pytest.raises(ValueError, match=r"places has \d numbers; allowed: 5, from 0 to 4"):
            kernel.accumulate(*arguments, packed, case.corners, sums, places=np.array(places))
    with pytest.raises(ValueError, match="likelihood is 'guess'; allowed: amplitude, poisson"):
        kernel.accumulate(*arguments, packed, case.corners, sums, likelihood="guess")
    sums.object_numerator = sums.object_numerator.T
    with pytest.raises(ValueError, match="sums have an array of complex64"):
        kernel.accumulate(*arguments, packed, case.corners, sums)


def share_helped(pace, pieces, seconds):
    """Return the share of pieces done with help; `seconds` tells their times alone and helped."""
    asked = 0
    for _ in range(pieces):
        helped = pace.next()
        pace.note(helped, seconds[helped])
        asked += helped
    return asked / pieces


def test_the_second_thread_is_asked_where_it_pays():
    pace = Pace()
    assert share_helped(pace, 1000, (1.0, 3.0)) < 0.02
    assert share_helped(pace, 1000, (1.0, 0.95)) < 0.02
    assert share_helped(pace, 2000, (1.0, 0.6)) > 0.7
    assert share_helped(pace, 1000, (1.0, 3.0)) < 0.02
    assert share_helped(Pace(), 1000, (1.0, 0.6)) > 0.98


@pytest.mark.parametrize(
    "box", [(slice(0, 40), slice(0, 53)), (slice(3, 31), slice(7, 52)), (slice(5, 6), slice(1, 9))]
)
def test_update_is_the_quotient(box):
    rng, alpha, length = np.random.default_rng(2), 0.1, 0.7
    field, numerator = (noise(rng, (2, 40, 53)).astype(np.complex64) for _ in range(2))
    weight = np.zeros((40, 53), np.float32)
    weight[box] = rng.random(weight[box].shape)
    expected = field + 0
    denominator = (1 - alpha) * weight[box] + alpha * weight.max()
    expected[:, *box] += length * numerator[:, *box] / denominator
    outside = numerator + 0
    outside[:, *box] = 0
    update(field, numerator, weight, alpha=alpha, length=length, box=box)
    assert np.allclose(field, expected, rtol=1e-5, atol=1e-6)
    assert np.array_equal(numerator, outside)
    assert not weight.any()


def test_update_without_light_changes_nothing():
    field = np.ones((20, 20), np.complex64)
    update(field, field + 1, np.zeros((20, 20), np.float32), alpha=0.1, length=1.0, box=(slice(0, 20), slice(0, 20)))
    assert np.all(field == 1)


def test_update_refuses_what_it_cannot_reach():
    field, weight = np.ones((20, 20), np.complex64), np.ones((20, 20), np.float32)
    with pytest.raises(ValueError, match=r"box is 0 to 21, 0 to 20; allowed: \(20, 20\)"):
        update(field, field.copy(), weight, alpha=0.1, length=1.0, box=(slice(0, 21), slice(0, 20)))
    with pytest.raises(ValueError, match="is not contiguous or not single"):
        update(field.T[:, ::2], field, weight, alpha=0.1, length=1.0, box=(slice(0, 20), slice(0, 20)))
