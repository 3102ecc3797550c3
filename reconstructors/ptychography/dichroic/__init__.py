"""Both helicities at once.

- `sharing`: what is shared; `coupling`: the run; `course`: its stages; `stage`: problems side by side, an epoch at a
  time;
- `joint`: two data sets as one problem, for any engine; `priors`: what may be known of the magnetic image;
- `shared_positions`: one set of position errors.
"""
