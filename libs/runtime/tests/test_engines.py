import pytest

from avatar_runtime import engines
from avatar_runtime.engines import EngineUnavailable, UnknownEngine


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A service `avatar_bird` with three engines and a module that is none."""
    folder = tmp_path / "avatar_bird" / "engines"
    folder.mkdir(parents=True)
    for path in (folder.parent, folder):
        (path / "__init__.py").touch()
    (folder / "base.py").write_text("raise RuntimeError('imported though nobody asked')\n")
    (folder / "wren.py").write_text("'''A wren.'''\n\n\ndef create(settings):\n    return ('wren', settings)\n")
    (folder / "ostrich.py").write_text("import no_such_package\n\ndef create(settings):\n    pass\n")
    (folder / "broken.py").write_text(
        "raise RuntimeError('imported though nobody asked')\n\ndef create(settings): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


def test_the_engines_of_a_service_are_listed_without_importing_them(package):
    assert engines.names("bird") == ["broken", "ostrich", "wren"]


def test_an_engine_is_made_by_its_name_with_its_settings(package):
    assert engines.create("bird", "wren", {"pitch": 2}) == ("wren", {"pitch": 2})


@pytest.mark.parametrize("name", ["sparrow", "base", "", "..wren"])
def test_a_name_that_is_no_engine_is_an_error_that_lists_them(package, name):
    with pytest.raises(UnknownEngine, match="broken, ostrich, wren"):
        engines.create("bird", name, None)


def test_an_engine_whose_package_is_missing_says_what_to_install(package):
    with pytest.raises(EngineUnavailable, match=r"ostrich needs no_such_package: run `uv sync --extra ostrich`"):
        engines.create("bird", "ostrich", None)
