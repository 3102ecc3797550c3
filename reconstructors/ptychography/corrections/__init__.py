"""What is not as the header says.

- `positions`: their refinement from moments of the frames; `position_search`: far off; `stretching`: the scan's shape;
- `defocus`, `pupil`: the probe over a tilted sample;
- `faults`: corrupt frames before a reconstruction, by `frame_features`, `fault_gradient` and `scan_neighbours`;
  `frame_rejection`: during one.
"""
