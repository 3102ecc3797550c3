"""What a tilt series consists of, in frozen dataclasses; SI units, energies in eV.

- `TiltLight`, `TiltImage`, `GeometryErrors`, `ImageErrors`, `ChangedTexture`, together `TiltSeriesSetup`;
- `series_of`: which poses were taken without remounting the sample.

Defaults are neutral: the published poses, no error of the geometry, no background, no fault; only photons are counted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from optics import scattering
from simulators.experiments.ptychography_setups import MaterialSetup, OpticsSetup, Pose, published_poses

_DEGREES: Final = 4


@dataclass(frozen=True)
class TiltLight:
    """The light, and how much of it.

    Attributes
    ----------
    energy : float
        eV, on the scale of the optical constants.
    polarization : float
        Degree of circular polarisation P_c.
    white_line : float
        Scales the resonant absorption of nickel; refused where it would amplify.
    photons : float
        Per pixel, image and helicity where there is no sample: the optical density there has the variance 1/photons,
        behind the sample exp(OD)/photons. Infinite for images without noise.
    """

    energy: float = 852.76
    polarization: float = 0.9
    white_line: float = 1.0
    photons: float = 1e4

    def __post_init__(self) -> None:
        if not 0 < self.polarization <= 1:
            raise ValueError(f"polarization is {self.polarization}; allowed: above 0, up to 1")
        if not self.photons >= 1:
            raise ValueError(f"photons is {self.photons} per pixel; allowed: from 1")
        scattering.magnetic_index("Ni", self.energy)
        scattering.check("Ni", white_line=self.white_line)


@dataclass(frozen=True)
class TiltImage:
    """The images, and how finely the sample is sampled for them.

    Attributes
    ----------
    pixel : float
        Of the images and of the scored volume, m.
    n : int
        Pixels along the edge of an image.
    oversampling : float
        Voxels of the sample per pixel, at least.
    rays : int
        Rays along the edge of a pixel, over which the optical density is averaged.
    """

    pixel: float = 5e-9
    n: int = 128
    oversampling: float = 2.0
    rays: int = 4

    def __post_init__(self) -> None:
        if not (math.isfinite(self.pixel) and self.pixel > 0):
            raise ValueError(f"pixel is {self.pixel} m; allowed: above 0")
        for name, least in (("n", 8), ("rays", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: from {least}")
        if not self.oversampling >= 2:
            allowed = "from 2, or simulation and method share a grid"
            raise ValueError(f"oversampling is {self.oversampling}; allowed: {allowed}")


@dataclass(frozen=True)
class GeometryErrors:
    """What the experimenter does not know of the geometry; rms values, per axis.

    Attributes
    ----------
    shift : float
        Of each projection, px; both helicities have the same.
    helicity_shift : float
        Of helicity -1 from +1, each projection its own, px.
    angle : float
        Of each projection about each axis of the beam, rad.
    remount_angle : float
        Common to a series, rad; the first series defines the frame and has none.
    remount_shift : float
        Of the sample in the turned frame, common to a series, px; the first has none.
    """

    shift: float = 0.0
    helicity_shift: float = 0.0
    angle: float = 0.0
    remount_angle: float = 0.0
    remount_shift: float = 0.0

    def __post_init__(self) -> None:
        for name, unit, most in (
            ("shift", "px", 1e3),
            ("helicity_shift", "px", 1e3),
            ("remount_shift", "px", 1e3),
            ("angle", "rad", 0.1),
            ("remount_angle", "rad", 0.1),
        ):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)} {unit}; allowed: 0 to {most:g}")


@dataclass(frozen=True)
class ImageErrors:
    """What is added to the optical density of each image, of each helicity its own.

    Attributes
    ----------
    flux : float
        Relative rms of the photon flux: a constant.
    background : float
        rms optical density of a smooth background, a random harmonic polynomial: it obeys Laplace's equation.
    degree : int
        Of the polynomial, up to 4.
    """

    flux: float = 0.0
    background: float = 0.0
    degree: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.flux <= 0.3:
            raise ValueError(f"flux is {self.flux}; allowed: a relative rms, 0 to 0.3")
        if not 0 <= self.background <= 10:
            raise ValueError(f"background is {self.background}; allowed: an rms optical density, 0 to 10")
        if not 0 <= self.degree <= _DEGREES:
            raise ValueError(f"degree is {self.degree}; allowed: 0 to {_DEGREES}")


@dataclass(frozen=True)
class ChangedTexture:
    """A fault: one series sees another sample.

    Attributes
    ----------
    series : int or None
        Which; None for no fault.
    diameter : float
        Of the ball in which the spins are others, m.
    period : float
        Mean period of the texture there, m.
    """

    series: int | None = None
    diameter: float = 100e-9
    period: float = 120e-9

    def __post_init__(self) -> None:
        for name in ("diameter", "period"):
            if not 0 < getattr(self, name) < 1e-4:
                raise ValueError(f"{name} is {getattr(self, name)} m; allowed: above 0, below 1e-4")


@dataclass(frozen=True)
class TiltSeriesSetup:
    """A whole experiment: two helicities of a sample in many poses.

    Attributes
    ----------
    poses : tuple of Pose
        Nominal; poses of one in-plane angle are one series. Their exposure multiplies the photons.
    volume : tuple of int or None
        Voxels (z, y, x) of the scored volume; None for what holds the sample and a rim of one voxel.
    """

    poses: tuple[Pose, ...] = field(default_factory=published_poses)
    light: TiltLight = field(default_factory=TiltLight)
    image: TiltImage = field(default_factory=TiltImage)
    geometry: GeometryErrors = field(default_factory=GeometryErrors)
    errors: ImageErrors = field(default_factory=ImageErrors)
    changed: ChangedTexture = field(default_factory=ChangedTexture)
    volume: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        if not self.poses:
            raise ValueError("poses is empty; allowed: one or more")
        steepest = max(abs(pose.tilt) for pose in self.poses)
        if not steepest <= np.deg2rad(75):
            raise ValueError(f"tilt is {steepest:.4g} rad; allowed: up to {np.deg2rad(75):.4g} either way")
        count = int(series_of(self.poses).max()) + 1
        if self.changed.series is not None and not 0 <= self.changed.series < count:
            raise ValueError(f"changed.series is {self.changed.series}; allowed: None, or 0 to {count - 1}")
        if self.volume is not None and (len(self.volume) != 3 or min(self.volume) < 1):
            raise ValueError(f"volume is {self.volume}; allowed: three numbers of voxels (z, y, x) from 1")

    @property
    def material(self) -> MaterialSetup:
        """Nickel as this light sees it."""
        return MaterialSetup(white_line=self.light.white_line)

    @property
    def optics(self) -> OpticsSetup:
        """Energy and polarisation; the rest of it does not matter."""
        return OpticsSetup(energy=self.light.energy, polarization=self.light.polarization)


def series_of(poses: Sequence[Pose]) -> NDArray[Any]:
    """Return the number of the series of each pose, int64: from 0, in the order of their first poses."""
    turns = [round(math.degrees(pose.in_plane_angle) * 1000) for pose in poses]
    numbers = {turn: number for number, turn in enumerate(dict.fromkeys(turns))}
    return np.array([numbers[turn] for turn in turns], np.int64)
