"""Topology of magnetizations, in whole numbers where there are any.

- `charge`: charges of cells, layers and slices; `emergent`: the fluxes between them;
- `hedgehogs`: charged cells with sub-voxel places, and the published procedure (`maxima`); `zeros` beneath them;
- `pairs`: distances of neighbours and what chance would give; `extreme_value`: their distribution;
- `lattice_places`: octahedral and tetrahedral holes, and between;
- `surface`: charge of any closed or open surface; `voids`, `void_surfaces`: virtual hedgehogs round voids;
- `field_lines`, `flux_links`: lines of the emergent field and where they end; `stereographic`: maps of spheres;
- `lattices`, `neighbourhoods`, `orientation` and the kernels beneath them.
"""

from validation.topology.charge import cell_charges, layer_charges, slice_charge
from validation.topology.emergent import emergent_field
from validation.topology.extreme_value import ExtremeValueFit, fit_extreme_value
from validation.topology.field_lines import trace_field_lines
from validation.topology.flux_links import flux_links
from validation.topology.hedgehogs import find_hedgehogs
from validation.topology.lattice_places import classify_sites
from validation.topology.pairs import RandomNull, pair_distances, random_null
from validation.topology.stereographic import stereographic_projection
from validation.topology.surface import SurfaceCharge, surface_charge
from validation.topology.void_surfaces import VoidSurfaces, void_surfaces
from validation.topology.voids import virtual_hedgehogs

__all__ = [
    "ExtremeValueFit",
    "RandomNull",
    "SurfaceCharge",
    "VoidSurfaces",
    "cell_charges",
    "classify_sites",
    "emergent_field",
    "find_hedgehogs",
    "fit_extreme_value",
    "flux_links",
    "layer_charges",
    "pair_distances",
    "random_null",
    "slice_charge",
    "stereographic_projection",
    "surface_charge",
    "trace_field_lines",
    "virtual_hedgehogs",
    "void_surfaces",
]
