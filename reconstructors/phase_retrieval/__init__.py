"""Phase retrieval.

- `magnitudes`: projections onto measured magnitudes under a model of the beam;
- `algorithms`: error reduction, HIO, RAAR, difference map; `joint`: both helicities with shared references;
- `coherence`: Gaussian Schell beams, few tilts, Richardson-Lucy;
- `starts`: first guesses and the plane of a result;
- `hapre`: the published recipe; `hapre_plus`: ours;
- `kernels`: fused element-wise passes.
"""
