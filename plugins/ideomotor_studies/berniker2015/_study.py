"""The paper's experiments, one function each, and the run folder that holds what came of them."""

import dataclasses
import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ideomotor
from ideomotor import Pipeline
from ideomotor.errors import IdeomotorError, UnknownNameError, did_you_mean
from ideomotor_trajectory_network import (
    ConditionsNetwork,
    OptimalReaches,
    ReachProblem,
    Trainer,
    TrajectoryDecoder,
    adam,
    centre_out,
    commands_and_states,
    conditions_of,
    euler_lagrange,
    improve_through_forward_model,
    improve_through_plant,
    linear_function,
    optimal_reaches,
    optimise_through_plant,
    play_all,
    sample_reaches,
    self_train,
)

from . import _beyond, _figures, _report
from ._settings import CONSTANTS, PRESETS, Constants, Preset

FIELDS = ("counter-clockwise", "null", "clockwise")  # c < 0, 0, > 0, as the paper names them
PACKAGES = ("ideomotor", "jax", "equinox", "diffrax", "optax", "numpy")
ORACLE = 60  # reaches that are solved a second time by Euler and Lagrange


def reproduce(
    folder: Path | str,
    *,
    preset: str = "cpu",
    constants: str = "figures",
    seed: int = 0,
    resume: bool = False,
    say: Callable[[str], Any] = lambda text: None,
) -> dict[str, Any]:
    """Run the whole study into a folder; returns the results by stage, also written to `results.json`.

    - `preset`: a name in `PRESETS`; `constants`: a name in `CONSTANTS`.
    - `resume`: keep the stages that the folder has; they must be of the same preset, constants and seed.
    """
    for name, known in ((preset, PRESETS), (constants, CONSTANTS)):
        if name not in known:
            raise UnknownNameError(f"There is no setting {name!r}.{did_you_mean(name, known)}")
    run = Run(Path(folder), {"preset": preset, "constants": constants, "seed": seed}, resume, say)
    study = Study(PRESETS[preset], CONSTANTS[constants], seed, run)
    study.all()
    results = run.results
    run.write_json("results.json", results)
    (run.folder / "table.md").write_text(_report.table(results, preset, constants))
    return results


class Run:
    """A run folder: `config.json`, a JSON file for each stage, `metrics.jsonl`, figures, saved functions."""

    def __init__(self, folder: Path, config: dict[str, Any], resume: bool, say: Callable[[str], Any]):
        self.folder, self.say, self.results = folder, say, {}
        path = folder / "config.json"
        if path.exists() and resume:
            found = json.loads(path.read_text())
            if {key: found.get(key) for key in config} != config:
                raise IdeomotorError(f"{folder} is a run of {found}, not of {config}; choose another folder.")
        elif folder.exists() and any(folder.iterdir()):
            raise IdeomotorError(
                f"{folder} is not empty; choose another folder, or give --resume to go on with it."
            )
        for name in ("stages", "figures"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.write_json("config.json", {**config, "versions": {name: version(name) for name in PACKAGES}})

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file whole or not at all."""
        temporary = self.folder / f".{name.replace('/', '-')}"
        temporary.write_text(json.dumps(value, indent=2) + "\n")
        temporary.replace(self.folder / name)

    def stage(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of a stage: read from the folder, or made and written."""
        path = self.folder / "stages" / f"{name}.json"
        if path.exists():
            self.results[name] = json.loads(path.read_text())
            self.say(f"{name}: kept from before")
            return self.results[name]
        self.say(f"{name} …")
        cpu, wall = time.process_time(), time.perf_counter()
        result = make()
        result["cpu_s"], result["wall_s"] = time.process_time() - cpu, time.perf_counter() - wall
        self.results[name] = result
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"stage": name, **result}) + "\n")
        self.write_json(f"stages/{name}.json", result)
        self.say(_report.line(name, result))
        return result

    def keep(self, name: str, function: Pipeline, metrics: dict[str, Any]) -> None:
        """Save a trajectory function."""
        numbers = {key: value for key, value in metrics.items() if isinstance(value, float)}
        ideomotor.save(function, self.folder / name, metrics=numbers, overwrite=True)

    def kept(self, name: str) -> Pipeline:
        """A saved trajectory function."""
        return ideomotor.load(self.folder / name)


@dataclasses.dataclass
class Study:
    """The experiments, in the order of the paper."""

    preset: Preset
    constants: Constants
    seed: int
    run: Run

    def __post_init__(self):
        arm = ideomotor.make("two-link-arm", damping=0.0)
        field = ideomotor.make("joint-curl-field", plant=arm, strength=0.0)
        self.problem = ReachProblem(field, terminal=self.constants.terminal)
        self.free = ReachProblem(arm, terminal=self.constants.terminal)
        start, target = centre_out()
        self.test_start, self.test_target = np.tile(start, (3, 1)), np.tile(target, (3, 1))
        self.test_field = np.repeat(np.array([-1.0, 0.0, 1.0]) * self.constants.field, len(start))

    def all(self) -> None:
        """Every stage."""
        self.data()
        for name, make in (
            ("constants", self._constants),
            ("oracle", self._oracle),
            ("pca", self._pca),
            ("network", self._network),
            ("self-trained", self._self_trained),
            ("optimised", self._optimised),
            ("optimised-gradient", self._optimised_gradient),
            ("optimised-forward-model", self._optimised_forward),
            ("beyond", lambda: _beyond.results(self)),
        ):
            if name != "optimised-gradient" or self.preset.gradient_steps:
                self.run.stage(name, make)
        _figures.write(self)

    def data(self) -> None:
        """Optimal reaches to train on and to test on, from the folder if they are there."""
        path, rng = self.run.folder / "data.npz", np.random.default_rng(self.seed)
        count, fields = self.preset.reaches, np.array([-1.0, 0.0, 1.0]) * self.constants.field
        start, target = sample_reaches(rng, count)
        field = np.resize(fields, count)
        order = rng.permutation(count)

        def make():
            cpu = time.process_time()
            reaches = optimal_reaches(self.problem, start, target, field=field)
            cpu = time.process_time() - cpu
            test = optimal_reaches(self.problem, self.test_start, self.test_target, field=self.test_field)
            arrays = {
                f"{kind}_{name}": value
                for kind, many in (("all", reaches), ("test", test))
                for name, value in many._asdict().items()
            }
            with path.with_suffix(".part").open("wb") as file:
                np.savez(file, **arrays)
            path.with_suffix(".part").replace(path)
            return {
                "reaches": count,
                "converged": float(reaches.converged.mean()),
                "reaches_cpu_s": cpu,
                "optimal_end": self._by_field(_end_errors(test.states, test.target)),
            }

        stage = self.run.folder / "stages" / "data.json"
        if not path.exists():
            stage.unlink(missing_ok=True)
        self.run.stage("data", make)
        with np.load(path) as file:
            names = OptimalReaches._fields
            every, self.test = (
                OptimalReaches(*(file[f"{kind}_{name}"] for name in names)) for kind in ("all", "test")
            )
        # A reach that the solver has not finished is no example of an optimal one.
        order = order[every.converged[order]]
        self.training, self.validation = (
            every[order[: self.preset.training]],
            every[order[self.preset.training :]],
        )

    def networks(
        self, field: float, durations=1.0, basis=None
    ) -> tuple[ConditionsNetwork, TrajectoryDecoder]:
        """An untrained pair of the preset's size."""
        p = self.preset
        conditions = ConditionsNetwork(
            p.latent,
            (p.conditions_hidden,),
            field=field,
            durations=durations,
            activation=p.activation,
            output=p.features,
            key=jax.random.key(self.seed),
        )
        decoder = TrajectoryDecoder(
            p.latent, (p.decoder_hidden,), basis, p.activation, "linear", key=jax.random.key(self.seed + 1)
        )
        return conditions, decoder

    def trainer(self) -> Trainer:
        """The preset's."""
        p = self.preset
        return Trainer(p.steps, p.final, optimiser=lambda steps: adam(steps, p.rate), seed=self.seed)

    def numbers(self, function_or_pair, reaches: OptimalReaches):
        """Scaled conditions and movements of reaches."""
        conditions, decoder = function_or_pair
        inputs = jax.vmap(conditions.inputs)(_observed(conditions, reaches))
        return inputs, decoder.scaled(jnp.asarray(reaches.states), jnp.asarray(reaches.commands))

    def error(self, function: Pipeline, reaches: OptimalReaches) -> float:
        """Root mean square over scaled states and commands, of what the function says."""
        _, wanted = self.numbers((function.perception, function.primitive), reaches)
        codes = jax.vmap(function.perception)(_observed(function.perception, reaches))
        found = jax.vmap(function.primitive.outputs)(codes.latent)
        return float(jnp.sqrt(jnp.mean((found - wanted) ** 2)))

    def played(self, function: Pipeline, reaches: OptimalReaches):
        """What the function says, and what its commands do to the arm."""
        samples = reaches.commands.shape[1]
        us, expected = commands_and_states(function, _observed(function.perception, reaches), samples)
        problem = self.problem if function.perception.field > 0 else self.free
        moved = play_all(problem, reaches.start, np.asarray(us), reaches.field, reaches.duration)
        return moved, np.asarray(expected)

    def _by_field(self, values: np.ndarray) -> list[float]:
        return [float(part.mean()) for part in np.split(values, 3)]

    def _judged(self, function: Pipeline) -> dict[str, Any]:
        moved, _ = self.played(function, self.test)
        tests = [self.test[rows] for rows in np.split(np.arange(len(self.test.start)), 3)]
        return {
            "training": self.error(function, self.training),
            "validation": self.error(function, self.validation),
            "test": [self.error(function, test) for test in tests],
            "end": self._by_field(_end_errors(moved.states, self.test.target)),
        }

    def _constants(self) -> dict[str, Any]:
        """What the best reaches are like under either setting of the constants."""
        found = {}
        for name, constants in CONSTANTS.items():
            problem = ReachProblem(self.problem.plant, terminal=constants.terminal)
            field = np.sign(self.test_field) * constants.field
            reaches = optimal_reaches(problem, self.test_start, self.test_target, field=field)
            found[name] = {
                "end": self._by_field(_end_errors(reaches.states, reaches.target)),
                "lateral": self._by_field(_lateral(reaches)),
                "rms_command": self._by_field(np.sqrt((reaches.commands**2).mean((1, 2)))),
                "converged": float(reaches.converged.mean()),
            }
        return found

    def _oracle(self) -> dict[str, Any]:
        """How far the cost of held commands is from the continuous optimum; it falls to a quarter with twice the samples."""
        some = self.training[: min(ORACLE, len(self.training.start))]
        exact = euler_lagrange(self.problem, some)
        twice = ReachProblem(
            self.problem.plant, terminal=self.constants.terminal, samples=2 * self.problem.samples - 1
        )
        finer = optimal_reaches(twice, some.start, some.target, field=some.field)
        good, cost = np.asarray(exact.residual) < 1e-6, np.asarray(exact.cost)
        result: dict[str, Any] = {"reaches": int(good.size), "oracle_converged": float(good.mean())}
        for name, reaches in (("", some), ("_twice_the_samples", finer)):
            difference = (np.abs(reaches.cost - cost) / cost)[good]
            result["median_difference" + name] = float(np.median(difference))
            result["largest_difference" + name] = float(difference.max())
        return result

    def _pair(self):
        conditions, decoder = self.networks(self.constants.field)
        return conditions, decoder.scaled_to(self.training.states, self.training.commands)

    def _pca(self) -> dict[str, Any]:
        pair = self._pair()
        function = linear_function(*pair, *self.numbers(pair, self.training))
        result = self._judged(function)
        self.run.keep("pca", function, result)
        return result

    def _network(self) -> dict[str, Any]:
        pair = self._pair()
        function = self.trainer().function(*pair, *self.numbers(pair, self.training))
        result = self._judged(function)
        self.run.keep("network", function, result)
        return result

    def null_test(self) -> OptimalReaches:
        """The test reaches without a field."""
        return self.test[self.test.field == 0]

    def _distance(self, function: Pipeline) -> dict[str, Any]:
        """Distance of what the function says from what would be optimal, and where its commands end."""
        test = self.null_test()
        moved, expected = self.played(function, test)
        optimal = np.concatenate([test.states, test.commands], -1)
        said = np.concatenate([expected, moved.commands], -1)
        # In the scale of the optimal reaches, so that the distances of all functions can be compared.
        scale = self.run.kept("network").primitive
        span = np.asarray(scale.high - scale.low)
        return {
            "distance": float(np.sqrt((((said - optimal) / span) ** 2).mean())),
            "end": float(_end_errors(moved.states, test.target).mean()),
            "cost": float(self._cost(moved, test).mean()),
            "optimal_cost": float(test.cost.mean()),
            "end_speed": float(np.linalg.norm(moved.states[:, -1, 2:], axis=1).mean()),
        }

    def _cost(self, moved, test):
        dt = test.duration / (moved.commands.shape[1] - 1)
        miss = moved.states[:, -1] - np.concatenate([test.target, np.zeros_like(test.target)], -1)
        effort = 0.5 * dt * (moved.commands[:, :-1] ** 2).sum((1, 2))
        return effort + 0.5 * self.constants.terminal * (miss**2).sum(1)

    def _self_trained(self) -> dict[str, Any]:
        conditions, decoder = self.networks(0.0)
        function, rounds = self_train(
            self.free,
            conditions,
            decoder,
            self.trainer(),
            rounds=self.preset.rounds,
            count=self.preset.self_count,
            seed=self.seed,
        )
        last = rounds[-1]
        path = self.run.folder / "own_movements.npz"
        np.savez(path, first=rounds[0].states[:60], last=last.states[:60])
        observed = conditions_of(last.start, last.end)
        us, expected = commands_and_states(function, observed, self.free.samples)
        span = np.asarray(function.primitive.high - function.primitive.low)
        wrong = (np.concatenate([expected - last.states, us - last.commands], -1) / span) ** 2
        moved = [float(100 * np.linalg.norm(m.end - m.start, axis=1).mean()) for m in rounds]
        result = {"training": float(np.sqrt(wrong.mean())), "displacement": moved, **self._distance(function)}
        self.run.keep("self-trained", function, result)
        return result

    def _optimised(self) -> dict[str, Any]:
        function = improve_through_plant(
            self.free,
            self.run.kept("self-trained"),
            self.trainer(),
            rounds=self.preset.improve_rounds,
            count=self.preset.self_count,
            seed=self.seed,
        )
        result = self._distance(function)
        self.run.keep("optimised", function, result)
        return result

    def _optimised_gradient(self) -> dict[str, Any]:
        function = optimise_through_plant(
            self.softer(), self.run.kept("self-trained"), steps=self.preset.gradient_steps, seed=self.seed
        )
        result = {"steps": self.preset.gradient_steps, **self._distance(function)}
        self.run.keep("optimised-gradient", function, result)
        return result

    def softer(self) -> ReachProblem:
        """The problem for plain descent: a hundredth of a large Φ has the same optimum to a hundredth of a millimetre,
        and a less crooked valley on the way there.
        """
        return ReachProblem(self.free.plant, terminal=min(self.constants.terminal, 1e4))

    def _optimised_forward(self) -> dict[str, Any]:
        function = improve_through_forward_model(
            self.free,
            self.run.kept("self-trained"),
            self.trainer(),
            rounds=self.preset.forward_rounds,
            count=self.preset.self_count,
            seed=self.seed,
        )
        result = {"rounds": self.preset.forward_rounds, **self._distance(function)}
        self.run.keep("optimised-forward-model", function, result)
        return result


def _observed(conditions: ConditionsNetwork, reaches: OptimalReaches) -> dict[str, jax.Array]:
    field = reaches.field if conditions.field > 0 else None
    return conditions_of(reaches.start, reaches.target, field, reaches.duration if conditions.timed else None)


def _end_errors(states: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Distance from the target at the end, in cm."""
    return 100 * np.linalg.norm(states[:, -1, :2] - target, axis=-1)


def _lateral(reaches: OptimalReaches) -> np.ndarray:
    """The farthest that a reach goes to the side of the straight line to its target, in cm."""
    along = reaches.target - reaches.start
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    away = reaches.states[..., :2] - reaches.start[:, None]
    across = away[..., 0] * along[:, None, 1] - away[..., 1] * along[:, None, 0]
    return 100 * np.abs(across).max(1)
