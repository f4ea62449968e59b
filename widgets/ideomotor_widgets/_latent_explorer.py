from collections.abc import Callable
from typing import Any

import ipywidgets
import numpy as np

import ideomotor
from ideomotor.errors import AssemblyError, DataError

from ._asked import SupportsOutput, SupportsTrial, SupportsView
from ._canvas import Canvas, Canvas3D, view_of
from ._drawn import at_rest, own_duration
from ._elements import row
from ._embedding import Embedding, has_neighbours
from ._layers import Layers
from ._picture import as_png
from ._player import MovementPlayer
from ._scene import Scene
from ._still import still
from ._view import AbstractView

_SAMPLES, _GHOSTS, _GHOST_POINTS = 121, 60, 41
_MAPS = {"latent": "latent", "pca": "parameters, by PCA", "t-sne": "parameters, by t-SNE"}


class LatentExplorer(AbstractView):
    """What a perception can mean by one observation: its samples as a map, and what is at any point of the map.

    - `model`: a perception that samples (`model(observation, key=key)`), such as a CVAE, whose latents are then the map; by
      default a small one that comes with the package.
    - `observation`: by default the stage's picture, or the model's default.
    - `primitive`: makes movements of the parameters; by default the model's `output`.
    - `stage`: shows parameters as a grasp in space, in place of a primitive: `shapes()`, `poses(params)`, `marks(params)`
      and `simulate(params)`, such as `ideomotor.make("grasp-stage")`.
    - `plant`: on which "Try it" plays the movement; `simulate(params)`: what it does instead; a returned trajectory is
      played, anything else is written.
    - `samples`: how many; `seed`: the first of their keys.

    Drag the point in the map, or press on it; from Python:

        explorer = LatentExplorer()
        explorer.go((0.5, -1.0)); explorer.params; explorer.sample_again(); explorer.try_it()
    """

    def __init__(
        self,
        model: Any = None,
        observation: Any = None,
        *,
        primitive: Any = None,
        plant: Any = None,
        stage: Any = None,
        simulate: Callable[[Any], Any] | None = None,
        samples: int = 200,
        seed: int = 0,
        size: int = 360,
    ):
        if samples < 3:
            raise ValueError(f"samples = {samples}; a map needs at least 3.")
        self.model, self.observation = model, observation
        self.primitive: Any = primitive
        self.plant, self.simulate = plant, simulate
        self.stage: Any = stage
        self.samples, self.seed = int(samples), int(seed)
        self.params: Any = None
        self.result: Any = None
        self.embedding: Embedding | None = None
        self._drawn: Any = None
        self._ghosts = np.zeros((0, _GHOST_POINTS, 2))
        self._ts = np.linspace(0.0, 1.0, _SAMPLES, dtype=np.float32)
        self.map = Canvas(width=size, height=size, follow="here", label="the map of samples; drag the point")
        self.map.handles = [{"name": "here", "label": "what is shown", "x": 0.5, "y": 0.5, "color": "accent"}]
        if stage is None:
            self.canvas: Any = Canvas(
                width=size + 60, height=size, controls=True, loop=True, label="the movement"
            )
        else:
            self.canvas = Canvas3D(width=size + 120, height=size, controls=True, label="the grasp in space")
        self.player: MovementPlayer | None = None
        self.which = ipywidgets.Dropdown(
            options=[("latent", "latent")], description="map", layout={"width": "220px"}
        )
        self.which.style.description_width = "40px"
        self.key = ipywidgets.BoundedIntText(
            seed, min=0, max=2**31 - 1, description="key", layout={"width": "130px"}
        )
        self.key.style.description_width = "30px"
        again, self.button = (
            ipywidgets.Button(description=text, icon=icon, tooltip=tip, layout={"width": "auto"})
            for text, icon, tip in (
                ("Sample again", "refresh", "draw other samples, with the next key"),
                ("Try it", "play", "try what is shown in the simulator"),
            )
        )
        able = simulate is not None or plant is not None or isinstance(stage, SupportsTrial)
        self.button.layout.display = None if able else "none"
        self.seen = ipywidgets.Image(layout={"width": "72px", "height": "72px", "visibility": "hidden"})
        self.seen.add_class("ido-pixels")
        self.verdict = ipywidgets.Label("")
        super().__init__()
        bar = row(self.seen, self.which, self.key, again, self.button, self.verdict, gap=8, align="center")
        self._views = row(self.map, self.canvas, align="flex-start")
        self.children = [bar, self._views, self.notice]
        self.map.observe(lambda change: self._dragged(), "handles")
        self.which.observe(lambda change: self._guarded(self._embed), "value")
        self.key.observe(lambda change: self._guarded(self._draw_samples), "value")
        again.on_click(lambda _: self.sample_again())
        self.button.on_click(lambda _: self._guarded(self.try_it))

    def begin(self) -> None:
        """Load, look at the observation, draw samples, compile."""
        from ._compute import Samples

        if self.model is None:
            from ._latent_example import FOLDER, picture

            self.model = ideomotor.load(FOLDER, kind="perception")
            self.observation = picture(0.1) if self.observation is None else self.observation
        if self.stage is None:
            if self.primitive is None:
                self.primitive = self.model.output if isinstance(self.model, SupportsOutput) else None
            if not isinstance(self.primitive, ideomotor.AbstractFeedforwardPrimitive):
                raise AssemblyError(
                    "LatentExplorer shows parameters as a movement or as a grasp: give the primitive that they belong "
                    "to (primitive=), or a stage for grasps (stage=ideomotor.make('grasp-stage'))."
                )
        model: Any = self.model
        default = model.default_observation()
        wanted = np.shape(default)
        if self.observation is None:
            self.observation = (
                self.stage.observation(wanted[0]) if isinstance(self.stage, SupportsView) else default
            )
        if np.shape(self.observation) != wanted:
            raise DataError(
                f"The observation must be of shape {wanted}, as {type(self.model).__name__} takes it, not of "
                f"{np.shape(self.observation)}."
            )
        self._show_observation()
        self._drawn = Samples(self.model, self.observation)
        maps = ["latent"] if self._drawn.latent else []
        maps += ["pca"] + (["t-sne"] if has_neighbours() else [])
        with self.quiet():
            self.which.options = [(_MAPS[name], name) for name in maps]
        self._draw_samples()

    def go(self, point: Any) -> None:
        """Show what is at a point `(x, y)` of the map, as dragging does."""
        x, y = (float(v) for v in point)
        if not (np.isfinite(x) and np.isfinite(y)):
            raise ValueError(f"point = {point}; it must be two finite numbers.")
        self.ready()
        with self.quiet():
            self.map.place("here", (x, y))
        self._show()

    def show_sample(self, number: int) -> None:
        """Show one of the samples."""
        self.ready()
        if self.embedding is None or not 0 <= number < self.samples:
            raise ValueError(f"There is no sample {number}; there are {self.samples}.")
        self.go(self.embedding.xy[number])

    def sample_again(self) -> None:
        """Draw as many other samples, with the next key."""
        self.key.value += 1

    def try_it(self) -> None:
        """Try what is shown: with the given function, the stage or the plant; in a thread of its own (see `wait`)."""
        self.ready()
        params = self.params
        if params is None:
            raise DataError("There is nothing to try yet; sample first.")
        self.work(lambda: self._try(params), "Trying it …")

    def snapshot(self) -> bytes:
        self.ready()
        return still(self.map, self.canvas)

    def close(self) -> None:
        super().close()
        if getattr(self, "player", None) is not None:
            self.player.close()  # type: ignore[union-attr]

    def _guarded(self, call: Callable[[], None]) -> None:
        if not self._quiet:
            with self.guarded():
                self.ready()
                call()

    def _dragged(self) -> None:
        self._guarded(self._show)

    def _draw_samples(self) -> None:
        if self._drawn is None:
            raise DataError("There is no perception to sample from; see what was wrong at first.")
        with self.busy("Drawing samples …"):
            self._drawn.draw(self.samples, self.key.value)
            if self.stage is None:
                self._learn_paths()
            self._embed()

    def _learn_paths(self) -> None:
        from ._compute import duration_of, paths

        last = duration_of(self._drawn.of(0)) or own_duration(self.primitive)
        self._ts = np.linspace(0.0, 1.1 * float(last), _SAMPLES, dtype=np.float32)
        few = np.linspace(0, self._ts[-1], _GHOST_POINTS, dtype=np.float32)
        found = paths(self.primitive, self._drawn.params, few)
        self._ghosts = found[:_GHOSTS, :, :2] if found.shape[-1] > 1 else _over_time(few, found[:_GHOSTS])

    def _embed(self) -> None:
        """Lay the samples out as the map says; the point goes to the middle of them."""
        if self.which.value == "latent":
            points = self._drawn.latents
            method = "plane" if self._drawn.latent == 2 else "pca"
        else:
            points, method = self._drawn.outputs, str(self.which.value)
        with self.busy("Laying out the map …"):
            self.embedding = Embedding(points, method)
        xy = self.embedding.xy
        layers = Layers().add(xy, kind="dots", color="path", width=6, alpha=0.55)
        middle = (
            np.median(xy, axis=0)
            if self.which.value == "latent"
            else xy[self.embedding.nearest(np.median(xy, axis=0))]
        )
        with self.quiet():
            handles = [{**self.map.handles[0], "x": float(middle[0]), "y": float(middle[1])}]
            self.map.show(layers, view=view_of(xy, margin=0.15), handles=handles)
        self._show(look_again=True)

    def _show(self, *, look_again: bool = False) -> None:
        """Decode the point of the map and draw it."""
        if self.embedding is None:
            raise DataError("There is no map yet; sample first.")
        point = self.map.handle("here")
        if self.which.value == "latent":
            self.params = self._drawn.decode(self.embedding.back(point))
        else:
            self.params = self._drawn.of(self.embedding.nearest(point))
        self.verdict.value = ""
        self._show_grasp(look_again) if self.stage is not None else self._show_movement(look_again)

    def _show_movement(self, look_again: bool) -> None:
        from ._compute import play_open

        path = np.asarray(play_open(self.primitive, self.params, self._ts)[0]).reshape(_SAMPLES, -1)
        if not np.isfinite(path).all():
            raise DataError(
                "The movement at this point of the map is not finite; go back to where the samples are."
            )
        plane = path[:, :2] if path.shape[1] > 1 else _over_time(self._ts, path[None])[0]
        layers = Layers(self._ts)
        ghosts = np.concatenate([self._ghosts, np.full((len(self._ghosts), 1, 2), np.nan)], 1).reshape(-1, 2)
        layers.add(ghosts, color="ghost", width=1.5, alpha=0.5)
        layers.add(plane, color="accent", width=2.5, alpha=0.6).add(
            plane, color="accent", width=5, trail=True
        )
        layers.add(plane[:, None], kind="dots", color="accent", width=11)
        view = {"view": view_of(self._ghosts, plane)} if look_again else {}
        self.canvas.show(layers, **view)

    def _show_grasp(self, look_again: bool) -> None:
        grasp = {name: np.asarray(value, float) for name, value in dict(self.params).items()}
        poses = self.stage.poses(grasp)
        scene = self._scene((), poses, grasp)
        view = {"view": scene.view(margin=1.3)} if look_again and not self.canvas.layers else {}
        self.canvas.show(scene, playing=False, position=0.0, controls=False, **view)

    def _scene(self, ts: Any, poses: Any, grasp: dict[str, np.ndarray]) -> Scene:
        scene = Scene(ts).bodies(self.stage.shapes(), poses)
        if isinstance(self.stage, SupportsTrial):
            marks = self.stage.marks(grasp)
            tips, ends = marks["contacts"], marks["contacts"] + 0.04 * marks["normals"]
            scene.dots(tips, size=0.005, color="accent")
            scene.line(np.stack([tips, ends], 1), segments=True, color="accent", width=3)
        return scene

    def _try(self, params: Any) -> None:
        if self.simulate is not None:
            self.result = self.simulate(params)
        elif self.stage is not None:
            self.result = self.stage.simulate({n: np.asarray(v, float) for n, v in dict(params).items()})
        else:
            begin = at_rest(self.plant, self._begin_of(params))
            self.result = ideomotor.rollout(self.primitive, params, self._ts, plant=self.plant, x0=begin)
        result = self.result
        if hasattr(result, "ys") and hasattr(result, "ts"):
            self._play(result)
            self.verdict.value = "Tried; the movement is shown below."
        elif isinstance(result, dict) and {"text", "ts", "poses"} <= set(result) and self.stage is not None:
            self.verdict.value = str(result["text"])
            grasp = {name: np.asarray(value, float) for name, value in dict(params).items()}
            scene = self._scene(result["ts"], result["poses"], grasp)
            self.canvas.show(scene, controls=True, position=0.0, playing=True, loop=False)
        else:
            said = result.get("text", result) if isinstance(result, dict) else result
            self.verdict.value = str(said)

    def _begin_of(self, params: Any) -> np.ndarray:
        from ._compute import play_open

        return np.asarray(play_open(self.primitive, params, self._ts)[0])[0]

    def _play(self, movement: Any) -> None:
        if self.player is None:
            self.player = MovementPlayer(
                movement, self.plant, loop=False, width=self.canvas.width, height=self.canvas.height
            )
            self._views.children = [*self._views.children, self.player]
        else:
            self.player.show(movement, self.plant)
        self.player.seek(0.0)
        self.player.play()

    def _show_observation(self) -> None:
        picture = np.asarray(self.observation, float)
        if picture.ndim == 3 and picture.shape[-1] in (1, 2):
            picture = picture[..., 0]
        if picture.ndim == 2 and min(picture.shape) > 1:
            self.seen.value, self.seen.layout.visibility = as_png(1 - picture), "visible"
        elif picture.ndim == 3:
            self.seen.value, self.seen.layout.visibility = as_png(picture[..., :3]), "visible"
            self.seen.add_class("ido-photo")
        else:
            self.seen.layout.display = "none"


def _over_time(ts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Paths of one number, shape (sample, time, 1), as paths in the plane of time and number."""
    return np.stack([np.broadcast_to(ts, values.shape[:2]), values[..., 0]], -1)
