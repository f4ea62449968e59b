"""What all views share: errors, closing, pictures, the start."""

import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from PIL import Image

import ideomotor_widgets as widgets
from ideomotor.errors import DataError
from ideomotor_widgets import MovementPlayer
from ideomotor_widgets._canvas import Canvas, Canvas3D  # what views are made of
from ideomotor_widgets._layers import Layers
from ideomotor_widgets._picture import Picture  # what it saves is measured where it is made
from ideomotor_widgets._view import AbstractView

T = np.linspace(0, 1, 40)
LINE = np.stack([T, T**2], -1)


class Doubler(AbstractView):
    """A view with a slider; some of its numbers are refused."""

    def __init__(self):
        self.slider, self.result = ipywidgets.FloatSlider(1.0), None
        super().__init__(self.slider)
        self.slider.observe(self._slid, "value")

    def _slid(self, change):
        with self.guarded():
            if change["new"] == 13:
                raise DataError("13 is not a number to double; take another.")
            self.result = 2 * change["new"] / (change["new"] - 7)

    def snapshot(self):
        return MovementPlayer(LINE, ts=T).snapshot()


def picture(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_an_exception_in_a_callback_is_shown_and_logged_and_goes_away(send, caplog):
    view = Doubler()
    with caplog.at_level(logging.ERROR, logger="ideomotor.widgets"):
        send(view.slider, value=7.0)
    assert "ZeroDivisionError" in view.error and "ZeroDivisionError" in view.notice.error
    assert "_slid" in view.notice.details, "a defect comes with the place where it happened"
    assert "Doubler" in caplog.text and "Traceback" in caplog.text
    send(view.slider, value=8.0)
    assert view.error == view.notice.error == view.notice.details == "" and view.result == 16


def test_bad_input_is_one_sentence_without_a_traceback(send):
    view = Doubler()
    send(view.slider, value=13.0)
    assert view.notice.error == "13 is not a number to double; take another." and view.notice.details == ""


def test_closing_a_view_closes_all_that_it_opened(open_widgets):
    before = open_widgets()
    view = Doubler()
    box = ipywidgets.HBox([view, MovementPlayer(LINE, ts=T)])
    assert open_widgets() > before + 8
    view.close()
    box.children[1].close()
    box.close()
    view.close()  # again does nothing
    assert open_widgets() <= before + 1  # the layout of the box, which is not ours


def test_a_view_comes_with_a_picture_for_pages_without_a_kernel():
    bundle = Doubler()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    import base64

    seen = picture(base64.b64decode(bundle["image/png"]))
    assert seen.std() > 5  # there is something on it


def test_a_picture_that_fails_does_not_keep_the_view_from_being_shown(caplog):
    class Blind(Doubler):
        def snapshot(self):
            raise RuntimeError("no ink")

    bundle = Blind()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle and "image/png" not in bundle
    assert "no ink" in caplog.text


def test_blitting_gives_the_same_picture_as_drawing_everything():
    shown = []
    for slow in (False, True):
        plot = Picture(300, 200)
        axes = plot.figure.subplots()
        axes.set(xlim=(0, 1), ylim=(-1, 1))
        (line,) = axes.plot(T, 0 * T)
        plot.animate(line)
        plot.update()
        first = plot.image.value
        line.set_data(T, np.sin(6 * T))
        plot.redraw() if slow else plot.update()
        assert plot.image.value != first
        shown.append(picture(plot.image.value))
    # Two palettes of 96 colours may differ by a shade.
    assert np.abs(shown[0] - shown[1]).max() <= 24


def test_a_still_shows_the_frame_at_which_the_player_stands():
    player = MovementPlayer(LINE, ts=T, width=200, height=200)
    begin = picture(player.snapshot())
    player.seek(1.0)
    end = picture(player.snapshot())
    is_dot = [np.argwhere((p == (213, 94, 0)).all(-1)).mean(0) for p in (begin, end)]
    assert is_dot[1][1] > is_dot[0][1] + 80 and is_dot[1][0] < is_dot[0][0] - 80  # right and up


def test_layers_are_packed_as_the_browser_reads_them():
    layers = Layers(T).add(LINE, trail=True).add(LINE[:, None], kind="dots", value=T)
    numbers = np.frombuffer(layers.pack(), np.float32)
    clock, path, dots = layers.describe()
    np.testing.assert_array_equal(numbers[clock["at"] : clock["at"] + clock["points"]], np.float32(T))
    np.testing.assert_array_equal(numbers[path["at"] : path["at"] + 80].reshape(-1, 2), np.float32(LINE))
    assert (path["frames"], dots["frames"], dots["points"]) == (0, 40, 1)
    assert dots["value"] == dots["at"] + 80
    json.dumps(layers.describe())
    with pytest.raises(ValueError, match="39 sets of points, and there are 40 times"):
        layers.add(LINE[:39, None])


def test_a_canvas_changes_in_one_message(monkeypatch):
    canvas, sent = Canvas(), []
    monkeypatch.setattr(canvas, "send_state", lambda key=None: sent.append(set(key)))
    canvas.show(Layers(T).add(LINE), position=0.5)
    assert len(sent) == 1 and {"layers", "data", "position"} <= sent[0]


def test_all_public_views_are_views():
    names = [n for n in dir(widgets) if isinstance(getattr(widgets, n), type)]
    views = [n for n in names if issubclass(getattr(widgets, n), AbstractView)]
    assert {
        "MovementPlayer",
        "PrimitiveEditor",
        "DrawDigit",
        "PipelineExplorer",
        "LatentExplorer",
        "DatabaseExplorer",
    } <= set(views)


class Slow(Doubler):
    """A view that needs its time before there is something to see."""

    def __init__(self):
        self.gate, self.begun_in, self.wrong = threading.Event(), [], ""
        super().__init__()

    def begin(self):
        assert self.gate.wait(30)
        if self.wrong:
            raise DataError(self.wrong)
        self.begun_in.append(threading.current_thread().name)


@pytest.fixture
def shown(monkeypatch):
    """What `display` was given, and with what it was replaced later."""
    import IPython.display

    found = []

    class Handle:
        def update(self, bundle, raw):
            found.append(bundle)

    def display(bundle, raw, display_id=None):
        found.append(bundle)
        return Handle() if display_id else None

    monkeypatch.setattr(IPython.display, "display", display)
    return found


def test_a_view_is_shown_at_once_and_computes_meanwhile(shown, send):
    view = Slow()
    view._ipython_display_()
    assert view.notice.busy and view.notice.status == "Compiling, once …" and not view.begun_in
    assert len(shown) == 1 and "image/png" not in shown[0]
    send(view.notice, shown=True)  # the browser has drawn it: nobody begins anew
    view.gate.set()
    view.wait()
    assert view.begun_in == ["Slow begins"] and not view.notice.busy and view.notice.status == ""
    assert len(shown) == 2 and "image/png" in shown[1]
    view._ipython_display_()  # a second time, all is there
    assert len(shown) == 3 and "image/png" in shown[2] and len(view.begun_in) == 1


def test_what_needs_the_first_computation_waits_for_it(shown):
    view = Slow()
    view._ipython_display_()
    threading.Timer(0.2, view.gate.set).start()
    view.ready()
    assert len(view.begun_in) == 1
    other = Slow()
    other.gate.set()
    other.ready()  # from Python, without showing it
    assert other.begun_in == [threading.current_thread().name]


def test_a_view_inside_of_a_box_begins_when_the_browser_shows_it(send):
    view = Slow()
    box = ipywidgets.HBox([view])
    view.gate.set()
    send(view.notice, shown=True)
    view.wait()
    assert view.begun_in == ["Slow begins"]
    box.close()


def test_what_goes_wrong_at_first_is_shown(shown):
    view = Slow()
    view.wrong = "There is no arm; make one."
    view.gate.set()
    view._ipython_display_()
    view.wait()
    assert view.notice.error == "There is no arm; make one." and not view.notice.busy


def test_notebooks_that_are_kept_wait_for_the_picture(shown, monkeypatch):
    monkeypatch.setenv("IDEOMOTOR_WIDGETS", "wait")
    view = Slow()
    view.gate.set()
    view._ipython_display_()
    assert view.begun_in == [threading.current_thread().name] and "image/png" in shown[-1]


def test_closing_waits_for_what_is_computed(shown, open_widgets):
    before = open_widgets()
    view = Slow()
    view._ipython_display_()
    threading.Timer(0.2, view.gate.set).start()
    view.close()
    assert len(view.begun_in) == 1 and open_widgets() == before and len(shown) == 1


def test_scripts_hold_all_they_need_and_one_copy_of_three():
    """Nothing is fetched: no import and no address in what is sent, but for a name of XML."""
    for kind in (Canvas, Canvas3D):
        text = str(kind._esm)
        assert not re.findall(r"^\s*import\b|[^.\w]import\s*\(", text, re.MULTILINE)
        assert set(re.findall(r"https?://[\w./]+", text)) <= {"http://www.w3.org/1999/xhtml"}
    assert len(str(Canvas3D._esm)) < 700_000 and "globalThis.ideomotorThree ??=" in str(Canvas3D._esm)
    licence = Path(widgets.__file__).parent / "static" / "three.LICENSE"
    assert "The MIT License" in licence.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "view",
    [
        "MovementPlayer(numpy.eye(3)[:, :2])",
        "DrawDigit()",
        "ControlPlayground()",
        "LatentExplorer()",
        "DatabaseExplorer()",
    ],
)
def test_importing_and_a_first_widget_load_no_jax(view):
    code = (
        "import sys, numpy, ipywidgets, ideomotor_widgets as w\n"
        f"ipywidgets.VBox._repr_mimebundle_(w.{view})\n"
        "assert 'jax' not in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
