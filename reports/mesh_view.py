"""A mesh of triangles as a picture: sorted by depth, lit, each triangle in its own colour.

Contents: :class:`Mesh`, :func:`mesh_picture`; :func:`spanned`, the solid angle of three unit vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from reports.ray_casting import View

_LIGHT = np.array([-0.35, 0.55, 0.76])  # right, up, towards the viewer
_AMBIENT, _DIFFUSE = 0.74, 0.3
_DPI = 100


@dataclass(frozen=True)
class Mesh:
    """Triangles.

    Attributes
    ----------
    vertices : ndarray, shape (n, 3)
        (z, y, x), nm.
    spins : ndarray, shape (n, 3)
        Unit vectors there, (x, y, z).
    faces : ndarray of int, shape (m, 3)
        Rows of `vertices`.
    label : ndarray of int, shape (m,)
        Row of the void behind each face.
    """

    vertices: np.ndarray
    spins: np.ndarray
    faces: np.ndarray
    label: np.ndarray

    def of_void(self, void: int) -> Mesh:
        """Return the faces of one void."""
        chosen = self.label == void
        return Mesh(self.vertices, self.spins, self.faces[chosen], self.label[chosen])

    @property
    def flux(self) -> np.ndarray:
        """Emergent flux through every face over 4 pi: the share of the sphere that its three spins span, signed."""
        return spanned(*(self.spins[self.faces[:, corner]] for corner in range(3))) / (4 * np.pi)


def spanned(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Give the signed solid angles of triangles of unit vectors (A. van Oosterom, J. Strackee, 1983).

    Parameters
    ----------
    a, b, c : ndarray, shape (n, 3)

    Returns
    -------
    ndarray, shape (n,)
        Steradian.
    """
    volume = np.einsum("ni,ni->n", a, np.cross(b, c))
    sides = 1 + np.einsum("ni,ni->n", a, b) + np.einsum("ni,ni->n", b, c) + np.einsum("ni,ni->n", c, a)
    return np.asarray(2 * np.arctan2(volume, sides))


def mesh_picture(
    mesh: Mesh, colours: np.ndarray, view: View, *, frame: tuple[float, float, float, float], pixels: int
) -> np.ndarray:
    """Draw the faces of a mesh from the farthest to the nearest.

    Parameters
    ----------
    mesh : Mesh
    colours : ndarray, shape (faces, 4)
        RGBA, 0..1.
    view : View
    frame : tuple of float
        Left, right, bottom, top, nm.
    pixels : int
        Along the longer side.

    Returns
    -------
    ndarray, shape (rows, columns, 4), uint8
        RGBA, first row at the top.
    """
    places = view.project(mesh.vertices[:, ::-1])[mesh.faces]
    normal = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    lit = normal @ _LIGHT * np.where(normal[:, 2] < 0, -1.0, 1.0)
    shaded = np.array(colours, float)
    shaded[:, :3] = np.clip(shaded[:, :3] * (_AMBIENT + _DIFFUSE * np.maximum(lit, 0.0))[:, None], 0, 1)
    order = np.argsort(places[:, :, 2].mean(axis=1), kind="stable")
    left, right, bottom, top = frame
    size = max(right - left, top - bottom)
    figure = Figure(figsize=(pixels / _DPI * (right - left) / size, pixels / _DPI * (top - bottom) / size), dpi=_DPI)
    figure.patch.set_alpha(0.0)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.add_collection(
        PolyCollection(list(places[order][:, :, :2]), facecolors=shaded[order], edgecolors="none", antialiaseds=False)
    )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
