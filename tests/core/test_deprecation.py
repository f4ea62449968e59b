"""Old names keep working for a while, and say what they are called now."""

import sys
from types import ModuleType

import pytest

import ideomotor
from ideomotor.config import from_config
from ideomotor.deprecation import renamed_arguments, renamed_names
from ideomotor.errors import ConfigError
from ideomotor.testing import isolated_registry


class Ball:
    @renamed_arguments(removed="0.9", size="radius")
    def __init__(self, radius: float = 1.0):
        self.radius = radius


def test_a_renamed_argument_is_accepted_with_a_warning():
    with pytest.warns(
        FutureWarning, match=r"Ball\(size=…\) is now radius=…; the old name works until ideomotor 0.9"
    ):
        assert Ball(size=2.0).radius == 2.0
    assert Ball(radius=3.0).radius == 3.0
    with pytest.raises(TypeError, match="Ball: size is now radius; give one of them"):
        Ball(size=1.0, radius=2.0)


def test_components_are_made_by_renamed_arguments_too():
    with isolated_registry():
        ideomotor.register("part", "ball", Ball)
        with pytest.warns(FutureWarning, match="radius"):
            assert ideomotor.make("ball", size=2.0).radius == 2.0
        with pytest.warns(FutureWarning, match="radius"):
            assert from_config({"use": "ball", "size": 3.0}).radius == 3.0
        with pytest.raises(ConfigError, match="'ball' takes no argument 'radus'. Did you mean 'radius'?"):
            ideomotor.make("ball", radus=2.0)


def test_a_renamed_name_of_a_module_is_found_with_a_warning(monkeypatch):
    module = ModuleType("shapes")
    module.__getattr__ = renamed_names("shapes", {"Round": f"{__name__}:Ball"}, removed="0.9")
    monkeypatch.setitem(sys.modules, "shapes", module)
    with pytest.warns(FutureWarning, match=f"shapes.Round is now {__name__}.Ball"):
        assert module.Round is Ball
    with pytest.raises(AttributeError, match="module 'shapes' has no attribute 'Square'"):
        module.Square  # noqa: B018


def test_the_moved_names_of_config_are_those_of_the_package():
    for name in ("load_pipeline", "save_pipeline"):
        with pytest.warns(FutureWarning, match=f"config.{name} is now ideomotor.{name}"):
            assert getattr(ideomotor.config, name) is getattr(ideomotor, name)
