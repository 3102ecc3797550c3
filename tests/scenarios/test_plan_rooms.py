"""Which sources the stages of a plan depend on."""

from scenarios import plan


def test_images_do_not_depend_on_what_makes_volumes_of_them():
    """Hours of ptychography outlive a change of tomography, and the other way round; both know their projections."""
    images, volumes = plan._method_rooms("rpie+"), plan._method_rooms("vector+")
    assert "reconstructors.tomography" not in images
    assert "reconstructors.ptychography" not in volumes
    for rooms in (images, volumes):
        assert {"numerics", "optics", "records", "reconstructors.projections", "reconstructors.registry"} <= set(rooms)


def test_a_method_of_holography_depends_on_the_whole_floor():
    assert "reconstructors" in plan._method_rooms("hapre")
