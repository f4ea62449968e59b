import logging

import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor.errors import AssemblyError
from ideomotor_widgets import PrimitiveEditor
from ideomotor_widgets._elements import Bars
from ideomotor_widgets._strokes import ink_of


@pytest.fixture(scope="module")
def editor():
    editor = PrimitiveEditor("dmp")
    editor.ready()
    return editor


def path_of(editor):
    layer = editor.canvas.layers[1]
    numbers = np.frombuffer(editor.canvas.data, np.float32)
    return numbers[layer["at"] : layer["at"] + 2 * layer["points"]].reshape(-1, 2)


def test_dragging_the_goal_moves_the_end_of_the_movement(editor, send):
    before = editor.picture.image.value
    handles = [{**h, "x": 0.4, "y": -0.7} if h["name"] == "goal" else h for h in editor.canvas.handles]
    send(editor.canvas, handles=handles)
    assert not editor.error and np.allclose(editor.params.goal, [0.4, -0.7])
    np.testing.assert_allclose(path_of(editor)[-1], [0.4, -0.7], atol=1e-3)
    assert editor.picture.image.value != before


def test_dragging_a_bar_changes_the_weights_and_nothing_else(editor, send):
    editor.set("goal", (1.0, 0.5))
    bars = next(c for c in editor.boxes.controls["weights"] if isinstance(c, Bars))
    weights = np.zeros((2, 25), np.float32)
    weights[1, 8] = 400.0
    straight = path_of(editor)
    send(bars, values=weights)
    np.testing.assert_array_equal(editor.params.weights, weights)
    now = path_of(editor)
    np.testing.assert_array_equal(now[:, 0], straight[:, 0])
    assert np.abs(now[:, 1] - straight[:, 1]).max() > 1e-3
    primitive = ideomotor.make("dmp")
    ts = jnp.linspace(0, 1.15, 160)
    np.testing.assert_allclose(now, primitive.trajectory(editor.params, ts), atol=1e-5)
    editor.set("weights", np.zeros((2, 25)))


def test_the_slider_of_the_duration_stretches_time(editor, send):
    (slider,) = editor.boxes.controls["tau"]
    send(slider, value=2.0)
    assert float(editor.params.tau) == 2.0
    clock = editor.canvas.layers[0]
    assert np.frombuffer(editor.canvas.data, np.float32)[clock["points"] - 1] == pytest.approx(2.3)
    editor.set("tau", 1.0)
    assert slider.value == 1.0


def test_a_line_drawn_in_the_plot_is_imitated(editor, send):
    t = np.linspace(0, 1, 90)
    line = np.stack([t, 0.3 * np.sin(6 * t), 1.5 * t], -1)
    send(editor.canvas, ink=np.frombuffer(ink_of([line]), np.float32))
    assert not editor.error and editor.canvas.ink == b""
    assert float(editor.params.tau) == pytest.approx(1.5, abs=1e-3)
    near = np.linalg.norm(path_of(editor)[:, None] - line[None, :, :2], axis=-1)
    assert near.min(1)[:130].max() < 0.05 and near.min(0).max() < 0.05


def test_a_single_point_is_said_not_to_be_a_movement(editor, send):
    before = editor.canvas.data
    send(editor.canvas, ink=np.frombuffer(ink_of([np.zeros((1, 3))]), np.float32))
    assert "single point" in editor.notice.error and editor.canvas.data == before and editor.canvas.ink == b""
    editor.set("tau", 1.0)


def test_bad_values_from_python_raise_and_change_nothing(editor):
    before = editor.canvas.data
    for name, value, message in (
        ("tau", -1.0, "positive"),
        ("goal", (1.0, 2.0, 3.0), r"shape \(2,\)"),
        ("gaol", 1.0, "no parameter 'gaol'"),
        ("goal", (np.nan, 0.0), "not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            editor.set(name, value)
    assert editor.canvas.data == before


def test_a_primitive_that_raises_in_a_callback(editor, send, monkeypatch, caplog):
    def broken(*args):
        raise RuntimeError("my plug-in is broken")

    monkeypatch.setattr("ideomotor_widgets._compute.play_open", broken)
    with caplog.at_level(logging.ERROR, logger="ideomotor.widgets"):
        handles = [{**h, "x": 0.1} for h in editor.canvas.handles]
        send(editor.canvas, handles=handles)
    assert "my plug-in is broken" in editor.error and "my plug-in is broken" in caplog.text
    monkeypatch.undo()
    editor.set("weights", np.zeros((2, 25)))
    editor.set("goal", (1.0, 1.0))
    np.testing.assert_allclose(path_of(editor)[-1], [1, 1], atol=1e-2)


def test_a_policy_is_refused_with_what_to_use_instead():
    with pytest.raises(AssemblyError, match="PipelineExplorer"):
        PrimitiveEditor(ideomotor.make("recurrent-policy"))


def test_other_primitives_have_their_editor_too():
    editor = PrimitiveEditor(ideomotor.make("dmp", dof=1, basis=5, duration=2.0))
    editor.ready()
    assert not editor.error and "tau" not in editor.boxes.controls
    assert np.isfinite(path_of(editor)).all()
    editor.close()


def test_many_changes_open_nothing(editor, open_widgets):
    editor.set("goal", (1.0, 0.5))
    before, lines = open_widgets(), len(editor.picture.figure.axes[0].lines)
    for i in range(60):
        editor.set("goal", (1.0, 0.01 * i))
    assert open_widgets() == before and len(editor.picture.figure.axes[0].lines) == lines
    assert len(editor.canvas.data) + len(editor.picture.image.value) < 60_000
