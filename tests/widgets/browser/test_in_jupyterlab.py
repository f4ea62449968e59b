"""Each widget once in a real browser under JupyterLab: dragged, drawn on, clicked, loaded again."""

import os
from pathlib import Path

import pytest

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
    before = picture.screenshot()
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
INK = """c => {
    const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
    let n = 0;
    for (let i = 0; i < d.length; i += 4)
        if (Math.abs(d[i] - d[40]) + Math.abs(d[i + 1] - d[41]) + Math.abs(d[i + 2] - d[42]) > 60) n++;
    return n;
}"""
