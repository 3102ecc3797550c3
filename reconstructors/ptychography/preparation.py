"""From a measurement of one projection to what the engines work on.

- `from_measurement`: one helicity's frames as amplitudes, in memory or in a scratch file, with all that goes with them;
- `Preparation`: how; `Prepared`: a `Problem`, the sample coordinates of its pixels and the frames that cannot be used;
- `refuses`: why a measurement cannot be used at all, from everything but its frames.

The object's grid is the same for both helicities. Which frames and pixels take part is in `usable_frames`.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import KDTree

from numerics import fourier
from optics.propagation import fresnel_transfer_function
from optics.units import wavelength
from reconstructors.ptychography import shadow, start_probe, usable_frames
from reconstructors.ptychography.background import flat_background
from reconstructors.ptychography.engines import modes
from reconstructors.ptychography.problem import Frames, Optics, Problem, with_offset
from reconstructors.ptychography.reading import mean_and_variance, read_frames
from records import ptychography

Array = NDArray[Any]

BACKGROUNDS: Final = ("none", "flat")
FOCI: Final = ("nominal", "shadow")

_LEAST_SHARE = 0.05  # of the probe's light on valid pixels, below which the power is not scaled up further
_WIDEST = 2.0  # beam over window, beyond which not even the frames could tell the defocus better
_LEAST_SPAN = 8  # pixels of a scan: what both helicities see is registered
_MOST_MODES, _MOST_MARGIN, _MOST_OFFSET = 64, 1024, 100.0


@dataclass(frozen=True)
class Preparation:
    """How a measurement is prepared.

    Parameters
    ----------
    modes : int
        Of the probe.
    focus : str
        ``"nominal"``, or ``"shadow"``: found from the frames where they show it (`shadow`); always so for optics that
        are not known.
    background : str
        ``"none"``, or ``"flat"``: photons per pixel that are the same everywhere, found from the dark corners.
    offset : float
        Photons added to every pixel of frames and background alike, see `problem.from_arrays`.
    margin : int
        Object pixels around the frames, room for positions to move.
    in_memory : int
        Bytes of amplitudes up to which the frames are held in memory; more go to a scratch file.
    scratch : str or None
        Directory of that file; the system's directory for temporary files.
    """

    modes: int = 1
    focus: str = "nominal"
    background: str = "none"
    offset: float = 0.0
    margin: int = 8
    in_memory: int = 128 << 20
    scratch: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not 1 <= self.modes <= _MOST_MODES:
            raise ValueError(f"modes is {self.modes}; allowed: a whole number from 1 to {_MOST_MODES}")
        if self.background not in BACKGROUNDS:
            raise ValueError(f"background is {self.background!r}; allowed: {', '.join(BACKGROUNDS)}")
        if self.focus not in FOCI:
            raise ValueError(f"focus is {self.focus!r}; allowed: {', '.join(FOCI)}")
        for name, most in (("offset", _MOST_OFFSET), ("margin", _MOST_MARGIN)):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name):g}; allowed: from 0 to {most:g}")
        if self.in_memory < 0:
            raise ValueError(f"in_memory is {self.in_memory}; allowed: bytes, from 0")
        if not isinstance(self.scratch, str | None):
            raise ValueError(f"scratch is {self.scratch!r}; allowed: the name of a directory")


@dataclass(frozen=True)
class Prepared:
    """A problem and where it comes from.

    Attributes
    ----------
    problem : Problem
    corrupt : (frames,) int8 array
        Keys of `usable_frames.REASONS`.
    origin : (2,) float64 array
        Sample coordinates (y, x) of the object's first pixel, m.
    noise : float
        Sum of squared amplitude differences that photon noise makes in a mean frame.
    masked : int
        Pixels left out because they are saturated again and again.
    known_optics : bool
        Whether the start probe is that of the nominal optics, but for its defocus.
    focused : bool
        Whether the defocus was found from the frames.
    """

    problem: Problem
    corrupt: Array
    origin: Array
    noise: float
    masked: int
    known_optics: bool
    focused: bool

    def coordinates(self) -> tuple[Array, Array]:
        """Return the sample coordinates (y, x) of the object's pixels, m."""
        pixel = self.problem.optics.pixel_size
        ny, nx = self.problem.object_shape
        return self.origin[0] + pixel * np.arange(ny), self.origin[1] + pixel * np.arange(nx)

    def centres(self, positions: Array) -> Array:
        """Return the sample coordinates (frames, 2), m, of the probe's centre for first pixels `positions`."""
        half = np.array(self.problem.frames.shape) // 2
        return np.asarray(self.origin + self.problem.optics.pixel_size * (positions + half))


def refuses(node: xr.Dataset) -> str | None:
    """Return why `node` cannot be used, None where it can; the frames are not read."""
    if node.sizes["position"] < 2:
        return f"position has {node.sizes['position']} frame; ptychography needs two or more"
    pixel = ptychography.pixel_size(node)
    for index, helicity in enumerate(node["helicity"].values):
        places, used = _places(node, index), _placed(node, index)
        if used.sum() < 2:
            return f"helicity {helicity:+d} has {used.sum()} usable frame; ptychography needs two or more"
        extent = np.ptp(places[used], axis=0).max()
        if extent < pixel:
            return (
                f"positions of helicity {helicity:+d} lie within {extent:.3g} m; allowed: over a pixel, {pixel:.3g} m"
            )
        if node.sizes["helicity"] == 2 and np.ptp(places[used], axis=0).min() < _LEAST_SPAN * pixel:
            return (
                f"positions of helicity {helicity:+d} span {np.ptp(places[used], axis=0).min():.3g} m along one axis; "
                f"allowed for two helicities: from {_LEAST_SPAN} pixels, {_LEAST_SPAN * pixel:.3g} m"
            )
        nearest = np.median(KDTree(places[used]).query(places[used], k=2)[0][:, 1])
        field = pixel * node.sizes["x"]
        if nearest > field:
            return f"positions lie {nearest:.3g} m apart; allowed: less than the width of a frame, {field:.3g} m"
    return None


def from_measurement(
    node: xr.Dataset,
    helicity_index: int = 0,
    *,
    options: Preparation | None = None,
    background: Array | None = None,
    left_out: Array | None = None,
) -> Prepared:
    """Prepare the frames of one helicity.

    Parameters
    ----------
    node : Dataset
        The record `Measurement` of kind ``"ptychography"``; its frames may be lazy, and are read once.
    helicity_index : int
        Along the coordinate ``helicity``.
    options : Preparation, optional
    background : (ny, nx) array, optional
        Photons per pixel that do not come from the sample plane, as the detector sees them; instead of a fitted one.
    left_out : (frames,) bool array, optional
        Frames that are known to be corrupt: they take no part, nor do they count for the mean.

    Raises
    ------
    ValueError
        In one line, if the measurement cannot be used.
    """
    options = options or Preparation()
    reason = refuses(node)
    if reason is not None:
        raise ValueError(reason)
    origin, object_shape = _grid(node, options.margin)
    optics = _optics(node)
    known, focused = optics.numerical_aperture is not None, False
    placed = _placed(node, helicity_index)
    frames, found = read_frames(
        node,
        helicity_index,
        counted=placed,
        offset=options.offset,
        in_memory=options.in_memory,
        scratch=options.scratch,
    )
    corrupt, valid = usable_frames.judge(node, helicity_index, found, placed)
    used = usable_frames.usable(corrupt, left_out)
    if (placed & (found.photons > 0) & ~used).any():
        found.mean, found.variance = mean_and_variance(frames, used, offset=options.offset, far=optics.transfer is None)
    flat = flat_background(found.mean, found.variance, valid) if options.background == "flat" else 0.0
    stray = np.full(valid.shape, flat, np.float32) if background is None and flat > 0 else background
    light = np.maximum(found.mean - (0 if stray is None else stray), 0) * valid
    half = np.array(valid.shape) // 2
    positions = (_places(node, helicity_index) - origin) / optics.pixel_size - half
    positions[~placed] = 0.0
    if optics.transfer is None and (options.focus == "shadow" or not known):
        optics, focused = _focused(optics, frames, positions, light, used)
    probe = _start(node, optics, light)
    photons = _photons(probe, light, valid, optics)
    unshifted = (lambda image: image) if optics.transfer is not None else fourier.from_centre
    offset = with_offset(stray, options.offset, (valid.shape[0], valid.shape[1]))
    problem = Problem(
        frames=frames,
        valid=unshifted(valid),
        background=None if offset is None else unshifted(offset),
        positions=positions,
        flux=_flux(node, helicity_index, used),
        used=used,
        object_shape=object_shape,
        probe=modes.start_modes(probe * np.float32(np.sqrt(photons)), options.modes),
        photons=photons,
        optics=optics,
    )
    return Prepared(
        problem=problem,
        corrupt=corrupt,
        origin=origin,
        noise=_noise(found.mean[valid], options.offset),
        masked=int(np.count_nonzero(node["valid"].values & ~valid)),
        known_optics=known,
        focused=focused,
    )


def _places(node: xr.Dataset, helicity_index: int) -> Array:
    """Return the centres (frames, 2) of the probe, m."""
    return np.stack([node[name].values[helicity_index].astype(np.float64) for name in ("position_y", "position_x")], -1)


def _placed(node: xr.Dataset, helicity_index: int) -> NDArray[np.bool_]:
    """Return which frames the experimenter uses and lie where the others do."""
    places = _places(node, helicity_index)
    used = np.isfinite(places).all(-1)
    if "used" in node:
        used &= node["used"].values[helicity_index]
    if not used.any():
        return used
    low, middle, high = np.percentile(places[used], (5, 50, 95), axis=0)
    reach = 2 * (high - low) + node.sizes["x"] * ptychography.pixel_size(node)
    with np.errstate(invalid="ignore"):
        return np.asarray(used & (np.abs(places - middle) <= reach).all(-1))


def _grid(node: xr.Dataset, margin: int) -> tuple[Array, tuple[int, int]]:
    """Return the sample coordinates of the object's first pixel and the object's shape, for all helicities.

    Pixels lie on multiples of their size, so that positions on such multiples need no interpolation.
    """
    pixel, shape = ptychography.pixel_size(node), np.array(node["valid"].shape)
    count = node.sizes["helicity"]
    inside = np.concatenate([_places(node, index)[_placed(node, index)] for index in range(count)]) / pixel
    first = np.floor(inside.min(0) + 1e-6).astype(int) - shape // 2 - margin
    last = np.ceil(inside.max(0) - 1e-6).astype(int) - shape // 2 + shape + margin
    size = last - first
    return first * pixel, (int(size[0]), int(size[1]))


def _optics(node: xr.Dataset) -> Optics:
    length, pixel = wavelength(float(node["energy"])), ptychography.pixel_size(node)
    transfer = None
    if node.attrs["propagation"] == "near_field":
        distance = ptychography.effective_distance(node)
        exact = fresnel_transfer_function(
            (node.sizes["y"], node.sizes["x"]), distance, wavelength=length, pixel_size=pixel
        )
        transfer = exact.astype(np.complex64)
    aperture = length / (2 * float(node["outer_zone"])) if "outer_zone" in node and transfer is None else None
    defocus, window = float(node["defocus"]) if "defocus" in node else 0.0, pixel * node.sizes["x"]
    width = 0.0 if aperture is None else 2 * aperture * abs(defocus)
    if width > _WIDEST * window:
        raise ValueError(
            f"defocus {defocus:.3g} m makes a beam of {width:.3g} m; allowed: up to a frame, {window:.3g} m"
        )
    return Optics(
        wavelength=length,
        pixel_size=pixel,
        numerical_aperture=aperture,
        stop_fraction=float(node["stop_fraction"]) if "stop_fraction" in node else 0.0,
        defocus=defocus,
        transfer=transfer,
    )


def _flux(node: xr.Dataset, helicity_index: int, used: NDArray[np.bool_]) -> Array:
    """Return the incident light of each frame as monitored, relative to the mean."""
    flux = np.ones(used.shape)
    for name in ("monitor", "exposure_time"):
        if name in node:
            flux *= node[name].values[helicity_index]
    flux[~(np.isfinite(flux) & (flux > 0))] = flux[used].mean()
    return np.asarray(flux / flux[used].mean())


def _focused(
    optics: Optics, frames: Frames, positions: Array, light: Array, used: NDArray[np.bool_]
) -> tuple[Optics, bool]:
    """Return the optics with the defocus that the frames show, and whether they do."""
    found = shadow.find_defocus(
        frames,
        positions,
        start_probe.cone(light),
        used=used,
        wavelength=optics.wavelength,
        pixel_size=optics.pixel_size,
        nominal=optics.defocus if optics.numerical_aperture is not None else None,
    )
    return (optics, False) if found is None else (replace(optics, defocus=found), True)


def _start(node: xr.Dataset, optics: Optics, light: Array) -> Array:
    """Return a probe of power 1."""
    shape = (light.shape[0], light.shape[1])
    lengths = {"wavelength": optics.wavelength, "pixel_size": optics.pixel_size}
    if optics.transfer is not None:
        return start_probe.near_field(light, distance=ptychography.effective_distance(node), **lengths)
    if optics.numerical_aperture is not None:
        return start_probe.zone_plate(
            shape,
            numerical_aperture=optics.numerical_aperture,
            stop_fraction=optics.stop_fraction,
            defocus=optics.defocus,
            **lengths,
        )
    return start_probe.guessed(light, defocus=optics.defocus, **lengths)


def _photons(probe: Array, light: Array, valid: NDArray[np.bool_], optics: Optics) -> float:
    """Return the photons of a mean frame; what falls on pixels that are left out is filled in from the probe."""
    if optics.transfer is None:
        share = float(np.sum(np.abs(fourier.centred_fft2(probe)) ** 2 * valid))
    else:
        share = float(valid.mean())
    return float(light.sum()) / max(share, _LEAST_SHARE)


def _noise(mean: Array, offset: float) -> float:
    """Return the sum of squared differences of roots of Poisson counts plus `offset` from their expectations.

    A quarter for many photons; for few the root of one photon against that of none.
    """
    light = np.maximum(mean, 0)
    step = 2.0 if offset == 0 else (np.sqrt(1 + offset) - np.sqrt(offset)) ** 2
    return float(np.minimum(step * light, light / (4 * (light + max(offset, 1e-12)))).sum())
