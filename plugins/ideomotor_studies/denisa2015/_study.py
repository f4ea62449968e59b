"""The paper's experiment, stage by stage."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import ideomotor
from ideomotor import Trajectory
from ideomotor.errors import DataError
from ideomotor_movement_database import (
    Flat,
    GaussianProcess,
    Hierarchical,
    MovementGraph,
    imitate,
    routes,
    shelf_demonstrations,
)

from ..kit import options, recorded
from ..kit.run import Run, write_arrays
from . import _figures
from ._data import SPACES, as_joints, demonstrations, dmp_for, look_of, place_of, planner_of, queries, tree_of
from ._robot import SCENE, execute, joints, robot
from ._settings import PRESETS, VISION, Preset, table


@options.study(
    "denisa2015",
    PRESETS,
    "demonstrations and starts",
    options.path(
        "--data", help="Recorded demonstrations to leave out one by one.  [default: leave that part out]"
    ),
    files=("data",),
    packages=("mujoco", "scikit-learn", "scipy"),
)
def study(run: Run, sizes: Preset, *, seed: int, data: Path | str | None = None) -> None:
    """Repeat Deniša & Ude 2015: 30 demonstrations of putting objects on a shelf become movements from anywhere to any compartment.

    Builds the trees, finds 180 movements with both searches from places and from joint angles, generalises them to new starts,
    executes all on a simulated KUKA LWR4+ before a shelf that can be hit, and writes the paper's numbers beside ours (table.md)
    and its figures 3, 6, 8, 10, 11 and 14.
    """
    others = None if data is None else recorded.read(data)
    stages = Stages(sizes, seed, run)
    run.stage("clustering", stages.clustering)
    for i in range(stages.preset.seeds):
        for space in SPACES:
            run.stage(f"search-{space}-{seed + i}", lambda: stages.search(space, seed + i))  # noqa: B023
        run.stage(f"gaps-wide-{seed + i}", lambda: stages.wide(seed + i))  # noqa: B023
        if stages.preset.seeds > 1:
            run.stage(f"gaps-weights-{seed + i}", lambda: stages.weights(seed + i))  # noqa: B023
    for space in SPACES:
        for kind in ("flat", "hierarchical"):
            run.stage(f"execute-{space}-{kind}", lambda: stages.execute(space, kind))  # noqa: B023
        run.stage(f"generalise-{space}", lambda: stages.generalise(space))  # noqa: B023
    if others is not None:
        count = stages.preset.held_out
        run.stage("recorded", lambda: recorded.leave_one_out(others, count=count, progress=options.bar))
    _figures.write(stages)
    run.finish(*table(run.results, run.config["preset"], seed))


@dataclasses.dataclass
class Stages:
    """One run: its sizes and its folder."""

    preset: Preset
    seed: int
    run: Run

    def keep(self, name: str, movements: list[Trajectory]) -> None:
        """Write movements into the run, one after the other: ts, ys and offsets."""
        arrays = {
            "ts": np.concatenate([np.asarray(m.ts) for m in movements]),
            "ys": np.concatenate([np.asarray(m.ys) for m in movements]),
            "offsets": np.cumsum([0, *(len(m.ts) for m in movements)]),
        }
        write_arrays(self.run.folder / "movements" / f"{name}.npz", arrays)

    def kept(self, name: str) -> list[Trajectory]:
        """What `keep` wrote."""
        with np.load(self.run.folder / "movements" / f"{name}.npz") as file:
            ts, ys, offsets = file["ts"], file["ys"], file["offsets"]
        return [Trajectory(ts[a:b], ys[a:b]) for a, b in zip(offsets, offsets[1:], strict=False)]

    @functools.cached_property
    def robot(self):
        """The simulated arm."""
        return robot()

    @functools.cached_property
    def demonstrated_peak(self) -> float:
        """The median of the demonstrations' peak speeds, played by the robot, m/s."""
        made = demonstrations(self.seed, "cartesian")
        shown = execute(self.robot, [as_joints(item.trajectory, "cartesian") for item in made])
        return float(np.median(shown.peak))

    def clustering(self) -> dict[str, Any]:
        """Figure 6: the indices of each level, for three ways of clustering."""
        found: dict[str, Any] = {}
        made = demonstrations(self.seed, "cartesian")
        for name, method in (("k-means", "k-means"), ("PCA", "pca"), ("EM", "em")):
            tree = tree_of(made, clustering=ideomotor.make(method))
            levels = range(1, min(tree.levels, self.preset.levels))
            indices = [tree.indices(made, level) for level in levels]
            found[name] = {
                "levels": tree.levels,
                "nodes": len(tree.nodes(-1)),
                "davies_bouldin": [index["davies_bouldin"] for index in indices],
                "dunn": [index["dunn"] for index in indices],
            }
        return found

    def search(self, space: str, seed: int) -> dict[str, Any]:
        """The tree, and 180 movements by either search; those of the first seed are kept."""
        made = demonstrations(seed, space)
        tree = tree_of(made)
        found: dict[str, Any] = {
            "levels": tree.levels,
            "nodes": len(tree.nodes(-1)),
            "samples": len(tree.leaf),
        }
        for kind in ("flat", "hierarchical"):
            planner, movements, gaps, failed = planner_of(made, kind, tree), [], [], 0
            for start, goal in queries(made):
                try:
                    path = planner.find(start, goal)
                except DataError:
                    failed += 1
                    continue
                if len(path.gaps):
                    gaps.append(float(path.gaps.max()))
                movements.append(planner.movement(path, start, goal))
            if seed == self.seed:
                self.keep(f"{space}-{kind}", movements)
            found[kind] = {
                "found": len(movements),
                "failed": failed,
                "largest_gap": float(np.median(gaps)),
                "largest_gap_95": float(np.percentile(gaps, 95)),
            }
        found["gap_ratio"] = found["hierarchical"]["largest_gap"] / found["flat"]["largest_gap"]
        return found

    def wide(self, seed: int) -> dict[str, Any]:
        """The gaps with demonstrations that are about 20 cm apart in mid-air, in the default scene."""
        made = shelf_demonstrations(seed)
        return _gaps(made, tree_of(made))

    def weights(self, seed: int) -> dict[str, Any]:
        """The ratio of the gaps with velocities weighted as by default, and with our price of a gap for the paper's search."""
        made = demonstrations(seed, "cartesian")
        lighter = tree_of(made, velocity_weight=0.15)
        return {
            "velocities weighted by 0.15": _gaps(made, lighter)["gap_ratio"],
            "our price of a gap for either search": _gaps(made, tree_of(made), Hierarchical(10.0))[
                "gap_ratio"
            ],
        }

    def execute(self, space: str, kind: str) -> dict[str, Any]:
        """The movements found, by the robot."""
        movements = self.kept(f"{space}-{kind}")
        goals = [np.asarray(m.ys)[-1] for m in movements]
        return self.executed(movements, place_of(space, np.array(goals)), space)

    def executed(self, movements: list[Trajectory], goals: np.ndarray, space: str) -> dict[str, Any]:
        """What the robot makes of movements that should end at `goals` (m)."""
        count = len(movements) if self.preset.executed is None else min(self.preset.executed, len(movements))
        chosen = np.sort(np.random.default_rng(self.seed).permutation(len(movements))[:count])
        done = execute(self.robot, [as_joints(movements[i], space) for i in chosen], options.bar)
        error = np.linalg.norm(done.end - goals[chosen], axis=1)
        peaks = done.peak / self.demonstrated_peak
        made = demonstrations(self.seed, space)
        own = np.array([_peak(movements[i]) for i in chosen]) / made.speeds().peak
        return {
            "executed": len(chosen),
            "hits": int(done.hit.sum()),
            "table_hits": int(done.table.sum()),
            "which_hit": [int(i) for i in chosen[done.hit]],
            "end_error_median": float(np.median(error)),
            "end_error_worst": float(error.max()),
            "peak_median": float(np.median(peaks)),
            "peak_worst": float(peaks.max()),
            "own_peak_median": float(np.median(own)),
            "own_peak_worst": float(own.max()),
            "tracking_worst": float(done.tracking.max()),
        }

    def generalise(self, space: str) -> dict[str, Any]:
        """Gaussian processes from the start's place to the parameters of DMPs, one for each goal, and new starts."""
        return _generalise(self, space)


def _gaps(made: Any, tree: Any, papers: Any = Hierarchical()) -> dict[str, Any]:
    """Medians of the largest gap of each movement, by our search and by the paper's, and their ratio."""
    medians = {}
    for kind, search in (("flat", Flat()), ("hierarchical", papers)):
        planner = MovementGraph(made, search, tree=tree)
        paths = [planner.find(*query) for query in queries(made)]
        medians[kind] = float(np.median([path.gaps.max() for path in paths if len(path.gaps)]))
    return {**medians, "gap_ratio": medians["hierarchical"] / medians["flat"]}


def _peak(movement: Trajectory) -> float:
    """The highest speed, in the movement's own space."""
    step = np.linalg.norm(np.diff(np.asarray(movement.ys), axis=0), axis=1)
    return float(np.max(step / np.diff(np.asarray(movement.ts))))


_SAMPLES = 400  # of a generalised movement


def _seen(places: Float[np.ndarray, "place 2"]) -> Float[np.ndarray, "place 2"]:
    """Places on the table (m) as a camera sees them, with a systematic error of 0.85 cm whose direction changes over the table."""
    turn = 2.0 * places[:, 0] + 3.0 * places[:, 1]
    return places + VISION * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _generalise(study: Any, space: str) -> dict[str, Any]:
    """New starts, each to one of the goals in turn, played by DMPs whose parameters a Gaussian process gives, and executed."""
    made, dmp = demonstrations(study.seed, space), dmp_for(space)
    found = study.kept(f"{space}-flat")
    starts = SCENE.starts(study.preset.starts, np.random.default_rng(1000 + study.seed))
    where = np.array([place_of(space, m.ys[0])[:2] for m in found])
    goals = np.array([item.ys[-1] for item in demonstrations(study.seed, "cartesian")])[::5]
    ends = np.array([place_of(space, m.ys[-1]) for m in found])
    nearest = np.linalg.norm(ends[:, None] - goals, axis=-1).argmin(axis=1)
    look = look_of(space)
    speeds: dict[str, Any] = {"max_speed": made.speeds().peak}
    if look is not None:
        speeds |= {"kinematics": look, "max_task_speed": made.speeds(look).peak}
    move = jax.jit(jax.vmap(dmp.trajectory))
    before = study.kept("cartesian-generalised") if space == "joint" else []
    movements: list[Any] = [None] * len(starts)
    deviation, trusted, ways = np.zeros(len(starts)), np.zeros(len(starts), bool), []
    for goal in range(min(len(goals), len(starts))):
        mine = np.arange(goal, len(starts), len(goals))
        own = [found[i] for i in np.flatnonzero(nearest == goal)]
        labels = routes(own, distance=0.15 if space == "cartesian" else 0.4)
        process = GaussianProcess.fit(
            dmp, _seen(where[nearest == goal]), imitate(dmp, own), routes=labels,
            restarts=study.preset.restarts, seed=study.seed, **speeds,
        )  # fmt: skip
        ways.append(int(labels.max()) + 1)
        said = jax.jit(jax.vmap(process.predict))(jnp.asarray(_seen(starts[mine, :2])))
        params = said.params
        if space == "joint":
            # As in the paper, weights, tau and goal are predicted; the arm starts where it has grasped the object.
            grasped = np.array([before[i].ys[0] for i in mine])
            params = eqx.tree_at(lambda p: p.start, params, jnp.asarray(joints(SCENE, grasped)))
            params = jax.jit(jax.vmap(process.slowed))(params)
        ts = params.tau[:, None] * jnp.linspace(0.0, 1.0, _SAMPLES)
        ys = move(params, ts)
        deviation[mine], trusted[mine] = np.asarray(said.deviation), np.asarray(said.trusted)
        for i, t, y in zip(mine, np.asarray(ts, float), np.asarray(ys, float), strict=True):
            movements[i] = Trajectory(t, y)
    study.keep(f"{space}-generalised", movements)
    result = study.executed(movements, goals[np.arange(len(starts)) % len(goals)], space)
    begin = np.array([place_of(space, m.ys[0]) for m in movements])
    off = np.linalg.norm(begin - starts, axis=1)
    return {
        **result,
        "starts": len(starts),
        "start_error_median": float(np.median(off)),
        "start_error_worst": float(off.max()),
        "routes": ways,
        "trusted": int(trusted.sum()),
        "deviation_median": float(np.median(deviation)),
    }
