import contextlib
import itertools
from typing import Any

import ipywidgets
import numpy as np

import ideomotor
from ideomotor.errors import AssemblyError, DataError

from ._asked import SupportsGraph, SupportsPlanner
from ._canvas import Canvas, view_of
from ._elements import row
from ._layers import Layers
from ._outputs import OutputPlot
from ._picture import level_picture
from ._still import still
from ._view import AbstractView

_MOST = 300  # points sent of a movement


class DatabaseExplorer(AbstractView):
    """Many demonstrations as a tree of transition graphs, and the way through them from a start to a goal.

    - `source`: a planner over such a graph (`find`, `movement`, `graph`), such as `movement-graph`; or a database that
      gives one (`planner()`); by default the planner's own generated demonstrations, reaches into a shelf.

    The slider goes through the levels of the tree. Drag start (green) and goal (orange): the partial paths (blue and green,
    in turns), the gaps between them (red, dashed) and the joined movement, which is played, follow.

        explorer = DatabaseExplorer()
        explorer.level = 4; explorer.goal = (0.5, 0.1, 0.4); explorer.path.parts; explorer.movement
    """

    def __init__(self, source: Any = None, *, size: int = 440):
        self.source, self.planner = source, None
        self.path: Any = None
        self.movement: Any = None
        self._graph: Any = None
        self._ends: dict[str, np.ndarray] = {}
        self.canvas = Canvas(
            width=size, height=size, controls=True, loop=True, label="the graph; drag start and goal"
        )
        self.plot = OutputPlot(size - 60, size)
        self.slider = ipywidgets.IntSlider(0, 0, 1, description="level", layout={"width": "330px"})
        self.slider.style.description_width = "40px"
        self.plane = ipywidgets.Dropdown(
            options=[("x, y", (0, 1))], description="seen", layout={"width": "150px"}
        )
        self.plane.style.description_width = "40px"
        self.about, self.found = ipywidgets.Label(""), ipywidgets.Label("")
        super().__init__()
        bar = row(self.slider, self.plane, self.about, gap=8)
        plots = row(self.canvas, self.plot.picture.image)
        self.children = [bar, plots, self.found, self.notice]
        self.slider.observe(lambda change: self._guarded(self._show_level), "value")
        self.plane.observe(lambda change: self._guarded(self._turn), "value")
        self.canvas.observe(lambda change: self._guarded(self._dragged), "handles")

    level = property(
        lambda self: self.slider.value,
        lambda self, value: self._set_level(value),
        doc="The level of the tree that is drawn; 0 is the root, -1 the deepest.",
    )
    start = property(
        lambda self: self._place("start"),
        lambda self, place: self._set_end("start", place),
        doc="Where the movement starts, as the demonstrations have it, shape (dof,).",
    )
    goal = property(
        lambda self: self._place("goal"),
        lambda self, place: self._set_end("goal", place),
        doc="Where it ends.",
    )

    def begin(self) -> None:
        """Make the planner, its graph, and a first movement."""
        source = self.source
        if source is None:
            source = ideomotor.make("movement-graph", kind="planner")
        elif isinstance(source, SupportsPlanner):
            source = source.planner()
        if not isinstance(source, SupportsGraph):
            raise AssemblyError(
                f"DatabaseExplorer shows planners over a transition graph, and {type(source).__name__} is not one; give a "
                f"'movement-graph' planner or a movement database."
            )
        planner: Any = source
        self.planner, self._graph = planner, planner.graph
        if self._graph.position.shape[1] < 2:
            raise AssemblyError(
                "Movements of one coordinate have no plane to be drawn in; see them in a plot over time."
            )
        names = coordinates_of(self._graph)
        pairs = list(itertools.combinations(range(min(len(names), 7)), 2))
        spread = np.ptp(self._graph.position, axis=0)
        pairs.sort(key=lambda pair: -float(spread[pair[0]] * spread[pair[1]]))
        start, goal = (np.asarray(place, float) for place in planner.default_query())
        self._ends = {"start": start, "goal": goal}
        with self.quiet():
            self.plane.options = [(f"{names[i]}, {names[j]}", (i, j)) for i, j in pairs]
            self.slider.max = self._graph.levels - 1
            self.slider.value = min(self.slider.max, 5)
        self._turn()

    def snapshot(self) -> bytes:
        self.ready()
        return still(self.canvas, self.plot.png())

    def _guarded(self, call: Any) -> None:
        if not self._quiet:
            with self.guarded():
                self.ready()
                if self.planner is None:
                    raise DataError("There is no planner to ask; see what was wrong at first.")
                call()

    def _place(self, name: str) -> np.ndarray:
        self.ready()
        return self._ends[name].copy()

    def _set_level(self, level: int) -> None:
        self.ready()
        levels = self._graph.levels
        if not -levels <= level < levels:
            raise ValueError(f"There is no level {level}; the tree has the levels 0 to {levels - 1}.")
        self.slider.value = int(level) % levels

    def _set_end(self, name: str, place: Any) -> None:
        self.ready()
        place, old = np.asarray(place, float), self._ends[name]
        if place.shape != old.shape or not np.isfinite(place).all():
            raise ValueError(
                f"{name} = {place}; it must be {len(old)} finite numbers, as in the demonstrations."
            )
        self._ends[name] = place
        try:
            self._plan()
        except Exception:
            self._ends[name] = old
            with contextlib.suppress(Exception):  # what was there before is shown again, if it could be
                self._plan()
            raise

    def _turn(self) -> None:
        """See the graph along other coordinates."""
        xy = self._seen(self._graph.position)
        view = view_of(xy, margin=0.1)
        self.canvas.view = view
        self._show_level()
        self._plan()

    def _seen(self, coordinates: np.ndarray) -> np.ndarray:
        return np.asarray(coordinates, float)[..., list(self.plane.value)]  # type: ignore[arg-type]

    def _coordinates(self, place: np.ndarray) -> np.ndarray:
        return np.asarray(self._graph.coordinates.encode(np.asarray(place, float)), float)

    def _show_level(self) -> None:
        graph, level = self._graph, int(self.slider.value)
        here = graph.at_level(level)
        source = np.repeat(np.arange(len(here.nodes)), np.diff(here.indptr))
        other = source != here.targets
        extent = self._extent()
        picture = level_picture(
            self._seen(here.position), graph.samples[here.nodes], source[other], here.targets[other],
            here.probability[other], extent, self.canvas.width, self.canvas.height,
        )  # fmt: skip
        with self.canvas.hold_sync():
            self.canvas.extent, self.canvas.picture = extent, picture
        self.about.value = (
            f"of {graph.levels - 1}; {counted(len(here.nodes), 'node')}, "
            f"{counted(int(other.sum()), 'transition')} between them"
        )
        if self.path is not None:
            self._draw()

    def _extent(self) -> list[float]:
        """What of the world the canvas shows, its edges included: one scale for both axes."""
        x0, x1, y0, y1 = self.canvas.view
        scale = max((x1 - x0) / self.canvas.width, (y1 - y0) / self.canvas.height) / 2
        x, y, dx, dy = (x0 + x1) / 2, (y0 + y1) / 2, scale * self.canvas.width, scale * self.canvas.height
        return [x - dx, x + dx, y - dy, y + dy]

    def _dragged(self) -> None:
        """Ends follow the mouse in the plane that is seen; their other coordinates are those of the nearest node there."""
        nodes = self._graph.nodes(-1)
        position = self._graph.position[nodes]
        for name in ("start", "goal"):
            xy, old = np.array(self.canvas.handle(name)), self._coordinates(self._ends[name])
            if np.allclose(self._seen(old), xy, rtol=0, atol=1e-6):
                continue
            new = position[np.argmin(((self._seen(position) - xy) ** 2).sum(1))].copy()
            new[list(self.plane.value)] = xy  # type: ignore[arg-type]
            self._ends[name] = np.asarray(self._graph.coordinates.decode(new), float)
        self._plan()

    def _plan(self) -> None:
        start, goal = self._ends["start"], self._ends["goal"]
        self.path = self.movement = None
        try:
            path = self.planner.find(start, goal)  # type: ignore[union-attr]
            movement = self.planner.movement(path, start, goal)  # type: ignore[union-attr]
        except Exception:
            self.found.value = ""
            self._handles_only()
            raise
        self.path, self.movement = path, movement
        self._draw()
        names = (
            ", ".join(coordinates_of(self._graph)) if self._graph.space == "cartesian" else self._graph.space
        )
        self.plot.show(ideomotor.Trajectory(movement.ts, {names: np.asarray(movement.ys)}))
        gaps, parts = np.asarray(path.gaps), len(path.parts)
        unit = "rad" if self._graph.space == "joint" else "m"
        jumps = ", no gap"
        if len(gaps):
            many = "one gap of" if len(gaps) == 1 else f"{len(gaps)} gaps of up to"
            jumps = f", {many} {gaps.max():.3g} {unit}"
        self.found.value = (
            f"{counted(len(path.nodes), 'node')} in {counted(parts, 'partial path')}{jumps}; "
            f"the joined movement takes {float(movement.ts[-1]):.2f} s"
        )

    def _handles(self) -> list[dict[str, Any]]:
        found = []
        for name, colour in (("start", "good"), ("goal", "accent")):
            x, y = self._seen(self._coordinates(self._ends[name]))
            found.append({"name": name, "label": name, "x": float(x), "y": float(y), "color": colour})
        return found

    def _handles_only(self) -> None:
        with self.quiet():
            self.canvas.show(Layers(), handles=self._handles())

    def _draw(self) -> None:
        movement, path = self.movement, self.path
        ts = np.asarray(movement.ts, float)
        few = np.unique(np.linspace(0, len(ts) - 1, min(len(ts), _MOST)).round().astype(int))
        way = self._seen(self._coordinates(np.asarray(movement.ys)[few]))
        layers = Layers(ts[few])
        ancestors = self._graph.ancestors(int(self.slider.value))
        visited = np.unique(ancestors[path.nodes])
        layers.add(self._seen(self._graph.position[visited]), kind="dots", color="ghost", width=9, alpha=0.6)
        for i, part in enumerate(path.parts):
            line, colour = self._seen(self._graph.position[part]), ("path", "good")[i % 2]
            layers.add(line, color=colour, width=3.5, alpha=0.85).add(
                line, kind="dots", color=colour, width=5
            )
        at, jump = self._seen(np.asarray(path.position)), np.asarray(path.gap)
        for i in np.flatnonzero(jump):
            layers.add(at[i : i + 2], color="active", width=2.5, dash=[4, 5])
        layers.add(way, color="ink", width=1.6, alpha=0.8).add(way, color="accent", width=3, trail=True)
        layers.add(way[:, None], kind="dots", color="accent", width=10)
        with self.quiet():
            self.canvas.show(
                layers, handles=self._handles(), unit="" if self._graph.space == "joint" else "m"
            )


def coordinates_of(graph: Any) -> list[str]:
    """What to call the coordinates of a graph's positions."""
    count = graph.position.shape[1]
    if graph.space == "joint":
        return [f"joint {i + 1}" for i in range(count)]
    if graph.space == "pose":
        return ["x", "y", "z", "turn about x", "turn about y", "turn about z"]
    return list("xyz")[:count] if count <= 3 else [f"coordinate {i + 1}" for i in range(count)]


def counted(number: int, what: str) -> str:
    """So many of them."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
