import gc
import itertools
import logging
import threading

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
import yaml

import ideomotor
from ideomotor.errors import AssemblyError, ConfigError, DataError, UnknownNameError
from ideomotor.registry import reset
from ideomotor_widgets import PipelineExplorer

DMP = {"primitive": {"use": "dmp", "basis": 5}}


class Stranger(ideomotor.AbstractFeedforwardPrimitive):
    """A stranger's primitive: a straight line; it dislikes one number."""

    length: float = eqx.field(static=True, default=1.0)

    def default_params(self):
        return jnp.array(0.5)

    def trajectory(self, params, ts, *, key=None):
        if self.length > 9:
            raise RuntimeError("the stranger's plug-in has a bug")
        return params * self.length * jnp.stack([ts, ts**2], -1)


@pytest.fixture(scope="module", autouse=True)
def stranger():
    """In a registry of its own, so that nobody else meets it."""
    old = reset()
    ideomotor.register("primitive", "test-stranger", Stranger)
    yield
    reset(old)


@pytest.fixture(scope="module")
def explorer():
    explorer = PipelineExplorer(DMP)
    explorer.ready()
    return explorer


@pytest.fixture
def fresh(explorer):
    """The explorer, with a DMP and nothing else."""
    if explorer.yaml() != yaml.safe_dump(DMP, sort_keys=False):
        explorer.take(yaml.safe_dump(DMP))
    explorer.clear_error()
    return explorer


_NOW = itertools.count()


def chosen(explorer, slot, name, send):
    send(explorer.cards[slot][0], chosen=[name, next(_NOW)])  # the browser sends the time with it


def test_each_change_runs_the_pipeline(fresh, send):
    before = fresh.canvas.data, fresh.plot.picture.image.value
    slider = fresh.observation.boxes.controls["goal"][0]
    send(slider, value=0.25)
    assert not fresh.error and fresh.canvas.data != before[0] and fresh.plot.picture.image.value != before[1]
    np.testing.assert_allclose(np.asarray(fresh.movement.ys)[-1], [0.25, 1.0], atol=0.01)


def test_the_registry_fills_the_cards_and_says_what_does_not_fit_and_why(fresh, send):
    choice = fresh.cards["plant"][0]
    assert [o["name"] for o in choice.options] == ["none", *(c.name for c in ideomotor.components("plant"))]
    send(choice, opened=1)
    fresh.wait()
    reasons = {option["name"]: option["reason"] for option in choice.options}
    assert reasons["none"] == reasons["servo"] == ""
    assert "(2,) where (6,) is needed" in reasons["muscle-arm"]
    assert fresh.notice.status == "" and not fresh.error


def test_what_the_cards_say_is_what_assembling_says(fresh):
    """Reasons are found from shapes alone; here the components are made in earnest."""
    primitive = ideomotor.make("dmp", basis=5)
    names = ("servo", "two-link-arm", "muscle-arm", "point-mass", "sheet")
    reasons = fresh.fits("plant")
    for name in names:
        try:
            ideomotor.Pipeline(None, primitive, plant=ideomotor.make(name))
        except AssemblyError as error:
            assert reasons[name] == str(error).partition("\n")[0]  # noqa: PT017
        else:
            assert reasons[name] == ""


def test_an_incompatible_choice_raises_from_python_and_changes_nothing(fresh):
    before = fresh.yaml()
    with pytest.raises(AssemblyError, match="DMP does not fit MuscleArm"):
        fresh.choose("plant", "muscle-arm")
    with pytest.raises(UnknownNameError, match="Did you mean 'servo'"):
        fresh.choose("plant", "servoo")
    with pytest.raises(AssemblyError, match="needs a primitive"):
        fresh.choose("primitive", "none")
    with pytest.raises(ConfigError, match="no part 'plants'"):
        fresh.choose("plants", "servo")
    assert fresh.yaml() == before and fresh.cards["plant"][0].value == "none"


def test_an_incompatible_choice_by_mouse_exchanges_what_stands_in_its_way_and_says_so(fresh, send):
    chosen(fresh, "plant", "muscle-arm", send)
    assert not fresh.error and "the primitive is now recurrent-policy" in fresh.notice.status
    assert fresh.cards["primitive"][0].value == "recurrent-policy"
    assert set(fresh.movement.ys) >= {"hand", "activation"}
    chosen(fresh, "primitive", "test-stranger", send)
    assert not fresh.error and "plant" in fresh.notice.status


def test_a_stranger_s_component_appears_and_what_it_raises_is_shown(fresh, send, caplog):
    assert "test-stranger" in {o["name"] for o in fresh.cards["primitive"][0].options}
    chosen(fresh, "primitive", "test-stranger", send)
    assert not fresh.error and list(fresh.observation.boxes.controls) == ["value"]
    box = fresh.cards["primitive"][1].children[0].controls["length"]
    with caplog.at_level(logging.ERROR, logger="ideomotor.widgets"):
        send(box, value=10.0)
    assert "the stranger's plug-in has a bug" in fresh.notice.error and "has a bug" in caplog.text
    send(fresh.cards["primitive"][1].children[0].controls["length"], value=2.0)
    assert not fresh.error
    np.testing.assert_allclose(np.asarray(fresh.movement.ys)[-1], [1.0, 1.0], atol=1e-5)


def test_its_yaml_and_its_python_give_the_same_movement(fresh, tmp_path):
    fresh.choose("plant", "servo")
    fresh.set("start", (-0.1, 0.3))
    fresh.set("goal", (0.15, 0.4))
    path = fresh.save(tmp_path / "mine.yaml")
    again = ideomotor.load_pipeline(path)
    assert again.to_config() == fresh.pipeline.to_config()
    names: dict = {}
    exec(fresh.python(), names)  # what a user copies into a cell
    np.testing.assert_array_equal(names["movement"].ys["hand"], np.asarray(fresh.movement.ys["hand"]))
    np.testing.assert_allclose(names["movement"].ys["hand"][0], [-0.1, 0.3], atol=1e-5)
    with pytest.raises(DataError, match="exists"):
        fresh.save(path)


def test_arguments_are_changed_in_their_boxes(fresh, send):
    boxes = fresh.cards["primitive"][1].children[0].controls
    send(boxes["basis"], value=7)
    assert "basis: 7" in fresh.yaml() and fresh.observation.tree().weights.shape == (2, 7)
    boxes = fresh.cards["primitive"][1].children[0].controls
    send(boxes["method"], value="{use: closed}")
    assert "Did you mean 'closed-form'" in fresh.notice.error and boxes["method"].value == ""
    send(boxes["method"], value="[1, ")
    assert "is not YAML" in fresh.notice.error and "basis: 7" in fresh.yaml()


@pytest.mark.parametrize(
    "text, message",
    [
        ("primitive: {use: dmp", "is not YAML, line"),
        ("primitive: {use: dmpp}", "Did you mean 'dmp'"),
        ("primitive: {use: dmp, bases: 3}", "Did you mean 'basis'"),
        ("plant: {use: servo}", "needs a primitive"),
        ("- a\n- b", "is a mapping"),
        ("", "is a mapping"),
        ("primitive: {use: dmp}\nplant: {use: muscle-arm}", "does not fit"),
        ("!!python/object/apply:os.system ['true']", "is not YAML"),
    ],
)
def test_yaml_edited_by_hand(fresh, send, text, message):
    before = fresh.yaml()
    send(fresh.yaml_code, edited=[text, next(_NOW)])
    assert message in fresh.notice.error and fresh.yaml() == before and fresh.notice.details == ""
    with pytest.raises((ConfigError, AssemblyError, UnknownNameError)):
        fresh.take(text)


def test_yaml_that_is_good_is_taken(fresh, send):
    send(fresh.yaml_code, edited=["primitive: {use: dmp, basis: 9}", next(_NOW)])
    assert not fresh.error and fresh.observation.tree().weights.shape == (2, 9)
    assert fresh.cards["primitive"][1].children[0].controls["basis"].value == 9


def test_two_explorers_on_one_pipeline_do_not_meet(explorer):
    pipeline = ideomotor.Pipeline(None, ideomotor.make("dmp", basis=5))
    one, other = PipelineExplorer(pipeline), PipelineExplorer(pipeline)
    one.ready()
    other.ready()
    one.set("goal", (0.2, 0.2))
    one.set_argument("primitive", "basis", 6)
    assert other.observation.tree().weights.shape == (2, 5) and other.pipeline is pipeline
    np.testing.assert_array_equal(other.observation.tree().goal, [1, 1])
    one.close()
    other.set("goal", (0.1, 0.1))
    assert not other.error
    other.close()


def test_handed_over_weights_are_kept_and_saved(tmp_path):
    policy = ideomotor.config.from_config({"load": "ideomotor_rnn:checkpoints/reach"}, kind="primitive")
    explorer = PipelineExplorer(ideomotor.Pipeline(None, policy, plant=ideomotor.make("muscle-arm")))
    again = ideomotor.load_pipeline(explorer.save(tmp_path / "p.yaml"))
    np.testing.assert_array_equal(again.primitive.motor, policy.motor)
    explorer.close()


def test_a_file_that_is_not_there(fresh, tmp_path):
    with pytest.raises(ConfigError, match="There is no file"):
        fresh.load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="There is no file"):
        PipelineExplorer(tmp_path / "none.yaml")


def test_sixty_changes_open_no_widgets_and_no_figures(fresh, open_widgets):
    """The thousand of the benchmark in small: numbers, and parts now and then."""
    from matplotlib.figure import Figure

    fresh.choose("plant", "servo")
    fresh.choose("plant", "none")
    gc.collect()
    before = open_widgets(), sum(isinstance(o, Figure) for o in gc.get_objects())
    for i in range(60):
        if i % 10 == 0:
            fresh.choose("plant", "servo" if i % 20 == 0 else "none")
        fresh.set("goal", (0.3 + 0.001 * i, 0.2))
    fresh.choose("plant", "none")
    gc.collect()
    assert (open_widgets(), sum(isinstance(o, Figure) for o in gc.get_objects())) == before


def test_bytes_of_an_update(fresh, sent_bytes):
    fresh.set("goal", (0.3, 0.1))
    with sent_bytes(fresh) as sent:
        fresh.set("goal", (0.31, 0.12))
    assert 5_000 < sum(sent) <= 60_000


def test_a_menu_says_what_fits_without_keeping_the_kernel_waiting(fresh, send, monkeypatch):
    """What plug-ins offer is imported in a thread; a list that comes late for another pipeline is not shown."""
    gate, asked = threading.Event(), threading.Event()
    real = fresh.assembly.options

    def slow(slot):
        asked.set()
        assert gate.wait(30)
        return real(slot)

    monkeypatch.setattr(fresh.assembly, "options", slow)
    choice = fresh.cards["plant"][0]
    before = choice.options
    send(choice, opened=choice.opened + 1)
    assert asked.wait(30) and fresh.notice.busy and "what fits" in fresh.notice.status
    assert choice.options == before
    fresh.set("goal", (0.2, 0.2))  # the view goes on meanwhile
    gate.set()
    fresh.wait()
    reasons = {option["name"]: option["reason"] for option in choice.options}
    assert "(2,) where (6,) is needed" in reasons["muscle-arm"] and not fresh.notice.busy
    gate.clear()
    asked.clear()
    send(choice, opened=choice.opened + 1)
    assert asked.wait(30)
    fresh.set_argument("primitive", "basis", 8)
    now = choice.options
    gate.set()
    fresh.wait()
    assert choice.options == now


def test_a_robot_is_seen_in_space(fresh, send):
    pytest.importorskip("mujoco")
    fresh.take("primitive: {use: dmp, dof: 7, basis: 5}\nplant: {use: lwr4}")
    assert not fresh.error and fresh.space.layers and fresh.space.layout.display is None
    assert fresh.canvas.layout.display == "none" and len(fresh.snapshot()) > 1000
    view = list(fresh.space.view)
    view[0] += 20
    send(fresh.space, view=view)  # the mouse has turned it
    fresh.duration.value = 0.5
    fresh.duration.value = 1.0
    assert not fresh.error and fresh.space.view == view, "a change of numbers keeps the view"
    fresh.choose("plant", "none")
    assert fresh.space.layout.display == "none" and not fresh.space.layers
