from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import yaml

import ideomotor
from ideomotor.capabilities import SupportsReach, SupportsSpace
from ideomotor.errors import ConfigError, DataError, IdeomotorError

from ._arguments import ArgumentBoxes
from ._assembly import SLOTS, Assembly
from ._canvas import Canvas, Canvas3D
from ._drawn import drawn, in_space
from ._elements import Choice, Code, close_all, row
from ._layers import Layers
from ._observation import Observation
from ._outputs import OutputPlot
from ._scene import Scene
from ._still import still
from ._view import AbstractView
from ._write import write_bytes

_SAMPLES = 201


class PipelineExplorer(AbstractView):
    """Put a pipeline together from whatever is installed, see it move, take its code away.

    - `pipeline`: an `ideomotor.Pipeline`, a config as of YAML, the path of a YAML file, or nothing.
    - `duration`: of the movement, in s.

    Four cards offer what the registry holds, plug-ins of strangers too; what does not fit the other parts is grey and
    says why. A grey one can still be taken: then other parts are exchanged so that it fits, and the view says which. The
    pipeline runs at each change.

        explorer = PipelineExplorer()
        explorer.choose("plant", "servo"); explorer.set("goal", (0.1, 0.4)); explorer.yaml()
    """

    def __init__(self, pipeline: Any = None, *, duration: float | int = 1.0, seed: int | None = None):
        if isinstance(pipeline, str | Path):
            self.assembly = Assembly()
            self.assembly.take(_read_yaml(Path(pipeline)), Path(pipeline).absolute().parent)
        else:
            self.assembly = Assembly(pipeline)
        self.movement: Any = None
        self.seed = seed
        self._ran, self._seen_plant = set(), ""
        self.cards = {slot: self._card(slot) for slot in SLOTS}
        self.duration = ipywidgets.BoundedFloatText(
            duration, min=0.05, max=60.0, step=0.1, description="duration (s)", layout={"width": "190px"}
        )
        self.noise = ipywidgets.Checkbox(seed is not None, description="random numbers", indent=False)
        self.noise.tooltip = "draw the noise that the parts make"
        self.canvas = Canvas(width=340, height=330, controls=True, loop=True, label="the movement")
        self.space: Canvas3D | None = None  # in place of the canvas for plants that are seen in space
        self.plot = OutputPlot(340, 330)
        self.python_code = Code(label="the pipeline as Python")
        self.yaml_code = Code(label="the pipeline as YAML; write, then Ctrl-Enter", editable=True)
        self.observation: Observation | None = None
        super().__init__()
        self._below = row(align="flex-start")
        self.children = [self._row(), self._below, self._taking(), self.notice]
        self._rebuild()
        for control in (self.duration, self.noise):
            control.observe(lambda change: self._changed(), "value")
        self.yaml_code.observe(lambda change: self._edited(change["new"]), "edited")

    @property
    def pipeline(self) -> Any:
        """The pipeline as it stands."""
        return self.assembly.pipeline

    def begin(self) -> None:
        self._run()

    def choose(self, slot: str, name: str, *, adapt: bool = False) -> None:
        """Choose a component by its registered name (`"none"`: leave it out).

        With `adapt`, as by the mouse, other parts are exchanged where it would not fit; without it an `AssemblyError` says
        what does not fit.
        """
        if slot not in SLOTS:
            raise ConfigError(f"A pipeline has no part {slot!r}; its parts are {', '.join(SLOTS)}.")
        changed = self.assembly.choose(slot, name, adapt=adapt)
        self._rebuild()
        self.say(f"To make {name} fit, {changed}." if changed else "")
        self._run_now()

    def set(self, name: str, value: Any) -> None:
        """Change a number of the observation (or, without a perception, of the movement's parameters) by name."""
        assert self.observation is not None
        self.ready()
        with self.quiet():
            self.observation.set(name, value)
        self._run()

    def set_argument(self, slot: str, argument: str, value: Any) -> None:
        """Change an argument of a part's constructor; `None` takes its default."""
        self.assembly.set_argument(slot, argument, value)
        self._rebuild()
        self._run_now()

    def fits(self, slot: str) -> dict[str, str]:
        """For each component that could be chosen, why it does not fit (nothing: it does)."""
        return {option.name: option.reason for option in self.assembly.options(slot)}

    def yaml(self) -> str:
        """The pipeline as YAML."""
        return self.assembly.yaml()

    def python(self) -> str:
        """The pipeline, and the movement that is shown, as Python."""
        return self.python_code.text

    def take(self, text: str, folder: Path | str = ".") -> None:
        """Replace the pipeline by one written as YAML; paths in it are relative to `folder`."""
        self.assembly.take(_parse(text), folder)
        self._rebuild()
        self._run_now()

    def save(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Save the pipeline as YAML; parts that were handed over as objects keep their weights in a folder beside it."""
        path = Path(path)
        if path.exists() and not overwrite:
            raise DataError(f"{path} exists; choose another name.")
        if self.assembly.given:
            saved = ideomotor.save_pipeline(self.pipeline, path)
        else:
            saved = write_bytes(path, self.yaml().encode(), overwrite=overwrite)
        self.say(f"Saved as {saved}.")
        return saved

    def load(self, path: Path | str) -> None:
        """Load a pipeline from a YAML file."""
        path = Path(path)
        self.assembly.take(_read_yaml(path), path.absolute().parent)
        self._rebuild()
        self.say(f"Loaded from {path}.")
        self._run_now()

    def snapshot(self) -> bytes:
        self.ready()
        shown = [part for part in (self.canvas, self.space) if part is not None and part.layers]
        return still(*shown, self.plot.png())

    def _card(self, slot: str) -> tuple[Choice, Any]:
        choice = Choice(label=slot)
        choice.observe(lambda change: self._opened(slot), "opened")
        choice.observe(lambda change: self._chosen(slot, change["new"]), "chosen")
        settings = ipywidgets.Accordion(
            [ArgumentBoxes(None, lambda n, v: True)], titles=("settings",), layout={"width": "auto"}
        )
        return choice, settings

    def _row(self) -> ipywidgets.Widget:
        parts: list[Any] = []
        for slot, (choice, settings) in self.cards.items():
            kind = ipywidgets.HTML(f"<div class='ido-kind'>{slot}</div>")
            card = ipywidgets.VBox([kind, choice, settings], layout={"width": "212px", "min_width": "180px"})
            card.add_class("ido-card")
            arrow = ipywidgets.HTML("<div class='ido-arrow'>→</div>")
            parts += [arrow, card] if parts else [card]
        return row(*parts, gap=6, align="center")

    def _taking(self) -> ipywidgets.Widget:
        name = ipywidgets.Text("pipeline.yaml", layout={"width": "220px"})
        buttons = []
        for text, icon, call in (("Save", "save", self.save), ("Load", "folder-open", self.load)):
            button = ipywidgets.Button(description=text, icon=icon, layout={"width": "auto"})
            button.on_click(lambda _, call=call: self._pressed(lambda: call(name.value)))
            buttons.append(button)
        files = ipywidgets.HBox([name, *buttons])
        yaml_tab = ipywidgets.VBox([self.yaml_code, files])
        return ipywidgets.Tab(
            [yaml_tab, self.python_code], titles=("YAML", "Python"), layout={"max_width": "900px"}
        )

    def _pressed(self, call: Any) -> None:
        with self.guarded():
            call()

    def _opened(self, slot: str) -> None:
        # In a thread: the first time, what all plug-ins offer is imported to see what fits.
        self.work(lambda: self._find_fitting(slot), "Looking what fits …")

    def _find_fitting(self, slot: str) -> None:
        config = self.assembly.config
        found = [option._asdict() for option in self.assembly.options(slot)]
        if self.assembly.config is config:  # else it is another pipeline by now
            self.cards[slot][0].options = found

    def _chosen(self, slot: str, chosen: list[Any]) -> None:
        with self.guarded():
            self.choose(slot, str(chosen[0]), adapt=True)

    def _edited(self, edited: list[Any]) -> None:
        with self.guarded():
            self.take(str(edited[0]))

    def _argued(self, slot: str, argument: str, value: Any) -> bool:
        with self.guarded():
            if isinstance(value, Exception):
                raise value
            self.set_argument(slot, argument, value)
        return not self.error

    def _changed(self) -> None:
        if not self._quiet:
            with self.guarded():
                self._run()

    def _run_now(self) -> None:
        """Run if the view has been shown; before that there is nobody to see it."""
        if self._begun:
            self._run()

    def _rebuild(self) -> None:
        """Let the cards, the boxes and the code show the pipeline as it stands; close what showed the one before."""
        for slot, (choice, settings) in self.cards.items():
            with choice.hold_sync():
                choice.value = self.assembly.name(slot)
                choice.options = [option._asdict() for option in self.assembly.listed(slot)]
            old = settings.children
            new = ArgumentBoxes(
                self.assembly.config.get(slot), lambda n, v, slot=slot: self._argued(slot, n, v)
            )
            settings.children = [new]
            settings.layout.display = None if new.controls else "none"
            close_all(*old)
        old = self.observation
        keep = old.tree() if old is not None and old.suits(self.pipeline.default_observation()) else None
        self.observation = Observation(self.pipeline, self._changed, keep)
        left = ipywidgets.VBox(
            [self.observation, ipywidgets.HBox([self.duration, self.noise])], layout={"width": "330px"}
        )
        before = self._below.children
        space = [] if self.space is None else [self.space]
        self._below.children = [left, self.canvas, *space, self.plot.picture.image]
        if before:
            # The duration and the noise stay; the box around them and the observation go.
            before[0].children[1].children = ()
            close_all(before[0])
        self.yaml_code.text = self.yaml()

    def _run(self) -> None:
        import jax

        assert self.observation is not None
        self.ready()
        pipeline, observation = self.pipeline, self.observation.tree()
        ts = np.linspace(0.0, self.duration.value, _SAMPLES)
        key = jax.random.key(self.seed or 0) if self.noise.value else None
        new = (self.yaml(), key is None) not in self._ran
        with self.busy("Compiling, once …" if new else "Running …"):
            x0, begin = _start(pipeline, observation, ts)
            movement = pipeline(observation, ts, x0=x0, key=key)
            outputs = jax.tree.map(np.asarray, movement.ys)
        if not all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(outputs) if leaf.dtype.kind == "f"):
            raise DataError(
                "The movement is not finite with these numbers; bring them back, or shorten the time step."
            )
        self._ran.add((self.yaml(), key is None))
        self.movement = movement
        self._show(movement)
        self.python_code.text = self.assembly.python(self.observation.python() + _PLAY.format(
            duration=self.duration.value, samples=_SAMPLES, begin=begin, x0=", x0=x0" if begin else "",
            key=", key=jax.random.key(0)" if key is not None else "",
            jax="import jax\n" if key is not None else "",
        ))  # fmt: skip

    def _show(self, movement: Any) -> None:
        scene = in_space(movement, self.pipeline.plant)
        self._show_space(scene)
        try:
            found = drawn(movement, self.pipeline.plant) if scene is None else None
        except DataError:
            found = None
        if found is None:
            self.canvas.layout.display = "none"
            self.canvas.show(Layers())
        else:
            self.canvas.layout.display = None
            image = (
                self.observation is not None
                and self.observation.pad is not None
                and self.pipeline.plant is None
            )
            self.canvas.show(found.layers, view=found.view, unit=found.unit, down=image)
        self.plot.show(movement)

    def _show_space(self, scene: Scene | None) -> None:
        """Show bodies in space, in a canvas that is made when the first come; or hide it."""
        if scene is None and self.space is None:
            return
        if self.space is None:
            self.space = Canvas3D(
                width=400, height=330, controls=True, loop=True, label="the movement in space"
            )
            left, canvas, *rest = self._below.children
            self._below.children = [left, canvas, self.space, *rest]
        self.space.layout.display = "none" if scene is None else None
        scene = Scene() if scene is None else scene
        name = self.assembly.name("plant")
        again = {} if name == self._seen_plant else {"view": scene.view()}
        self.space.show(scene, **again)
        self._seen_plant = name


_PLAY = """
ts = np.linspace(0.0, {duration:g}, {samples})
{begin}{jax}movement = pipeline(observation, ts{x0}{key})"""

_BEGIN = """wanted = ideomotor.rollout(primitive, pipeline.params(observation), ts).ys
x0 = plant.at(wanted[0])  # the hand begins where the movement does
"""


def _start(pipeline: Any, observation: Any, ts: np.ndarray) -> tuple[Any, str]:
    """The plant's state at the start: with the hand where the movement begins, for a plant that follows the hand."""
    plant, primitive = pipeline.plant, pipeline.primitive
    follows = isinstance(plant, SupportsSpace) and plant.space == "hand"
    if not (
        follows
        and isinstance(plant, SupportsReach)
        and isinstance(primitive, ideomotor.AbstractFeedforwardPrimitive)
    ):
        return None, ""
    wanted = ideomotor.rollout(primitive, pipeline.params(observation), ts).ys
    try:
        return plant.at(wanted[0]), _BEGIN
    except IdeomotorError:  # out of reach: the plant begins at rest, and comes as near as it can
        return None, ""


def _parse(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(f"This is not YAML, {place}{getattr(error, 'problem', error)}.") from error


def _read_yaml(path: Path) -> Any:
    try:
        return _parse(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as text: {error}") from error
