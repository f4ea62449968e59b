import functools
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Array, PRNGKeyArray

import ideomotor
from ideomotor import _tensors  # what all files are written with; it has no public face
from ideomotor.errors import CheckpointError, ConfigError, IdeomotorError
from ideomotor.registry import Registry, reset

from ._parts import Look, NumpySpring, Spring, Waves


class Net(ideomotor.AbstractPerception):
    """A network with all kinds of leaves."""

    mlp: eqx.nn.MLP
    dropout: eqx.nn.Dropout
    offset: np.ndarray
    steps: Array
    on: np.ndarray
    noise: PRNGKeyArray
    width: int = eqx.field(static=True)

    def __init__(self, width: int = 4, *, key=None):
        key = jax.random.key(0) if key is None else key
        self.width = width
        self.mlp = eqx.nn.MLP(3, 2, width, 1, key=key)
        self.dropout = eqx.nn.Dropout(0.25)
        self.offset = np.zeros(2)
        self.steps = jnp.zeros((), jnp.int32)
        self.on = np.array([True, False])
        self.noise = jax.random.key(7)

    def default_observation(self):
        return jnp.zeros(3)

    def __call__(self, observation, *, key=None):
        return self.mlp(observation) + self.offset


class Drawn(ideomotor.AbstractPerception):
    """Weights of which the constructor wants to know something, and constants that are computed once."""

    weights: Array
    largest: float = eqx.field(static=True)
    looks: bool = eqx.field(static=True)

    def __init__(self, looks: bool = True, *, key=None):
        self.looks = looks
        drawn = jax.random.normal(jax.random.key(0) if key is None else key, (3,))
        self.largest = float(jnp.max(drawn)) if looks else 0.0
        self.weights = drawn * Drawn.constants()

    @staticmethod
    @functools.cache
    def constants():
        return jnp.arange(3.0)

    def default_observation(self):
        return self.constants()

    def __call__(self, observation, *, key=None):
        return self.weights * observation


class Twice(ideomotor.AbstractPerception):
    """Of another shape each time it is made."""

    made = 0
    weights: Array

    def __init__(self):
        Twice.made += 1
        self.weights = jnp.zeros(Twice.made)

    def default_observation(self):
        return jnp.zeros(())

    def __call__(self, observation, *, key=None):
        return observation


class Wrap(ideomotor.AbstractPerception):
    """Holds another component."""

    inner: ideomotor.AbstractPerception

    def default_observation(self):
        return self.inner.default_observation()

    def __call__(self, observation, *, key=None):
        return self.inner(observation)


class Unknown(ideomotor.AbstractPerception):
    """Not registered."""

    def default_observation(self):
        return jnp.zeros(())

    def __call__(self, observation, *, key=None):
        return observation


@pytest.fixture(autouse=True)
def components():
    old = reset(Registry([]))
    for kind, name, cls in [
        ("perception", "net", Net),
        ("perception", "drawn", Drawn),
        ("perception", "look", Look),
        ("perception", "twice", Twice),
        ("perception", "wrap", Wrap),
        ("primitive", "waves", Waves),
        ("plant", "spring", Spring),
        ("plant", "numpy-spring", NumpySpring),
        ("command", "danger", danger),
    ]:
        ideomotor.register(kind, name, cls)
    yield
    reset(old)


def danger():
    raise SystemExit("a command was run")


def trained(width=4, seed=1) -> Net:
    """A network whose numbers differ from those it is made with."""
    net = Net(width, key=jax.random.key(seed))
    new = (np.array([0.1, -2.0]), jnp.int32(41), np.array([False, True]), jax.random.key(8), 0.5)
    return eqx.tree_at(lambda n: (n.offset, n.steps, n.on, n.noise, n.dropout.p), net, new)


def assert_same(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert type(a) is type(b)
        if hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        if hasattr(a, "dtype"):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        else:
            assert a == b


@pytest.mark.parametrize("x64", [False, True])
def test_a_component_comes_back_leaf_for_leaf(tmp_path, x64):
    with jax.enable_x64(x64):
        net = trained()
        assert ideomotor.save(net, tmp_path / "net") == tmp_path / "net"
        assert_same(ideomotor.load(tmp_path / "net"), net)
        assert_same(ideomotor.load(str(tmp_path / "net"), kind="perception"), net)


def test_the_folder_holds_three_readable_files(tmp_path):
    ideomotor.save(
        trained(), tmp_path / "net", seed=3, metrics={"error": np.float32(0.25), "n": 10}, card="Note."
    )
    assert sorted(p.name for p in (tmp_path / "net").iterdir()) == [
        "README.md",
        "config.json",
        "weights.safetensors",
    ]
    about = json.loads((tmp_path / "net/config.json").read_text())
    assert about["component"] == {"use": "net"} and about["kind"] == "perception" and about["format"] == 1
    assert about["seed"] == 3 and about["metrics"] == {"error": 0.25, "n": 10}
    assert about["parameters"] == 3 * 4 + 4 + 4 * 2 + 2 + 2
    assert {"ideomotor", "jax", "equinox", "numpy", "python"} <= set(about["versions"])
    weights = safetensors.numpy.load_file(tmp_path / "net/weights.safetensors")
    assert {"mlp.layers.0.weight", "mlp.layers.1.bias", "offset", "steps", "on", "noise"} <= set(weights)
    np.testing.assert_array_equal(weights["mlp.layers.0.weight"], trained().mlp.layers[0].weight)
    card = (tmp_path / "net/README.md").read_text()
    for part in (
        "`net`",
        "A network with all kinds of leaves",
        "28 parameters",
        "| error | 0.25 |",
        "Note.",
        "seed 3",
    ):
        assert part in card


@pytest.mark.parametrize("dtype, unit", [("float16", 2.0**-11), ("bfloat16", 2.0**-8), ("float32", 0.0)])
def test_weights_can_be_stored_in_fewer_bits(tmp_path, dtype, unit):
    net = trained()
    ideomotor.save(net, tmp_path / "net", dtype=dtype)
    back = ideomotor.load(tmp_path / "net")
    for a, b in zip(jax.tree.leaves(net.mlp), jax.tree.leaves(back.mlp), strict=True):
        if eqx.is_array(a):
            assert b.dtype == a.dtype
            np.testing.assert_allclose(b, a, rtol=unit, atol=1e-7 if unit else 0)
    assert back.steps == 41 and back.dropout.p == 0.5 and back.offset.dtype == np.float64
    assert_same(back.noise, net.noise)


def test_what_does_not_fit_the_storage_dtype_is_refused(tmp_path):
    net = eqx.tree_at(lambda n: n.offset, trained(), np.array([1e6, np.inf]))
    with pytest.raises(CheckpointError, match=r"Net.offset reaches 1e\+06, which does not fit float16"):
        ideomotor.save(net, tmp_path / "net", dtype="float16")
    with pytest.raises(CheckpointError, match="cannot be stored as 'int8'; choose float16"):
        ideomotor.save(net, tmp_path / "net", dtype="int8")
    assert not (tmp_path / "net").exists()
    ideomotor.save(net, tmp_path / "net", dtype="float32")  # an infinite bound is a number like any other
    assert ideomotor.load(tmp_path / "net").offset[1] == np.inf


def test_precision_follows_the_session_that_loads(tmp_path):
    with jax.enable_x64(True):
        net = trained()
        ideomotor.save(net, tmp_path / "net")
    back = ideomotor.load(tmp_path / "net")
    assert back.mlp.layers[0].weight.dtype == jnp.float32
    np.testing.assert_allclose(back.mlp.layers[0].weight, net.mlp.layers[0].weight, rtol=1e-7)


def test_arguments_and_weights_both_come_back(tmp_path):
    wave = eqx.tree_at(lambda w: w.frequency, Waves(dof=3), jnp.float32(1 / 3))
    ideomotor.save(wave, tmp_path / "wave")
    assert_same(ideomotor.load(tmp_path / "wave"), wave)
    wrapped = Wrap(trained(width=6))
    ideomotor.save(wrapped, tmp_path / "wrapped")
    assert_same(ideomotor.load(tmp_path / "wrapped"), wrapped)


def test_a_pipeline_and_a_host_component_can_be_saved(tmp_path):
    look = eqx.tree_at(lambda x: x.weights, Look(seed=2), jnp.full((4, 9), 0.5))
    pipeline = ideomotor.Pipeline(look, Waves(), plant=Spring(mass=2.0))
    ideomotor.save(pipeline, tmp_path / "pipeline")
    back = ideomotor.load(tmp_path / "pipeline", kind="pipeline")
    assert_same(jax.tree.leaves(back), jax.tree.leaves(pipeline))
    ts = jnp.linspace(0, 1, 5)
    np.testing.assert_array_equal(
        back(jnp.ones((3, 3)), ts).ys["position"], pipeline(jnp.ones((3, 3)), ts).ys["position"]
    )
    assert "perception: `look`" in (tmp_path / "pipeline/README.md").read_text()

    ideomotor.save(ideomotor.make("numpy-spring", stiffness=9.0), tmp_path / "plain")
    plant = ideomotor.load(tmp_path / "plain")
    assert isinstance(ideomotor.plain_object(plant), NumpySpring) and plant.component.stiffness == 9.0


def test_save_pipeline_uses_the_same_folders(tmp_path):
    look = eqx.tree_at(lambda x: x.weights, Look(), jnp.full((4, 9), 0.5))
    ideomotor.save_pipeline(ideomotor.Pipeline(look, Waves()), tmp_path / "p.yaml")
    back = ideomotor.load_pipeline(tmp_path / "p.yaml")
    np.testing.assert_array_equal(back.perception.weights, look.weights)
    assert (tmp_path / "p" / "perception" / "weights.safetensors").exists()


def test_a_folder_in_use_is_kept_unless_overwritten(tmp_path):
    ideomotor.save(trained(seed=1), tmp_path / "net")
    with pytest.raises(IdeomotorError, match="exists and is not empty"):
        ideomotor.save(trained(seed=2), tmp_path / "net")
    assert_same(ideomotor.load(tmp_path / "net"), trained(seed=1))
    ideomotor.save(trained(seed=2), tmp_path / "net", overwrite=True)
    assert_same(ideomotor.load(tmp_path / "net"), trained(seed=2))


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("ideomotor._files.write_json", fail)
    with pytest.raises(OSError, match="disk full"):
        ideomotor.save(trained(), tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_what_would_not_come_back_is_not_saved(tmp_path):
    with pytest.raises(
        CheckpointError, match="Twice cannot be restored from its config.*weights has shape .* where"
    ):
        ideomotor.save(Twice(), tmp_path / "x")
    with pytest.raises(ConfigError, match="not registered"):
        ideomotor.save(Unknown(), tmp_path / "x")
    nan = eqx.tree_at(lambda n: n.offset, trained(), np.array([0.0, np.nan]))
    with pytest.raises(CheckpointError, match="Net.offset holds NaN and is not saved"):
        ideomotor.save(nan, tmp_path / "x")
    odd = eqx.tree_at(lambda n: n.offset, trained(), np.array([1j, 2]))
    with pytest.raises(CheckpointError, match="offset is an array of complex128, which cannot be stored"):
        ideomotor.save(odd, tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.fixture
def folder(tmp_path):
    return ideomotor.save(trained(), tmp_path / "net")


def change(folder, edit, rehash=False):
    """Edit `config.json` as a dictionary."""
    about = json.loads((folder / "config.json").read_text())
    edit(about)
    if rehash:
        import hashlib

        data = (folder / "weights.safetensors").read_bytes()
        about["weights"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "config.json").write_text(json.dumps(about))


def fails(folder, message, **kwargs):
    with pytest.raises(CheckpointError, match=message) as info:
        ideomotor.load(folder, **kwargs)
    assert "\n" not in str(info.value)


def test_missing_folder_and_files(folder, tmp_path):
    fails(tmp_path / "nowhere", "There is no folder .*nowhere; give a folder")
    fails(folder / "README.md", "There is no folder")
    fails(tmp_path, "has no config.json; give a folder")
    (folder / "weights.safetensors").unlink()
    fails(folder, "weights.safetensors is missing; download it or save it again")


def test_damaged_weights(folder):
    path = folder / "weights.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:-5])
    fails(folder, rf"weights.safetensors is truncated .{len(data) - 5} of {len(data)} bytes")
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    fails(folder, "has been changed since it was saved .*SHA-256")
    path.write_bytes(b"not a safetensors file")
    change(folder, lambda about: None, rehash=True)
    fails(folder, "is not a complete safetensors file")


@pytest.mark.parametrize(
    "text", ["{", "", "\x00\xff", "[" * 100_000], ids=["open", "empty", "binary", "deep"]
)
def test_config_that_is_not_json(folder, text):
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    fails(folder, "config.json is not JSON")


@pytest.mark.parametrize("key", ["format", "kind", "component", "weights", "versions"])
def test_config_that_lacks_something(folder, key):
    change(folder, lambda about: about.pop(key))
    fails(folder, f"config.json lacks '{key}'")
    (folder / "config.json").write_text("[1, 2]")
    fails(folder, "config.json lacks 'format'")


def test_newer_format(folder):
    change(folder, lambda about: about.update(format=99, component="in some new way"))
    fails(folder, "is of format 99, and this version reads up to 1: pip install -U ideomotor")


def test_wrong_kind(folder):
    fails(folder, "holds a perception, and a plant is needed here", kind="plant")


def test_component_that_is_not_here(folder):
    change(folder, lambda about: about["component"].update(use="nett"))
    fails(
        folder,
        r"cannot be created here: No component is called 'nett'. Did you mean 'net'\?.*saved with .*ideomotor",
    )


def test_a_friend_without_the_plugin_is_told_what_to_install(folder):
    def by_a_stranger(about):
        about["component"] = {"use": "net-of-a-stranger"}
        about["versions"]["ideomotor-stranger"] = "1.2"

    change(folder, by_a_stranger)
    fails(folder, "saved with a plug-in that is not installed: pip install ideomotor-stranger")


def test_an_older_format_is_migrated(folder, monkeypatch):
    """Format 1 becomes 3 in two steps: the width is renamed, then the component is."""
    from ideomotor import _saved  # where formats are known; there is no older one yet

    def second(about):
        config = dict(about["component"])
        return {**about, "component": {"use": config.pop("used"), **config}}

    def first(about):
        config = dict(about["component"])
        return {**about, "component": {"used": config.pop("use"), "width": config.pop("breadth"), **config}}

    def older(about):
        about["component"]["breadth"] = 4

    whole = ideomotor.load(folder)
    change(folder, older)
    fails(folder, "takes no argument 'breadth'")
    monkeypatch.setattr(_saved, "FORMAT", 3)
    monkeypatch.setitem(_saved.MIGRATIONS, 1, first)
    monkeypatch.setitem(_saved.MIGRATIONS, 2, second)
    assert eqx.tree_equal(ideomotor.load(folder), whole)
    change(folder, lambda about: about.update(format=4))
    fails(folder, "is of format 4, and this version reads up to 3")


def test_another_network(folder):
    change(folder, lambda about: about["component"].update(width=5))
    fails(
        folder,
        r"does not match the network .* mlp.layers.0.weight has shape \(4, 3\) where \(5, 3\) is needed",
    )
    change(folder, lambda about: about.update(component={"use": "look"}))
    fails(folder, "does not match the network .* weights is missing")
    change(folder, lambda about: about["component"].update(use="net"))
    tensors = safetensors.numpy.load_file(folder / "weights.safetensors")
    safetensors.numpy.save_file({**tensors, "more": np.zeros(2)}, folder / "weights.safetensors")
    change(folder, lambda about: None, rehash=True)
    fails(folder, "does not match the network .* more is not part of it")


def test_numbers_that_cannot_be(folder):
    tensors = safetensors.numpy.load_file(folder / "weights.safetensors")
    safetensors.numpy.save_file({**tensors, "steps": np.array(2**40)}, folder / "weights.safetensors")
    change(folder, lambda about: None, rehash=True)
    fails(folder, "steps holds numbers that do not fit int32")
    safetensors.numpy.save_file({**tensors, "offset": np.array([0, np.nan])}, folder / "weights.safetensors")
    change(folder, lambda about: None, rehash=True)
    fails(folder, "offset holds NaN")


@pytest.mark.parametrize(
    "component, message",
    [
        ({"use": "wrap", "inner": {"use": "danger"}}, "'danger' is a command"),
        ({"use": "danger"}, "'danger' is a command"),
        ({"use": "wrap", "inner": {"load": "."}}, "points to another folder"),
        ({"load": "."}, "points to another folder"),
        ({"use": "net", "width": "os.system('true')"}, "cannot be created"),
        ({"use": "net", "width": -3}, "cannot be created"),
        ({"use": "net", "depth": 3}, "takes no argument 'depth'"),
        ({"use": ["net"]}, "cannot be created"),
        ({"perception": {"use": "net"}}, "needs a primitive"),
        ({}, "cannot be created"),
    ],
)
def test_a_malicious_config_runs_nothing(folder, component, message):
    change(folder, lambda about: about.update(component=component))
    fails(folder, message)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_tree_survives_packing(data):
    dtypes = ["float16", "float32", "float64", "int8", "uint16", "int64", "bool"]
    names = data.draw(st.lists(st.text(max_size=6), max_size=4, unique=True))
    tree = {}
    for name in names:
        shape = tuple(data.draw(st.lists(st.integers(0, 3), max_size=3)))
        values = np.random.default_rng(0).normal(size=shape) * 3
        tree[name] = np.asfortranarray(values.astype(data.draw(st.sampled_from(dtypes))))
    stored, metadata = _tensors.unpack(_tensors.pack(_tensors.numbers(tree), {"step": "3"}))
    back = _tensors.replace(jax.tree.map(np.zeros_like, tree), stored)
    assert_same(back, tree)
    assert metadata == {"step": "3"}
    assert _tensors.digest(back) == _tensors.digest(tree)


def test_names_never_clash():
    tree = {"a.b": jnp.zeros(1), "a": {"b": jnp.ones(1)}}
    assert len(set(_tensors.names(tree))) == 2
    assert _tensors.names(jnp.zeros(1)) == ["value"]
    changed = {"a.b": jnp.zeros(1), "a": {"b": jnp.full(1, 2.0)}}
    assert _tensors.digest(tree) != _tensors.digest(changed)


@pytest.mark.parametrize("looks", [False, True])
def test_a_constructor_may_look_at_what_it_draws_and_keep_constants(tmp_path, looks):
    Drawn.constants.cache_clear()
    one = eqx.tree_at(lambda d: d.weights, Drawn(looks), jnp.array([3.0, 1.0, 2.0]))
    ideomotor.save(one, tmp_path / "drawn")
    Drawn.constants.cache_clear()
    assert_same(one, ideomotor.load(tmp_path / "drawn"))
    np.testing.assert_array_equal(Drawn.constants(), [0.0, 1.0, 2.0])


def test_loading_draws_no_weights(tmp_path, monkeypatch):
    ideomotor.save(trained(), tmp_path / "net")
    drawn = []
    monkeypatch.setattr(
        jax.random,
        "uniform",
        lambda key, *a, draw=jax.random.uniform, **k: drawn.append(key) or draw(key, *a, **k),
    )
    ideomotor.load(tmp_path / "net")
    assert drawn and all(isinstance(key, jax.core.Tracer) for key in drawn)
