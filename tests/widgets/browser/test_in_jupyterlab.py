"""Each widget once in a real browser under JupyterLab: dragged, drawn on, clicked, loaded again."""

import importlib.util
import os
from pathlib import Path

import pytest

from ._lab import Tab

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]

CELLS = (
    """
import numpy as np, ideomotor, ideomotor_widgets as widgets
t = np.linspace(0, 20, 600)
player = widgets.MovementPlayer(np.stack([np.cos(t), np.sin(2 * t)], -1), ts=t).add_class("t-player")
player""",
    """
editor = widgets.PrimitiveEditor().add_class("t-editor")
editor""",
    """
digit = widgets.DrawDigit(ideomotor.Pipeline(ideomotor.make("digit-reader"), ideomotor.make("dmp"), plant=ideomotor.make("sheet")))
digit.add_class("t-digit")""",
    """
explorer = widgets.PipelineExplorer().add_class("t-explorer")
explorer""",
    """
playground = widgets.ControlPlayground().add_class("t-playground")
playground""",
    """
import jax.numpy as jnp, optax
def loss(model, batch, key):
    return jnp.mean((batch - model) ** 2)
monitor = widgets.TrainingMonitor(jnp.zeros(2), loss, np.ones((64, 2), np.float32), optax.adam(0.1), steps=60, batch_size=8)
monitor.add_class("t-monitor")""",
)
NEW_CELLS = (
    """
import numpy as np, ideomotor, ideomotor_widgets as widgets
class Falling:
    def shapes(self):
        pose = [0, 0, 0, 1, 0, 0, 0]
        ball = {"kind": "sphere", "size": [0.1, 0, 0], "rgba": [0.9, 0.3, 0.1, 1], "body": 0, "pose": pose}
        return [ball, {"kind": "plane", "size": [1, 1, 0.1], "rgba": [0.8, 0.8, 0.8, 1], "body": -1, "pose": pose}]
    def poses(self, states):
        z = np.asarray(states)[:, 0]
        return np.stack([np.stack([0 * z, 0 * z, z, 1 + 0 * z, 0 * z, 0 * z, 0 * z], -1)], 1)
t = np.linspace(0, 4, 200)
height = 0.1 + abs(np.cos(3 * t))
ball = widgets.MovementPlayer(ideomotor.Trajectory(t, {"height": height}, xs=height[:, None]), Falling()).add_class("t-ball")
ball""",
    """
latent = widgets.LatentExplorer(samples=80, simulate=lambda params: "it works").add_class("t-latent")
latent""",
    """
database = widgets.DatabaseExplorer().add_class("t-database")
database""",
)
ROBOT = """
import jax
robot = ideomotor.make("lwr4")
state = robot.default_state()
states, outputs = [], []
for i in range(40):
    outputs.append(robot.observe(state)); states.append(state)
    state = robot.at_joints([0.02 * i, -0.45, 0.01 * i, 1.6, 0, -1.09, 0])
movement = ideomotor.Trajectory(0.05 * np.arange(40), jax.tree.map(lambda *a: np.stack(a), *outputs), xs=np.stack(states))
robots = widgets.MovementPlayer(movement, robot).add_class("t-robot")
robots"""
LONG = 180_000  # ms: for what is compiled on a busy machine


def keep(tab, name):
    """Pictures to look at, where IDEOMOTOR_SCREENSHOTS names a folder."""
    if folder := os.environ.get("IDEOMOTOR_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        for i, output in enumerate(tab.page.locator(".jp-OutputArea-output:visible").all()):
            output.screenshot(path=Path(folder) / f"{name}-{i}.png")


def see_player(tab, expect):
    view = tab.page.locator(".t-player")
    canvas = view.locator("canvas").first
    expect(canvas).to_be_visible(timeout=LONG)
    view.locator(".ido-play").click()
    tab.page.wait_for_timeout(300)
    sent, frames = len(tab.sent), canvas.evaluate("c => c.frames")
    tab.page.wait_for_timeout(1000)
    assert canvas.evaluate("c => c.frames") > frames + 5, "it does not play"
    assert len(tab.sent) == sent, "something was sent while it played"
    view.locator(".ido-stage").press(" ")
    tab.wait_python("player.playing is False and 0.2 < player.position < 20")
    view.locator(".ido-stage").press("ArrowRight")
    tab.wait_python("not player.playing")


def see_editor(tab, expect):
    view = tab.page.locator(".t-editor")
    expect(view.locator(".ido-busy")).to_have_count(0, timeout=LONG)
    picture = view.locator("img.ido-picture")
    before = tab.picture(picture)
    tab.drag(view.locator("[data-name=goal]"), -50, 40)
    tab.changed(picture, before, LONG / 1000)
    tab.wait_python("abs(float(editor.params.goal[0]) - 1) > 0.1")
    tab.stroke(view.locator(".ido-bars canvas"), [(0.4, 0.2), (0.5, 0.1)])
    tab.wait_python("float(abs(editor.params.weights).max()) > 0")
    view.locator("[data-name=goal]").press("ArrowUp")
    tab.wait_python("not editor.error")


def see_digit(tab, expect):
    view = tab.page.locator(".t-digit")
    expect(view.locator(".ido-busy")).to_have_count(0, timeout=LONG)
    tab.stroke(
        view.locator("canvas").first,
        [(0.35, 0.3), (0.5, 0.2), (0.65, 0.3), (0.6, 0.45), (0.35, 0.75), (0.68, 0.75)],
    )
    expect(view.locator(".ido-status")).to_contain_text("Read, and drawn", timeout=LONG)
    tab.wait_python("digit.wanted.shape == (201, 2) and not digit.error")


def see_explorer(tab, expect):
    view = tab.page.locator(".t-explorer")
    expect(view.locator(".ido-busy")).to_have_count(0, timeout=LONG)
    view.locator(".ido-choice-button").nth(3).click()
    option = view.locator(".ido-option[data-name=muscle-arm]")
    expect(option).to_have_class("ido-option ido-unfit", timeout=LONG)
    expect(option).to_contain_text("is needed")
    if folder := os.environ.get("IDEOMOTOR_SCREENSHOTS"):
        tab.page.screenshot(path=Path(folder) / "menu.png")
    view.locator(".ido-option[data-name=servo]").click()
    tab.wait_python("'servo' in explorer.yaml() and explorer.movement.us is not None and not explorer.error")
    expect(view.locator(".ido-code").first).to_contain_text("servo")


def see_playground(tab, expect):
    view = tab.page.locator(".t-playground")
    expect(view.locator(".ido-busy")).to_have_count(0, timeout=LONG)
    tab.stroke(view.locator("canvas").first, [(0.4, 0.5), (0.35, 0.4)])
    tab.wait_python("playground.target[0] < 0.05 and not playground.error")
    view.locator("button:has-text('Running')").click()
    tab.wait_python("not playground.canvas.playing")


def see_monitor(tab, expect):
    view = tab.page.locator(".t-monitor")
    view.locator("button").first.click()
    expect(view.locator(".ido-status")).to_have_text("Done.", timeout=LONG)


def test_every_widget_works_with_the_mouse_and_comes_back_after_a_reload(tab):
    from playwright.sync_api import expect

    tab.open("widgets.ipynb", *CELLS)
    for see in (see_editor, see_digit, see_explorer, see_playground, see_monitor, see_player):
        see(tab, expect)
    keep(tab, "light")
    tab.command("apputils:change-theme", themeName="JupyterLab Dark", theme="JupyterLab Dark")
    expect(
        tab.page.locator(".t-player [data-theme=dark], .t-player .ido-canvas[data-theme=dark]").first
    ).to_be_attached()
    keep(tab, "dark")
    drawn = tab.page.locator(".t-digit canvas").first.evaluate(INK)
    tab.save_and_reload()
    for name in ("player", "editor", "digit", "explorer", "playground"):
        canvas = tab.page.locator(f".t-{name} canvas").first
        expect(canvas).to_be_visible(timeout=LONG)
        assert canvas.evaluate(INK) > 50, f"{name} is empty after the reload"
    again = tab.page.locator(".t-digit canvas").first.evaluate(INK)
    assert abs(again - drawn) < 0.1 * drawn
    keep(tab, "reloaded")


def see_ball(tab, expect, name="t-ball", variable="ball"):
    view = tab.page.locator(f".{name}")
    canvas = view.locator("canvas").first
    expect(canvas).to_be_visible(timeout=LONG)
    before = tab.picture(canvas)
    tab.stroke(canvas, [(0.4, 0.5), (0.6, 0.55)])
    tab.changed(canvas, before)
    tab.wait_python(f"abs({variable}.canvas.view[0] - 130) > 5")
    view.locator(".ido-play").click()
    tab.page.wait_for_timeout(300)
    sent, frames = len(tab.sent), canvas.evaluate("c => c.frames")
    tab.page.wait_for_timeout(1000)
    assert canvas.evaluate("c => c.frames") > frames + 5, "it does not play"
    assert len(tab.sent) == sent, "something was sent while it played"
    view.locator(".ido-stage").press(" ")
    tab.wait_python(f"{variable}.playing is False")
    view.locator(".ido-stage").press("a")  # turns the view, and makes no new cell
    tab.wait_python(f"{variable}.canvas.view[0] != 130")
    assert canvas.evaluate(INK) > 300


def lose_graphics(tab, expect):
    """What a browser does with the oldest of too many views; and the way back."""
    canvas, said = tab.page.locator(".t-ball canvas").first, tab.page.locator(".t-ball .ido-lost")
    expect(said).to_be_hidden()
    canvas.evaluate(
        "c => { c.lose = c.getContext('webgl2').getExtension('WEBGL_lose_context'); c.lose.loseContext(); }"
    )
    expect(said).to_contain_text("too many are open")
    canvas.evaluate("c => c.lose.restoreContext()")
    expect(said).to_be_hidden()
    tab.page.wait_for_timeout(300)
    assert canvas.evaluate(INK) > 300


def see_latent(tab, expect):
    view = tab.page.locator(".t-latent")
    expect(view.locator(".ido-busy")).to_have_count(0, timeout=LONG)
    movement = view.locator("canvas").nth(1)
    before = tab.picture(movement)
    tab.drag(view.locator("[data-name=here]"), 60, -30)
    tab.changed(movement, before)
    view.locator("button:has-text('Sample again')").click()
    tab.wait_python("latent.key.value == 1 and not latent.error")
    view.locator("button:has-text('Try it')").click()
    expect(view.locator(".widget-label:has-text('it works')")).to_be_visible(timeout=LONG)


def see_database(tab, expect):
    view = tab.page.locator(".t-database")
    expect(view.locator(".ido-busy")).to_have_count(0, timeout=LONG)
    picture = view.locator("img.ido-picture")
    before = tab.picture(picture)
    tab.drag(view.locator("[data-name=goal]"), -50, 40)
    tab.changed(picture, before)
    canvas = view.locator("canvas").first
    before = tab.picture(canvas)
    view.locator(".noUi-handle").first.press("ArrowRight")
    tab.wait_python("database.level == 6 and not database.error")
    tab.changed(canvas, before)


def test_what_is_seen_in_space_latents_and_databases(tab):
    from playwright.sync_api import expect

    robot = [ROBOT] if importlib.util.find_spec("mujoco") else []
    tab.open("new.ipynb", *NEW_CELLS, *robot)
    cells = tab.page.locator(".jp-Cell").count()
    for see in (see_ball, lose_graphics, see_latent, see_database):
        see(tab, expect)
    if robot:
        see_ball(tab, expect, "t-robot", "robots")
    assert tab.page.locator(".jp-Cell").count() == cells
    keep(tab, "new-light")
    tab.command("apputils:change-theme", themeName="JupyterLab Dark", theme="JupyterLab Dark")
    expect(tab.page.locator(".t-ball .ido-scene[data-theme=dark]").first).to_be_attached()
    keep(tab, "new-dark")
    tab.save_and_reload()
    for name in ("ball", "latent", "database"):
        canvas = tab.page.locator(f".t-{name} canvas").first
        expect(canvas).to_be_visible(timeout=LONG)
        assert canvas.evaluate(INK) > 50, f"{name} is empty after the reload"


def test_a_browser_without_webgl_says_so(chromium, lab):
    from playwright.sync_api import expect

    tab = Tab(chromium, *lab)
    tab.context.add_init_script(
        """const real = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
            return kind.startsWith("webgl") ? null : real.call(this, kind, ...more);
        };"""
    )
    tab.open("flat.ipynb", NEW_CELLS[0])
    expect(tab.page.locator(".ido-no-webgl")).to_contain_text("no WebGL", timeout=LONG)
    tab.context.close()
    assert not tab.problems, tab.problems


def test_a_kernel_that_restarts(tab):
    from playwright.sync_api import expect

    tab.open("restart.ipynb", CELLS[0])
    expect(tab.page.locator(".t-player canvas").first).to_be_visible(timeout=LONG)
    tab.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    tab.page.locator(".t-player .ido-play").first.click()  # of the dead view: plays on, and breaks nothing
    tab.page.wait_for_timeout(500)
    tab.run_all()
    tab.wait_python("player.canvas.comm is not None")
    tab.page.locator(".t-player .ido-play").first.click()
    tab.wait_python("player.playing")


# How many pixels of a canvas are not of its paper.
INK = """from => {
    const c = document.createElement("canvas");
    c.width = from.width; c.height = from.height;
    c.getContext("2d").drawImage(from, 0, 0);
    const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
    let n = 0;
    for (let i = 0; i < d.length; i += 4)
        if (Math.abs(d[i] - d[40]) + Math.abs(d[i + 1] - d[41]) + Math.abs(d[i + 2] - d[42]) > 60) n++;
    return n;
}"""
