"""From a measurement to images: no truth is seen here.

- `registry`: the methods by name;
- `holography`: the registered methods `fth`, `hapre`, `hapre+`;
- `preparation`, `ewald`: from raw frames to patterns on a uniform grid;
- `supports`: where light leaves the mask;
- `fourier_transform_holography`: an image by one transform;
- `phase_retrieval`: projections, algorithms, coherence, recipes;
- `dichroism`: from two exit waves to the magnetization, in focus;
- `flags`: warnings that a method gives about its own result.
"""
