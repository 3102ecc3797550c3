import pytest

from scenarios import directory
from scenarios.configuration import InputError


def fill(out, **files):
    with directory.claim(out), directory.staged(out) as folder:
        for name, text in files.items():
            target = folder / name.replace("__", "/").replace("_", ".")
            target.parent.mkdir(exist_ok=True)
            target.write_text(text)


def names(out):
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def test_new_run_takes_the_place_of_the_old(tmp_path):
    out = tmp_path / "deep" / "run"
    fill(out, scorecard_json="1", truth_nc="1", scored__a_nc="1")
    (out / "my notes.txt").write_text("keep")
    fill(out, scorecard_json="2", scored__b_nc="2")
    assert names(out) == ["my notes.txt", "scorecard.json", "scored/b.nc"]
    assert (out / "scorecard.json").read_text() == "2"


def test_failure_leaves_the_old_run_whole(tmp_path):
    out = tmp_path / "run"
    fill(out, scorecard_json="1", truth_nc="1")

    def fail():
        with directory.claim(out), directory.staged(out) as folder:
            (folder / "truth.nc").write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert names(out) == ["scorecard.json", "truth.nc"]
    assert (out / "truth.nc").read_text() == "1"


def test_failure_leaves_nothing_where_nothing_was(tmp_path):
    with pytest.raises(KeyboardInterrupt), directory.claim(tmp_path / "a" / "b"):
        raise KeyboardInterrupt
    assert not (tmp_path / "a").exists()


def test_foreign_folder_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"thesis.tex"), directory.claim(tmp_path):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a file"), directory.claim(tmp_path / "file"):
        pass
