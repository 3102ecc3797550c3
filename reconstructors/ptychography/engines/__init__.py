"""The engines.

- `pie`: ePIE and batched rPIE; `least_squares`: LSQML; `difference_map`, with `difference_loops`;
- `rpie_plus`: rPIE, then `momentum` or `quasi_newton` as `schedule` says;
- `batches`: a problem's frames, batch by batch; `listeners`: what may look on or step in between;
- `modes`: a partially coherent probe; `gauge`: scale, shift and modulus that the data leave open.
"""
