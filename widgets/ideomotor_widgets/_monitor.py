import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

import ideomotor
from ideomotor.errors import TrainingError

from ._elements import row
from ._picture import BLUE, GREEN, GREY, ORANGE, Picture
from ._still import still
from ._view import AbstractView

_COLOURS = (BLUE, ORANGE, GREEN, GREY)
_OFTEN = 0.25  # s between two pictures


class TrainingMonitor(AbstractView):
    """Watches a training: progress, curves of the loss, samples so far; stops it and lets it go on.

    - `model`, `loss`, `data`, `optimiser`, `steps`, and all other arguments: as `ideomotor.train` takes them.
    - `sample(axes, model)`: draws what the model can do so far into Matplotlib axes.

    Training runs in a thread of its own, so that the buttons work meanwhile; `stop` keeps a checkpoint, `start` goes on
    from it to the same result as without the pause.

        monitor = TrainingMonitor(model, loss, data, optax.adam(1e-3), steps=1000)
        monitor.start(); monitor.wait(); monitor.model

    Without a model it only watches: `ideomotor.train(..., callback=TrainingMonitor(steps=1000))`.
    """

    def __init__(
        self,
        model: Any = None,
        loss: Callable[..., Any] | None = None,
        data: Any = None,
        optimiser: Any = None,
        *,
        steps: int,
        sample: Callable[[Any, Any], None] | None = None,
        run: Path | str | None = None,
        log_every: int = 10,
        **settings: Any,
    ):
        self.model, self.steps, self.sample = model, int(steps), sample
        self._arguments: Any = (model, loss, data, optimiser)
        self._settings = {"log_every": log_every, "progress": False, **settings}
        self._folder = None if run is not None else tempfile.TemporaryDirectory(prefix="ideomotor-run-")
        self.run = Path(run) if run is not None else Path(self._folder.name) / "run"  # type: ignore[union-attr]
        self.history: list[dict[str, float]] = []
        self.step, self._drawn, self._began = 0, 0.0, (0, 0.0)
        self._stop, self._thread = threading.Event(), None
        self._curves: dict[str, Any] = {}
        self.picture = Picture(480, 280)
        self.samples = Picture(280, 280)
        self.samples.image.layout.display = None if sample else "none"
        self.bar = ipywidgets.IntProgress(0, 0, self.steps, layout={"width": "330px"})
        self.button = ipywidgets.Button(description="Start", icon="play", layout={"width": "110px"})
        self.button.disabled = model is None
        self.button.on_click(lambda _: self._pressed())
        self.text = ipywidgets.Label(f"0 of {self.steps} steps")
        super().__init__()
        plots = row(self.picture.image, self.samples.image, gap=10)
        self.children = [ipywidgets.HBox([self.button, self.bar, self.text]), plots, self.notice]
        self._axes = self.picture.figure.subplots()
        self._axes.set(xlabel="step", ylabel="loss", yscale="log")
        self._axes.grid(alpha=0.25)
        self._axes.spines[["top", "right"]].set_visible(False)
        self._axes.set(xlim=(0, self.steps))
        self._ticks()
        self.picture.redraw()

    def __call__(self, step: int, metrics: dict[str, float], model: Any) -> bool:
        """The callback of `ideomotor.train`: show how far it is; true when it shall stop."""
        if self._began[1] == 0:
            self._began = step, time.monotonic()
        self.step, self.model = step, model
        self.history.append({"step": step, **metrics})
        now = time.monotonic()
        if now - self._drawn > _OFTEN or step >= self.steps:
            self._drawn = now
            with self.guarded():
                self._show()
        return self._stop.is_set()

    @property
    def running(self) -> bool:
        """Whether it trains."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start, or go on from where it was stopped."""
        if self.running:
            return
        if self._arguments[0] is None:
            raise TrainingError(
                "This monitor only watches: give it a model, a loss, data and an optimiser to start them."
            )
        if self.step >= self.steps:
            raise TrainingError(f"All {self.steps} steps are done; make a monitor with more steps to go on.")
        self._stop.clear()
        self._began = (0, 0.0)
        self.clear_error()
        self._button("Stop", "stop")
        self.say("Compiling, once …")
        self._thread = threading.Thread(target=self._train, name="ideomotor-training", daemon=True)
        self._thread.start()

    def stop(self, *, wait: bool = True) -> None:
        """Stop after the next log line, with a checkpoint."""
        self._stop.set()
        if self.running:
            self.say("Stopping …")
        if wait:
            self.wait()

    def wait(self, timeout: float | int | None = None) -> None:
        """Wait for the training to end or stop."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def close(self) -> None:
        """Stop, and close all that is open."""
        if hasattr(self, "_thread"):
            self.stop()
        super().close()
        if getattr(self, "_folder", None) is not None:
            self._folder.cleanup()  # type: ignore[union-attr]

    def snapshot(self) -> bytes:
        return still(self.picture.png(), *([self.samples.png()] if self.sample and self.history else []))

    def _pressed(self) -> None:
        with self.guarded():
            self.stop(wait=False) if self.running else self.start()

    def _train(self) -> None:
        try:
            model = ideomotor.train(
                *self._arguments,
                steps=self.steps,
                callback=self,
                run=self.run,
                resume=self.run.exists(),
                **self._settings,
            )
            self.model = model
        except Exception as error:
            with self.guarded():
                raise error
            self.say("Training has failed.")
            self._button("Go on", "play")
        else:
            with self.guarded():
                self._show()
            done = self.step >= self.steps
            self.say("Done." if done else f"Stopped after {self.step} steps.")
            self._button("Done" if done else "Go on", "check" if done else "play", disabled=done)

    def _button(self, text: str, icon: str, *, disabled: bool = False) -> None:
        self.button.description, self.button.icon, self.button.disabled = text, icon, disabled

    def _show(self) -> None:
        if not self.history:
            return
        first, begin = self._began
        elapsed = time.monotonic() - begin
        rate = (self.step - first) / elapsed if elapsed > 0 and self.step > first else 0.0
        left = f", {rate:.0f} steps/s, {(self.steps - self.step) / rate:.0f} s left" if rate else ""
        self.bar.value = min(self.step, self.steps)
        self.text.value = f"{self.step} of {self.steps} steps{left}"
        if self.notice.status.startswith("Compiling"):
            self.say("Training.")
        steps = np.array([row["step"] for row in self.history])
        for name in self.history[-1]:
            if name == "step":
                continue
            if name not in self._curves:
                (line,) = self._axes.plot([], [], color=_COLOURS[len(self._curves) % 4], lw=1.8, label=name)
                self._curves[name] = line
                self.picture.animate(line)
                if len(self._curves) > 1:
                    self._axes.legend(frameon=False, loc="upper right")
            values = np.array([row.get(name, np.nan) for row in self.history])
            self._curves[name].set_data(steps, values)
        self._rescale()
        if self.sample is not None and self.model is not None:
            self.samples.clear()
            self.sample(self.samples.figure.subplots(), self.model)
            self.samples.redraw()

    def _ticks(self) -> None:
        """Plain numbers at the ticks, also on a logarithmic axis that spans less than a decade."""
        self._axes.yaxis.set_major_formatter("{x:.3g}")
        if self._axes.get_yscale() == "log":
            self._axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            self._axes.yaxis.set_minor_formatter(NullFormatter())

    def _rescale(self) -> None:
        values = np.concatenate([line.get_ydata() for line in self._curves.values()])
        values = values[np.isfinite(values)]
        if not len(values):
            return
        scale = "log" if values.min() > 0 else "linear"
        low, high = float(values.min()), float(values.max())
        if scale == "log":
            limits = 0.8 * low, 1.25 * high
        else:
            room = 0.08 * max(high - low, 1e-9)
            limits = low - room, high + room
        a, b = self._axes.get_ylim()
        if scale != self._axes.get_yscale() or low < a or high > b or a < 0.3 * low:
            self._axes.set_yscale(scale)
            self._ticks()
            self._axes.set_ylim(*limits)
            self.picture.redraw()
        else:
            self.picture.update()
