"""The physics of light that simulators, reconstructors and validation share.

- `units`: constants, photon energy to wavelength.
- `grids`: centred coordinates; detector pixel, direction and spatial frequency; the Ewald sphere.
- `propagation`: angular spectrum in free space, with its adjoint.
- `coherence`: Gaussian-Schell mutual coherence, visibility, finite pixels.
- `scattering`: optical constants with source and uncertainty; the white line and the magnetic parts at Co and Ni L3.
"""
