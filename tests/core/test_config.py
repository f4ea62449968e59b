import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import ideomotor
from ideomotor import Component, Pipeline, load_pipeline, save_pipeline
from ideomotor.config import dump_yaml, from_config, to_config
from ideomotor.errors import ConfigError, IdeomotorError, UnknownNameError
from ideomotor.testing import isolated_registry

from ._parts import Line, Look, NumpySpring, Pull, Spring, Waves

TS = jnp.linspace(0.0, 1.0, 5)


class Heavier(ideomotor.AbstractPlant):
    """A wrapper, with all kinds of arguments."""

    plant: ideomotor.AbstractPlant
    factors: jax.Array = eqx.field(converter=jnp.asarray)
    names: tuple = eqx.field(static=True)
    table: dict = eqx.field(static=True)

    def __init__(self, plant=None, factors=(1.0, 1.0), names=("a",), table=None):
        self.plant = Spring() if plant is None else plant
        self.factors = jnp.asarray(factors)
        self.names = tuple(names)
        self.table = table

    def default_state(self):
        return self.plant.default_state()

    def default_command(self):
        return self.plant.default_command()

    def step(self, state, command, dt, *, key=None):
        return self.plant.step(state, self.factors * command, dt, key=key)

    def observe(self, state, *, key=None):
        return self.plant.observe(state, key=key)


@pytest.fixture(autouse=True)
def registry():
    with isolated_registry(empty=True) as registry:
        for kind, name, cls in (
            ("primitive", "waves", Waves),
            ("primitive", "pull", Pull),
            ("plant", "spring", Spring),
            ("plant", "heavier", Heavier),
            ("plant", "numpy-spring", NumpySpring),
            ("perception", "look", Look),
            ("planner", "line", Line),
        ):
            registry.register(kind, name, cls)
        yield registry


def same(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize(
    ("make", "config"),
    [
        (lambda: Waves(), {"use": "waves"}),
        (lambda: Waves(dof=3), {"use": "waves", "dof": 3}),
        (lambda: Spring(0.1, damping=2), {"use": "spring", "mass": 0.1, "damping": 2.0}),
        (
            lambda: Spring(solver=diffrax.Tsit5(), substeps=3),
            {"use": "spring", "solver": "diffrax.Tsit5", "substeps": 3},
        ),
        (lambda: Look(seed=4), {"use": "look", "seed": 4}),
        (
            lambda: Heavier(Heavier(Spring(1.5)), factors=(0.1, 0.2), names=("a", "b"), table={"x": 1}),
            {
                "use": "heavier",
                "plant": {"use": "heavier", "plant": {"use": "spring", "mass": 1.5}},
                "factors": [0.1, 0.2],
                "names": ["a", "b"],
                "table": {"x": 1},
            },
        ),
        (lambda: Heavier(Spring(0.1)), {"use": "heavier", "plant": {"use": "spring", "mass": 0.1}}),
    ],
)
def test_round_trip_through_yaml_text(make, config):
    made = make()
    assert to_config(made) == config
    text = dump_yaml(to_config(made))
    same(from_config(yaml.safe_load(text)), made)
    assert "0.10000000149" not in text  # the shortest decimals of float32


@given(st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False))
@settings(max_examples=60, deadline=None)
def test_float32_numbers_come_back_bit_for_bit(x):
    plant = Spring(np.float32(x))
    text = dump_yaml(to_config(plant))
    again = from_config(yaml.safe_load(text))
    assert np.float32(again.mass).tobytes() == np.float32(x).tobytes()


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
@settings(max_examples=30, deadline=None)
def test_float64_numbers_come_back_bit_for_bit(x):
    with jax.enable_x64(True):
        again = from_config(yaml.safe_load(dump_yaml(to_config(Spring(x)))))
        assert np.float64(again.mass).tobytes() == np.float64(x).tobytes()


def test_a_name_alone_is_a_config():
    same(from_config("spring"), Spring())


def test_numpy_components():
    made = from_config({"use": "numpy-spring", "stiffness": 9.0})
    assert isinstance(ideomotor.plain_object(made), NumpySpring) and made.component.stiffness == 9.0
    assert to_config(made) == {"use": "numpy-spring", "stiffness": 9.0}


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", "0.001", "1E-3"])
def test_numbers_with_exponents(text):
    assert float(from_config(yaml.safe_load(f"{{use: spring, mass: {text}}}")).mass) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ({"use": "sprng"}, UnknownNameError, "plant: No plant is called 'sprng'. Did you mean 'spring'?"),
        ({"use": "waves"}, UnknownNameError, "plant: 'waves' is a primitive, and a plant is needed here"),
        (
            {"use": "spring", "mas": 1.0},
            ConfigError,
            "plant: 'spring' takes no argument 'mas'. Did you mean 'mass'?",
        ),
        ({"mass": 1.0}, ConfigError, "plant: write {use: NAME, …} or {load: FOLDER}, not {'mass': 1.0}"),
        ({"use": "spring", "load": "x"}, ConfigError, "plant: write {use: NAME, …} or {load: FOLDER}"),
        ([1, 2], ConfigError, "plant: write {use: NAME"),
        (
            {"load": "x", "mass": 1.0},
            ConfigError,
            "plant: {load: …} takes no other key, and 'mass' was given",
        ),
        (
            {"use": "heavier", "plant": {"use": "heavier", "plant": {"use": "spring", "stifness": 1}}},
            ConfigError,
            "plant.plant.plant: 'spring' takes no argument 'stifness'. Did you mean 'stiffness'?",
        ),
        (
            {"use": "heavier", "names": ["a", {"use": "nothing"}]},
            UnknownNameError,
            "plant.names[1]: No component is called 'nothing'",
        ),
        (
            {"use": "spring", "solver": "diffrax.Tsit6"},
            ConfigError,
            "plant.solver: Diffrax has no solver 'Tsit6'. Did you mean 'Tsit5'?",
        ),
        (
            {"use": "spring", "mass": "heavy"},
            ConfigError,
            "plant: 'spring' cannot be created from {'mass': 'heavy'}",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(config, error, words):
    with pytest.raises(error) as caught:
        from_config(config, kind="plant")
    assert words in str(caught.value)


def test_what_cannot_be_written_down_is_said():
    class Unknown(Spring):
        pass

    with pytest.raises(ConfigError, match="Unknown is not registered, so its config has no name for it"):
        to_config(Unknown())
    with pytest.raises(ConfigError, match="heavier.plant is a Unknown, which cannot be written as YAML"):
        to_config(Heavier(Unknown()))
    with pytest.raises(ConfigError, match="only solvers with default arguments can be written as a config"):
        to_config(Spring(solver=diffrax.Kvaerno3(root_finder=optx.Newton(1e-3, 1e-3))))
    assert to_config(Spring(solver=diffrax.Kvaerno3()))["solver"] == "diffrax.Kvaerno3"


def test_pipelines():
    pipeline = Pipeline(Look(seed=2), Waves(), Heavier(Spring(2.0)))
    config = pipeline.to_config()
    assert config == {
        "perception": {"use": "look", "seed": 2},
        "primitive": {"use": "waves"},
        "plant": {"use": "heavier", "plant": {"use": "spring", "mass": 2.0}},
    }
    same(Pipeline.from_config(yaml.safe_load(dump_yaml(config))), pipeline)
    alone = Pipeline(None, Waves())
    assert alone.to_config() == {"primitive": {"use": "waves"}}
    same(Pipeline.from_config(alone.to_config()), alone)
    assert "planner" in Pipeline(None, Waves(), planner=Line()).to_config()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"primitve": {"use": "waves"}}, "A pipeline has no part 'primitve'. Did you mean 'primitive'?"),
        ({"plant": {"use": "spring"}}, "A pipeline needs a primitive"),
        (["waves"], "A pipeline is a mapping with the keys perception, planner, primitive, plant"),
        ({"primitive": {"use": "spring"}}, "primitive: 'spring' is a plant, and a primitive is needed here"),
    ],
)
def test_wrong_pipelines(config, words):
    with pytest.raises(IdeomotorError) as caught:
        Pipeline.from_config(config)
    assert words in str(caught.value)


def test_trained_parts_are_saved_beside_the_yaml(tmp_path):
    trained = eqx.tree_at(
        lambda look: look.weights, Look(), Look(seed=7).weights
    )  # other weights than seed 0 gives
    pipeline = Pipeline(trained, Waves(), Spring(2.0))
    path = save_pipeline(pipeline, tmp_path / "deep" / "reach.yaml")
    config = yaml.safe_load(path.read_text())
    assert config == {
        "perception": {"load": "reach/perception"},
        "primitive": {"use": "waves"},
        "plant": {"use": "spring", "mass": 2.0},
    }
    again = load_pipeline(path)  # paths in it are relative to the file
    same(again, pipeline)
    image = jnp.linspace(-1.0, 1.0, 9).reshape(3, 3)
    same(again(image, TS), pipeline(image, TS))
    save_pipeline(pipeline, path)  # a second time is no error
    moved = path.parent.rename(tmp_path / "elsewhere") / "reach.yaml"
    same(load_pipeline(moved), pipeline)


class Twice:
    """A host perception that asks its networks in turn."""

    def __init__(self, network=None, others=()):
        self.network, self.others = Look() if network is None else network, list(others)

    def default_observation(self):
        return np.zeros((3, 3), np.float32)

    def __call__(self, observation, *, key=None):
        found = [net(jnp.asarray(observation)) for net in (self.network, *self.others)]
        return jax.tree.map(lambda *leaves: np.sum([np.asarray(leaf) for leaf in leaves], axis=0), *found)


def test_networks_within_a_host_component_keep_their_weights(tmp_path, registry):
    registry.register("perception", "twice", Twice)
    trained = eqx.tree_at(lambda look: look.weights, Look(), Look(seed=7).weights)
    looks = ideomotor.make("twice", network=trained, others=[Look(seed=1), trained])
    pipeline = Pipeline(looks, Waves())
    config = yaml.safe_load(save_pipeline(pipeline, tmp_path / "p.yaml").read_text())
    assert config["perception"] == {
        "use": "twice",
        "network": {"load": "p/perception/network"},
        "others": [{"use": "look", "seed": 1}, {"load": "p/perception/others/1"}],
    }
    image = jnp.linspace(-1.0, 1.0, 9).reshape(3, 3)
    same(load_pipeline(tmp_path / "p.yaml")(image, TS), pipeline(image, TS))
    for whole in (looks, pipeline):
        with pytest.raises(
            ideomotor.errors.CheckpointError,
            match="Twice.network has trained weights, which a component on the host does not save",
        ):
            ideomotor.save(whole, tmp_path / "lost")
    assert not (tmp_path / "lost").exists()
    ideomotor.save(ideomotor.make("twice", network=Look(seed=3)), tmp_path / "plain")


def test_untrained_parts_leave_no_folder(tmp_path):
    path = save_pipeline(Pipeline(Look(seed=1), Waves()), tmp_path / "plain.yaml")
    assert [p.name for p in tmp_path.iterdir()] == ["plain.yaml"]
    same(load_pipeline(path), Pipeline(Look(seed=1), Waves()))


def test_yaml_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="There is no file"):
        load_pipeline(tmp_path / "missing.yaml")
    (tmp_path / "bad.yaml").write_text("primitive: {use: waves\nplant: ]")
    with pytest.raises(ConfigError, match=r"bad.yaml, line 2.* is not YAML"):
        load_pipeline(tmp_path / "bad.yaml")
    (tmp_path / "python.yaml").write_text("primitive: !!python/object/apply:os.getcwd []")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_pipeline(tmp_path / "python.yaml")
    for text, words in (
        ("primitive: {use: waves}\nprimitive: {use: waves}", r"line 2.*the key 'primitive' stands twice"),
        ("primitive: {use: waves, count: 1" + 5000 * "0" + "}", "cannot be read"),
        ("primitive: 2024-13-45", "cannot be read: month must be in 1..12"),
        ("[" * 3000 + "]" * 3000, "nested too deeply"),
    ):
        (tmp_path / "odd.yaml").write_text(text)
        with pytest.raises(ConfigError, match=words):
            load_pipeline(tmp_path / "odd.yaml")
    for name in ("a\0b.yaml", 5000 * "a" + ".yaml"):
        with pytest.raises(ConfigError, match="cannot be read"):
            load_pipeline(name)
    (tmp_path / "gone.yaml").write_text("primitive: {load: gone/primitive}")
    with pytest.raises(IdeomotorError, match="gone"):
        load_pipeline(tmp_path / "gone.yaml")


def test_a_command_is_no_component():
    command = Component("command", "wave hand", "nowhere:command", "a command")
    with isolated_registry(command), pytest.raises(ConfigError, match="plant: 'wave hand' is a command"):
        from_config({"use": "wave hand"}, where="plant")
