"""Pages, tables and figures from stored results; nothing is computed anew, and the same files give the same page.

- `reports.page`: `write_report`, one self-contained HTML page of a run directory.
- `reports.results`: what a run directory holds, read once.
- `reports.summary`: the words at the head of the page; configuration, versions and machine.
- `reports.tables`, `reports.flags`, `reports.grids`: the table of methods, the flags, all other tables.
- `reports.study_page`, `reports.studies`: the page of a study and what it reads; `reports.pinning`,
  `reports.survival`: the words of each; `reports.templating`: templates filled with text and pictures.
- `reports.series_page`, `reports.series`: the page of an experiment with a sweep and what it reads;
  `reports.site_words`, `reports.dose_words`: the words of each.
- `reports.sample_pictures`: the picture of a sample; `reports.volume_view`, `reports.ray_casting`: its view in space,
  `reports.direction_colours`: directions as colours.
- `reports.metrics`: how each metric is named and printed.
- `reports.figures`: all figures of a page, and `save_overview`, one picture for elsewhere.
- `reports.figure_*`: one figure each; `reports.panels`, `reports.style`: their parts and common look.
"""
