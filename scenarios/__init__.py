"""Named experiments, the runner and the command line ``truespin``.

- `cli`: the command line; `request`: its words, checked; `progress`: what it prints; `information`: ``truespin info``.
- `catalogue`: the scenarios by name, and what a scenario module offers.
- `configuration`: strict tables, profiles and overrides, one-line complaints.
- `domain_walls`: a Co/Pt labyrinth imaged by holography-assisted phase retrieval; `domain_walls_tables`: its tables;
  `foreign_sample`: a third party's magnetization in its place.
- `samples`: the samples by name, `sample_entry`: what an entry offers, ``sample_*``: the entries; `cli_sample`: the
  command ``truespin sample``.
- `study`: what follows a sample by simulation alone; `study_request`, `study_plan`, `study_runner`: as the next ones.
- `pinning_map`, `pinning_map_results`: what a defect keeps in a field, over its anisotropy and DMI;
  `hedgehog_survival`: how long hedgehogs last in a nickel superlattice.
- `plan`: a request as cells and stages, each with the key of its content; `runner`: works the plan off.
- `cells`: one cell in one subprocess with a time and a memory limit; `stages`: what a cell computes.
- `cache`: finished stages, addressed by content.
- `controls`: the floor and the ceiling of every table; ``holography_*``: a reconstruction against its truth.
- `directory`: the run directory, put in place as a whole; `resources`: what the run took.
"""
