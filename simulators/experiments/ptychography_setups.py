"""What a ptychographic experiment consists of, in frozen dataclasses; SI units, energies in eV.

- `MaterialSetup`, `OpticsSetup`, `ScanSetup`, `HelicitySetup`, together `PtychographySetup`;
- `Pose`, `published_poses`: how the sample stands, and the published series.

Detector, background, flux and faults have setups of their own in `simulators.beamline`. Defaults are neutral: a
coherent beam, equal for both helicities, no background, no drift, no faults, positions as asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from optics import scattering, units
from simulators.beamline.faults import FaultRates
from simulators.beamline.flux import FluxSetup
from simulators.beamline.frame_background import BackgroundSetup
from simulators.beamline.frame_detector import FrameDetector
from simulators.beamline.tilted_slices import rotation
from simulators.beamline.zone_plate import ZonePlate

_STEEPEST: Final = np.deg2rad(80)
_SCANS: Final = ("raster", "spiral")
_MOST_FRAMES: Final = 1_000_000
_MOST_MISORIENTED: Final = 0.5


@dataclass(frozen=True)
class MaterialSetup:
    """What the magnet of a sample is made of.

    Attributes
    ----------
    stack : tuple of (material, thickness)
        The layers of one repeat in any unit of thickness: ``(("Ni", 1.0),)`` is solid nickel, ``(("Co", 0.8), ("Pt",
        2.0))`` a multilayer. One of them is Co or Ni.
    endless : bool
        The sample is a film that goes on beyond its view, periodically; else it stands alone.
    white_line : float
        Scales the resonant absorption; refused where the magnet would amplify.
    """

    stack: tuple[tuple[str, float], ...] = (("Ni", 1.0),)
    endless: bool = False
    white_line: float = 1.0

    def __post_init__(self) -> None:
        magnets = [material for material, _ in self.stack if material in scattering.RESONANCES]
        if len(magnets) != 1 or not all(thickness > 0 for _, thickness in self.stack):
            raise ValueError(f"stack is {self.stack}; allowed: thicknesses above 0, one layer of Co or Ni")
        scattering.check(magnets[0], white_line=self.white_line)

    @property
    def magnet(self) -> str:
        """The magnetic element."""
        return next(material for material, _ in self.stack if material in scattering.RESONANCES)

    @property
    def shares(self) -> dict[str, float]:
        """Share of each material in the stack."""
        total = sum(thickness for _, thickness in self.stack)
        shares: dict[str, float] = {}
        for material, thickness in self.stack:
            shares[material] = shares.get(material, 0.0) + thickness / total
        return shares


@dataclass(frozen=True)
class OpticsSetup:
    """Zone plate and source.

    Attributes
    ----------
    energy : float
        eV, on the scale of the optical constants.
    polarization : float
        Degree of circular polarisation P_c.
    plate : ZonePlate
        Its rims are soft: hard ones send some per cent of the light beyond the field of a frame.
    defocus : float
        True distance of the sample's origin behind the focus, m.
    defocus_error : float
        Nominal less true defocus, m.
    first_mode : float
        Share of the photons that a single energy has in its first coherent mode; 1 is coherent.
    bandwidth : float
        Full width at half maximum over the energy.
    leaks : tuple of float
        Power of the zone plate's orders 0 and 3 over that of the first.
    kept : float
        Share of the photons in the modes that are simulated.
    """

    energy: float = 852.76
    polarization: float = 0.9
    plate: ZonePlate = field(default_factory=lambda: ZonePlate(rim=0.1))
    defocus: float = 7.0e-6
    defocus_error: float = 0.0
    first_mode: float = 1.0
    bandwidth: float = 0.0
    leaks: tuple[float, float] = (0.0, 0.0)
    kept: float = 0.999

    def __post_init__(self) -> None:
        self.plate.check()
        if not 0 < self.polarization <= 1:
            raise ValueError(f"polarization is {self.polarization}; allowed: above 0, up to 1")
        if not 0.05 <= self.first_mode <= 1:
            raise ValueError(f"first_mode is {self.first_mode}; allowed: a share of the photons, 0.05 to 1")
        if not 0.5 <= self.kept <= 1:
            raise ValueError(f"kept is {self.kept}; allowed: a share of the photons, 0.5 to 1")
        for name in ("defocus", "defocus_error"):
            if not abs(getattr(self, name)) < 1e-3:
                raise ValueError(f"{name} is {getattr(self, name)} m; allowed: below 1e-3 either way")


@dataclass(frozen=True)
class ScanSetup:
    """Where the frames are taken, and how far off.

    Attributes
    ----------
    rows, columns : int
        Of the raster; a spiral has as many points in all.
    step : float
        m.
    kind : str
        "raster" or "spiral".
    jitter : float
        Half width of the intended displacement of each point of a raster, even, per axis, m: a perfect raster leaves
        its period in the image. Both helicities have the same.
    error, drift, backlash : float
        What the experimenter does not know, as of `position_errors`: rms random error, drift to the last frame, play,
        m. Each helicity has its own.
    affine : tuple of tuple of float
        True over nominal coordinates (y, x).
    """

    rows: int = 12
    columns: int = 12
    step: float = 40e-9
    kind: str = "raster"
    jitter: float = 8e-9
    error: float = 0.0
    drift: float = 0.0
    backlash: float = 0.0
    affine: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (0.0, 1.0))

    def __post_init__(self) -> None:
        if not (min(self.rows, self.columns) >= 1 and self.frames <= _MOST_FRAMES):
            allowed = f"from 1, {_MOST_FRAMES} in all"
            raise ValueError(f"scan has {self.rows} x {self.columns} points; allowed: {allowed}")
        if self.kind not in _SCANS:
            raise ValueError(f"kind is {self.kind!r}; allowed: {', '.join(_SCANS)}")
        for name in ("step", "jitter", "error", "drift", "backlash"):
            if not 0 <= getattr(self, name) < 1e-4:
                raise ValueError(f"{name} is {getattr(self, name)} m; allowed: 0 to below 1e-4")
        if not np.abs(np.subtract(self.affine, np.eye(2))).max() <= 0.2:
            raise ValueError(f"affine is {self.affine}; allowed: a 2 x 2 matrix within 0.2 of the unit matrix")

    @property
    def frames(self) -> int:
        """Frames per helicity."""
        return self.rows * self.columns


@dataclass(frozen=True)
class HelicitySetup:
    """By how much the beam of helicity -1 differs from that of +1.

    Attributes
    ----------
    shift : tuple of float
        Of the focus on the sample, (y, x) in m: a change of pointing by an angle shifts it by the focal length times
        it.
    lean : tuple of float
        Slope of the illumination across the zone plate, (y, x): relative change of the amplitude from its middle to
        its edge.
    defocus, astigmatism : float
        m; as of the zone plate.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    lean: tuple[float, float] = (0.0, 0.0)
    defocus: float = 0.0
    astigmatism: float = 0.0

    def __post_init__(self) -> None:
        if len(self.shift) != 2 or not all(abs(part) < 1e-5 for part in self.shift):
            raise ValueError(f"shift is {self.shift} m; allowed: (y, x), below 1e-5 either way")
        if len(self.lean) != 2 or not all(abs(part) < 1 for part in self.lean):
            raise ValueError(f"lean is {self.lean}; allowed: (y, x), below 1 either way")
        for name in ("defocus", "astigmatism"):
            if not abs(getattr(self, name)) < 1e-3:
                raise ValueError(f"{name} is {getattr(self, name)} m; allowed: below 1e-3 either way")


@dataclass(frozen=True)
class PtychographySetup:
    """A whole experiment on one projection.

    Attributes
    ----------
    photons : float
        That reach the sample per frame, mean over a scan; what the sample lets through is fewer.
    pixel : float
        Of the reconstruction, wavelength times distance over the detector's width, m.
    oversampling : int
        Fine samples of probe and sample per reconstruction pixel.
    window : int
        Simulated field over that of a frame: 2 holds the wings of the probe that a frame folds back.
    slice_thickness : float
        Of the multislice calculation, m; infinite for the projection approximation.
    tilt, in_plane_angle : float
        rad: about x, after the rotation about z.
    misorientation : tuple of float
        Vector of a further rotation, about the beam's axes (x, y, z) and after those two, rad.
    exposure : float
        Exposure of this projection over that of the others: the photons are multiplied by it.
    frame_time : float
        s, at an exposure of 1.
    helicities : tuple of int
        (1, -1), or one of them; scanned in this order.
    """

    material: MaterialSetup = field(default_factory=MaterialSetup)
    optics: OpticsSetup = field(default_factory=OpticsSetup)
    scan: ScanSetup = field(default_factory=ScanSetup)
    difference: HelicitySetup = field(default_factory=HelicitySetup)
    flux: FluxSetup = field(default_factory=FluxSetup)
    faults: FaultRates = field(default_factory=FaultRates)
    background: BackgroundSetup = field(default_factory=BackgroundSetup)
    detector: FrameDetector = field(default_factory=FrameDetector)
    photons: float = 1e6
    pixel: float = 5e-9
    oversampling: int = 2
    window: int = 1
    slice_thickness: float = 10e-9
    tilt: float = 0.0
    in_plane_angle: float = 0.0
    misorientation: tuple[float, float, float] = (0.0, 0.0, 0.0)
    exposure: float = 1.0
    frame_time: float = 0.1
    helicities: tuple[int, ...] = (1, -1)

    def __post_init__(self) -> None:
        for name in ("photons", "pixel", "exposure", "frame_time"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: above 0")
        if self.oversampling < 2:
            allowed = "from 2, or simulation and method share a grid"
            raise ValueError(f"oversampling is {self.oversampling}; allowed: {allowed}")
        if self.window < 1:
            raise ValueError(f"window is {self.window}; allowed: from 1")
        if not self.slice_thickness > 0:
            raise ValueError(f"slice_thickness is {self.slice_thickness} m; allowed: above 0")
        if not abs(self.tilt) <= _STEEPEST:
            raise ValueError(f"tilt is {self.tilt} rad; allowed: up to {_STEEPEST:.4f} either way")
        if not np.isfinite(self.in_plane_angle):
            raise ValueError(f"in_plane_angle is {self.in_plane_angle} rad; allowed: a number")
        if len(self.misorientation) != 3 or not all(abs(part) <= _MOST_MISORIENTED for part in self.misorientation):
            allowed = f"(x, y, z), up to {_MOST_MISORIENTED} either way"
            raise ValueError(f"misorientation is {self.misorientation} rad; allowed: {allowed}")
        if self.helicities not in ((1, -1), (1,), (-1,)):
            raise ValueError(f"helicities is {self.helicities}; allowed: (1, -1), (1,) or (-1,)")

    @property
    def fine_pixel(self) -> float:
        """Sampling of probe and sample, m."""
        return self.pixel / self.oversampling

    @property
    def fine_shape(self) -> tuple[int, int]:
        """Fine samples of the simulated probe."""
        n = self.detector.n * self.window * self.oversampling
        return n, n

    @property
    def wavelength(self) -> float:
        """Of the photons, m."""
        return units.wavelength(self.optics.energy)

    @property
    def turn(self) -> NDArray[np.float64]:
        """Rotation, (3, 3), from the sample's axes (x, y, z) to the beam's."""
        further = Rotation.from_rotvec(self.misorientation).as_matrix()
        return np.asarray(further @ rotation(self.tilt, self.in_plane_angle))

    @property
    def distance(self) -> float:
        """From the sample to the detector, m."""
        return self.pixel * self.detector.n * self.detector.pitch / self.wavelength

    @property
    def pose_name(self) -> tuple[int, int]:
        """In-plane angle and tilt in thousandths of a degree: the name of the pose in random streams."""
        return round(np.rad2deg(self.in_plane_angle) * 1000), round(np.rad2deg(self.tilt) * 1000)


@dataclass(frozen=True)
class Pose:
    """How the sample stands in one projection: angles in rad, and the exposure over that of the others."""

    in_plane_angle: float
    tilt: float
    exposure: float = 1.0

    def of(self, setup: PtychographySetup) -> PtychographySetup:
        """Return `setup` in this pose."""
        changes: Mapping[str, Any] = {
            "in_plane_angle": self.in_plane_angle,
            "tilt": self.tilt,
            "exposure": self.exposure,
        }
        return replace(setup, **changes)


def published_poses() -> tuple[Pose, ...]:
    """Return the published series: in-plane angles of 0, 120 and 240 degrees, 32 tilts of -62 to 62 degrees each."""
    tilts = np.arange(-62, 63, 4)
    return tuple(Pose(float(np.deg2rad(turn)), float(np.deg2rad(tilt))) for turn in (0, 120, 240) for tilt in tilts)
