import dataclasses
import time
from typing import Any

import ipywidgets
import numpy as np

import ideomotor
from ideomotor.errors import DataError, SimulationError

from ._canvas import Canvas
from ._drawn import drawn
from ._elements import row
from ._player import as_movement
from ._still import still
from ._view import AbstractView

_DT = 0.01
_STEPS = 300  # played ahead: 3 s
_SHIPPED = {"reach": "ideomotor_rnn:checkpoints/reach", "circle": "ideomotor_rnn:checkpoints/circle"}
_LAYOUT = {"width": "300px"}
_STYLE = {"description_width": "120px"}


class ControlPlayground(AbstractView):
    """A muscle arm that follows the mouse: move the target, push the arm, delay what it feels, let it draw circles.

    - `reach`, `circle`: policies with parameters `target`, and `center`, `radius`, `speed` (m, m/s); by default those
      that come with Ideomotor.
    - `plant`: a muscle arm; by default the six-muscle arm they were trained on.

    The movement is computed some seconds ahead in the kernel and played in the browser; when the target moves, it continues
    from where the arm is then. With noise above zero the policy's own noise, if it has any, acts as well.

        playground = ControlPlayground()
        playground.target = (0.1, 0.45); playground.curl = 10.0
    """

    def __init__(self, reach: Any = None, circle: Any = None, plant: Any = None, *, size: int = 460):
        self._given = {"reach": reach, "circle": circle}
        self._arm, self._policies = plant, dict[str, Any]()
        self._seed = 0
        self._begin, self._played, self._policy, self._delay = 0.0, None, "", 0.0
        self._seen = (0.0, time.monotonic())  # the browser's time, and when it said so
        self.canvas = Canvas(width=size, height=size, streaming=True, unit="m", follow="target")
        self.canvas.label = "a muscle arm; the target is moved with mouse or arrow keys"
        self.canvas.view = [-0.45, 0.55, -0.15, 0.75]
        self.canvas.handles = [{"name": "target", "label": "target", "x": 0.18, "y": 0.36, "color": "good"}]
        self.task = ipywidgets.ToggleButtons(options=["reach", "circle"], style={"button_width": "90px"})
        self.radius = self._slider("radius (m)", 0.07, 0.02, 0.1, 0.005)
        self.speed = self._slider("speed (m/s)", 0.3, -0.6, 0.6, 0.05)
        self.field = self._slider("curl field (N s/m)", 0.0, -20.0, 20.0, 1.0)
        self.noise_level = self._slider("noise", 0.0, 0.0, 0.5, 0.02)
        self.late = self._slider("delay (s)", 0.0, 0.0, 0.1, 0.005)
        self.run = ipywidgets.ToggleButton(
            True, description="Running", icon="pause", layout={"width": "110px"}
        )
        again = ipywidgets.Button(description="Start again", icon="refresh", layout={"width": "120px"})
        again.on_click(lambda _: self._restart())
        super().__init__()
        hint = ipywidgets.HTML(
            "Press or drag in the picture: the green point is the target, or the middle of the circle."
        )
        hint.add_class("ido-hint")
        side = [hint, self.task, self.radius, self.speed, self.field, self.noise_level, self.late]
        panel = ipywidgets.VBox([*side, ipywidgets.HBox([self.run, again])], layout={"width": "330px"})
        self.children = [row(self.canvas, panel, gap=14), self.notice]
        self.canvas.observe(lambda change: self._heard(change["new"]), ["position", "wants"])
        self.canvas.observe(lambda change: self._changed(), "handles")
        self.canvas.observe(lambda change: self._more(change["new"]), "wants")
        for control in (self.task, self.radius, self.speed, self.field, self.noise_level, self.late):
            control.observe(lambda change: self._changed(), "value")
        self.run.observe(lambda change: self._run(change["new"]), "value")
        self._show_sliders()

    target = property(
        lambda self: self.canvas.handle("target"),
        lambda self, point: self._move(point),
        doc="Where the hand should be, in m.",
    )
    curl = property(
        lambda self: self.field.value,
        lambda self, value: setattr(self.field, "value", float(value)),
        doc="The strength of the curl field, in N s/m.",
    )
    noise = property(
        lambda self: self.noise_level.value,
        lambda self, value: setattr(self.noise_level, "value", float(value)),
        doc="The noise of the commands, relative to their size.",
    )
    delay = property(
        lambda self: self.late.value,
        lambda self, value: setattr(self.late, "value", float(value)),
        doc="How late the feedback is, in s.",
    )

    def begin(self) -> None:
        """Load the policies, compile, and rest at the target."""
        for name, given in self._given.items():
            load = {"load": _SHIPPED[name]}
            self._policies[name] = given or ideomotor.config.from_config(load, kind="primitive")
        self._arm = self._arm or ideomotor.make("muscle-arm")
        self._play(0.0)
        self._heard(0.0)
        self.canvas.playing = self.run.value

    def hand(self, at: float | int) -> np.ndarray:
        """Where the hand is, or will be, at a time (s) of what is computed, in m."""
        self.ready()
        ts = np.asarray(self.movement.ts)
        return np.array([np.interp(at, ts, column) for column in np.asarray(self.movement.ys["hand"]).T])

    def snapshot(self) -> bytes:
        self.ready()
        return still(self.canvas)

    def go_on(self, when: float | int) -> None:
        """Compute anew from a time (s) of what is being played, as when the target moves."""
        self.ready()
        self._play(when)

    def _slider(
        self, text: str, value: float, low: float, high: float, step: float
    ) -> ipywidgets.FloatSlider:
        return ipywidgets.FloatSlider(
            value,
            min=low,
            max=high,
            step=step,
            description=text,
            readout_format=".3g",
            layout=_LAYOUT,
            style=_STYLE,
        )

    def _move(self, point: Any) -> None:
        x, y = (float(v) for v in point)
        if not (np.isfinite(x) and np.isfinite(y)):
            raise ValueError(f"target = {point}; it must be two finite numbers in m.")
        self.canvas.place("target", (x, y))

    def _show_sliders(self) -> None:
        for slider in (self.radius, self.speed):
            slider.layout.display = None if self.task.value == "circle" else "none"

    def _run(self, on: bool) -> None:
        self.run.description, self.run.icon = ("Running", "pause") if on else ("Resting", "play")
        self.canvas.playing = on

    def _restart(self) -> None:
        with self.guarded():
            self._played = None
            self._play(0.0, position=0.0)

    def _more(self, when: float | int) -> None:
        with self.guarded():
            self._play(when)

    def _changed(self) -> None:
        with self.guarded():
            self._show_sliders()
            self.ready()
            self._play(self._now())

    def _heard(self, position: float | int) -> None:
        self._seen = position, time.monotonic()

    def _now(self) -> float:
        """The time that the browser shows, as far as is known here."""
        position, heard = self._seen
        return position + (time.monotonic() - heard) * self.canvas.speed if self.canvas.playing else position

    def _params(self) -> Any:
        import jax.numpy as jnp

        params = self._policies[str(self.task.value)].default_params()
        point = jnp.asarray(self._reachable(), jnp.float32)
        if self.task.value == "reach":
            return dataclasses.replace(params, target=point)
        numbers = {"radius": jnp.asarray(self.radius.value), "speed": jnp.asarray(self.speed.value)}
        return dataclasses.replace(params, center=point, **numbers)

    def _reachable(self) -> np.ndarray:
        """The target, brought to where the arm can be."""
        point, shoulder = np.asarray(self.target), np.zeros(2)
        longest = 0.97 * float(np.sum(np.asarray(self._arm.lengths)))
        far = float(np.linalg.norm(point - shoulder))
        self.say("The target is out of the arm's reach." if far > longest else "")
        return point * min(1.0, longest / max(far, 1e-9))

    def _plant(self) -> Any:
        """The arm in its wrappers, all of them always, so that a slider changes a number and compiles nothing."""
        field = ideomotor.make("curl-field", plant=self._arm, strength=self.field.value)
        noisy = ideomotor.make("noisy", plant=field, scale=self.noise_level.value)
        return ideomotor.make("delayed", plant=noisy, delay=self.late.value)

    def _play(self, when: float | int, position: float | int | None = None) -> None:
        """Continue from the state at a time, under the present settings."""
        import jax

        plant, policy, params = self._plant(), self._policies[str(self.task.value)], self._params()
        if self._played is None:
            own, body = policy.init(params), plant.start(self._arm.default_state())
            begin = 0.0 if position is None else position
        else:
            index = int(np.clip(round((when - self._begin) / _DT), 0, _STEPS - 1))
            own, body = self._played[index].ps, self._played[index].xs
            begin = self._begin + index * _DT
            if self._policy != self.task.value:
                own = policy.init(params)
            if self._delay != self.late.value:
                body = plant.start(body.plant)  # the past was kept for another delay
        self._seed += 1
        ts = begin + _DT * np.arange(_STEPS)
        key = jax.random.key(self._seed) if self.noise_level.value else None
        try:
            self._played = ideomotor.rollout(policy, params, ts, plant=plant, x0=body, p0=own, key=key)
        except SimulationError as error:
            self._played = None
            raise DataError(
                "The arm is out of control and its movement is not finite; press Start again, with less delay."
            ) from error
        self._begin, self._policy, self._delay = begin, self.task.value, self.late.value
        real = jax.vmap(self._arm.observe)(self._played.xs.plant)
        self.movement = as_movement(ideomotor.Trajectory(ts, jax.tree.map(np.asarray, real)))
        layers = drawn(self.movement[::3], self._arm).layers
        traits: dict[str, Any] = {} if position is None else {"position": position}
        self.canvas.show(layers, **traits)
