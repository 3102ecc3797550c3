import os

import pytest

from scenarios import cache


def test_key_is_content_only():
    assert cache.key({"a": 1, "b": [1.5, None]}) == cache.key({"b": [1.5, None], "a": 1})
    assert cache.key({"a": 1}) != cache.key({"a": 2})
    with pytest.raises(ValueError, match="not JSON compliant"):
        cache.key({"a": float("nan")})


def test_entry_appears_only_when_whole(own_cache):
    address = cache.key("whole")
    with cache.building(address) as folder:
        (folder / "part").write_text("1")
        assert cache.find(address) is None
    found = cache.find(address)
    assert found is not None
    assert (found / "part").read_text() == "1"
    assert not list(own_cache.glob(".building-*"))


def test_failure_is_never_found(own_cache):
    address = cache.key("failed")

    def fail():
        with cache.building(address) as folder:
            (folder / "part").write_text("1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert cache.find(address) is None
    assert not list(own_cache.glob(".building-*"))


def test_second_finisher_keeps_the_first(own_cache):
    address = cache.key("twice")
    with cache.building(address) as outer:
        (outer / "who").write_text("outer")
        with cache.building(address) as inner:
            (inner / "who").write_text("inner")
    assert (cache.find(address) / "who").read_text() == "inner"


def test_sweep_removes_only_what_the_dead_left(own_cache):
    own_cache.mkdir()
    dead = own_cache / ".building-x"
    dead.mkdir()
    with cache.work_folder() as alive:
        cache.sweep()
        assert alive.exists()
        assert not dead.exists()


def test_trim_drops_the_longest_unused_but_not_todays(own_cache):
    addresses = [cache.key(index) for index in range(3)]
    for age, address in enumerate(addresses):
        with cache.building(address) as folder:
            (folder / "content").write_bytes(bytes(100))
        old = 1e9 - age
        os.utime(own_cache / address[:2] / address[2:], (old, old))
    recent = cache.key("recent")
    with cache.building(recent) as folder:
        (folder / "content").write_bytes(bytes(1000))
    cache.trim(1200)
    assert [cache.find(a) is not None for a in (recent, *addresses)] == [True, True, True, False]


def test_code_version_follows_the_sources(tmp_path, monkeypatch):
    room = tmp_path / "room_of_test"
    room.mkdir()
    (room / "__init__.py").write_text("")
    (room / "table.csv").write_text("1")
    monkeypatch.syspath_prepend(str(tmp_path))
    versions = []
    for name, text in (("a.py", "x = 1"), ("a.py", "x = 2"), ("table.csv", "2"), ("notes.md", "no source")):
        (room / name).write_text(text)
        cache.code_version.cache_clear()
        versions.append(cache.code_version(("room_of_test",)))
    assert len(set(versions)) == 3
    assert versions[2] == versions[3]


def test_default_place_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("TRUESPIN_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.root() == tmp_path / "truespin"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.root() == tmp_path / "home" / ".cache" / "truespin"
