"""What the head of the page says of the sample: drawn, relaxed or someone's own."""

from types import SimpleNamespace

from reports.summary import key_parameters, lead_paragraph

SAMPLE = {"period_nm": 150.0, "wall_width_nm": 5.1, "repeats": 15}


def results(run=None, **sample):
    optics = {"hole_nm": 600.0, "references": 5, "reference_min_nm": 30.0, "reference_max_nm": 50.0, "pixel_nm": 5.3}
    config = {"sample": SAMPLE | sample, "optics": optics, "detector": {"pixels": 512, "photons": 5e9}}
    return SimpleNamespace(config=config | {"run": run or {}})


def test_drawn_domains_have_the_period_that_was_asked_for():
    for found in (results(), results(kind="analytic")):
        assert "(period 150\u00a0nm, Kittel walls m_z = tanh(x/\u03b4), \u03b4 = 5.1\u00a0nm)" in lead_paragraph(found)
        assert ("period", "150\u00a0nm") in dict(key_parameters(found))["Sample"]


def test_relaxed_domains_have_no_period_to_ask_for():
    found = results(kind="relaxed")
    text = "labyrinth domains (relaxed by micromagnetism from a random state, for walls of \u03b4 = 5.1\u00a0nm)"
    assert text in lead_paragraph(found)
    assert "period" not in dict(dict(key_parameters(found))["Sample"])


def test_a_file_is_named_whatever_the_tables_say():
    assert lead_paragraph(results({"sample": "film.ovf"}, kind="relaxed")).startswith("A magnetization from film.ovf")
