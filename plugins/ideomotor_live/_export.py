"""Programs of components out of Python: StableHLO, ONNX or C, each with a card and a numerical check."""

import ctypes
import hashlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import ideomotor
from ideomotor import Pipeline, leaf_quantities, new_folder, plain_object, write_bytes, write_json, write_text
from ideomotor.errors import AssemblyError, IdeomotorError

from ._c import to_c

TARGETS = ("stablehlo", "onnx", "c")
_REPEATS = 20  # of a C program, to time it
_TOLERANCE = 1e-5  # relative to the largest output, or to one


class Program(NamedTuple):
    """A function of one component: named arguments in, named results out."""

    name: str
    function: Callable[..., dict[str, Any]]
    arguments: dict[str, Any]


def programs(component: Any, ts: np.ndarray) -> Iterator[Program]:
    """What a component is made of, as functions of arrays; `ts` (s) are the times of a movement."""
    if isinstance(component, Pipeline):
        observation, primitive = component.default_observation(), component.primitive
        if component.planner is not None:
            raise AssemblyError("A pipeline with a planner has no program of fixed size; export its parts.")
        yield Program(
            "params",
            lambda observation: {"params": component.params(observation)},
            {"observation": observation},
        )
        yield from programs(primitive, ts)
        return
    if plain_object(component) is not component:
        raise AssemblyError(
            f"{type(plain_object(component)).__name__} runs on the host and is no program of JAX; export the other parts."
        )
    if isinstance(component, ideomotor.AbstractPerception):
        given = {"observation": component.default_observation()}
        yield Program("params", lambda observation: {"params": component(observation)}, given)
    elif isinstance(component, ideomotor.AbstractFeedforwardPrimitive):
        given = {"params": component.default_params(), "ts": np.asarray(ts, np.float32)}
        yield Program("trajectory", lambda params, ts: {"command": component.trajectory(params, ts)}, given)
    elif isinstance(component, ideomotor.AbstractFeedbackPrimitive):
        params = component.default_params()
        yield Program("init", lambda params: {"state": component.init(params)}, {"params": params})

        def step(state, feedback, params, dt) -> dict[str, Any]:
            state, command = component.step(state, feedback, params, dt)
            return {"state": state, "command": command}

        dt = np.float32(ts[1] - ts[0])
        given = {
            "state": component.init(params),
            "feedback": component.default_feedback(),
            "params": params,
            "dt": dt,
        }
        yield Program("step", step, given)
    elif isinstance(component, ideomotor.AbstractPlant):
        dt = np.float32(ts[1] - ts[0])
        given = {"state": component.default_state(), "command": component.default_command(), "dt": dt}
        yield Program("step", lambda state, command, dt: {"state": component.step(state, command, dt)}, given)
        observe = {"state": component.default_state()}
        yield Program("observe", lambda state: {"feedback": component.observe(state)}, observe)
    else:
        raise AssemblyError(f"export takes a component or a pipeline, not {component!r:.80}.")


def export(
    component: Any, folder: Path | str, *, to: str = "stablehlo", ts: Any = None, examples: int = 1000
) -> dict[str, Any]:
    """Write the programs of a component or a pipeline into a new folder, with card.json and README.md; returns the card.

    - `to`: `"stablehlo"` (`jax.export`; read again by JAX alone), `"onnx"` (`pip install jax2onnx onnxruntime`) or `"c"` (C99
      without dependencies).
    - `ts`: times (s) of a movement, which a feedforward primitive gives at once; by default 101 from 0 to 1 s.
    - `examples`: random inputs on which the written program is compared with Python.

    Raises an `IdeomotorError` that says why a program cannot be written, or that it differs.
    """
    if to not in TARGETS:
        raise ValueError(f"to must be one of {', '.join(TARGETS)}, not {to!r}.")
    ts = np.linspace(0.0, 1.0, 101) if ts is None else np.asarray(ts, float)
    card: dict[str, Any] = {
        "format": to,
        "jax": jax.__version__,
        "ideomotor": ideomotor.__version__,
        "programs": {},
    }
    with new_folder(Path(folder)) as place:
        for program in programs(component, ts):
            flat = _Flat(program)
            try:
                run, files = _WRITERS[to](flat, place)
            except IdeomotorError:
                raise
            except NotImplementedError as error:
                raise IdeomotorError(f"{program.name} cannot be written as {to}: {error}.") from error
            difference = flat.compare(run, examples)
            if not difference <= _TOLERANCE:
                raise IdeomotorError(
                    f"{program.name} as {to} differs from Python by {difference:.2g} of its largest output, more than {_TOLERANCE:g}; "
                    f"nothing was written. Please report it."
                )
            card["programs"][program.name] = {
                "files": {name: hashlib.sha256((place / name).read_bytes()).hexdigest() for name in files},
                "inputs": flat.described(flat.inputs, flat.examples, flat.units(program.arguments)),
                "outputs": flat.described(flat.outputs, flat.results, [""] * len(flat.outputs)),
                "compared": {
                    "examples": examples,
                    "largest_difference": difference,
                    "us_per_call": 1e6 * float(np.median(flat.seconds)),
                },
            }
        write_json(place / "card.json", card)
        write_text(place / "README.md", _readme(card))
    return card


class _Flat:
    """A program as a function from a list of arrays to a list of arrays, and their names."""

    def __init__(self, program: Program):
        self.seconds: list[float] = []  # per call
        self.alone = False  # whether the program itself is timed, without the way to it
        leaves, tree = jax.tree_util.tree_flatten_with_path(program.arguments)
        self.name = program.name
        self.inputs = _unique([_word(path) for path, _ in leaves])
        self.examples = [
            np.asarray(leaf, jax.dtypes.canonicalize_dtype(np.asarray(leaf).dtype)) for _, leaf in leaves
        ]

        def function(*arrays):
            return [
                jax.numpy.asarray(x)
                for x in jax.tree.leaves(program.function(**jax.tree.unflatten(tree, arrays)))
            ]

        self.function = function
        self.shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in self.examples]
        made = jax.jit(program.function)(**program.arguments)
        self.outputs = _unique(
            ["out_" + _word(path) for path, _ in jax.tree_util.tree_flatten_with_path(made)[0]]
        )
        self.results = [np.asarray(x) for x in jax.tree.leaves(made)]

    def units(self, arguments: dict[str, Any]) -> list[str]:
        known = {"dt": "s", "ts": "s"}
        return [
            known.get(name) or quantity.unit
            for name, quantity in zip(self.inputs, leaf_quantities(arguments), strict=True)
        ]

    def described(self, names: list[str], arrays: list[np.ndarray], units: list[str]) -> list[dict[str, Any]]:
        return [
            {"name": name, "shape": list(array.shape), "dtype": str(array.dtype), "unit": unit}
            for name, array, unit in zip(names, arrays, units, strict=True)
        ]

    def compare(self, run: Callable[..., Any], examples: int) -> float:
        """The largest difference, relative to the largest output or one, over random inputs near the defaults."""
        draw, ours, worst = np.random.default_rng(0), jax.jit(self.function), 0.0
        for _ in range(examples):
            given = [
                _varied(draw, name, array) for name, array in zip(self.inputs, self.examples, strict=True)
            ]
            began = time.perf_counter()
            theirs = [np.array(one) for one in run(*given)]
            if not self.alone:
                self.seconds.append(time.perf_counter() - began)
            for one, two in zip(ours(*given), theirs, strict=True):
                one, two = np.asarray(one, float), np.asarray(two, float)
                if not np.array_equal(np.isnan(one), np.isnan(two)):
                    return float("inf")
                size = max(1.0, float(np.nanmax(np.abs(one), initial=0.0)))
                worst = max(worst, float(np.nanmax(np.abs(one - two), initial=0.0)) / size)
        return worst


def _write_stablehlo(flat: _Flat, folder: Path) -> tuple[Callable[..., Any], list[str]]:
    try:
        written = jax.export.export(jax.jit(flat.function))(*flat.shapes).serialize()
    except ImportError as error:
        raise IdeomotorError("StableHLO needs flatbuffers: pip install ideomotor[live].") from error
    write_bytes(folder / f"{flat.name}.stablehlo", bytes(written))
    return jax.jit(jax.export.deserialize(written).call), [f"{flat.name}.stablehlo"]


def _write_onnx(flat: _Flat, folder: Path) -> tuple[Callable[..., Any], list[str]]:
    try:
        import jax2onnx  # pyright: ignore[reportMissingImports]
        import onnxruntime  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise IdeomotorError(
            "ONNX needs jax2onnx and onnxruntime: pip install jax2onnx onnxruntime."
        ) from error
    path = folder / f"{flat.name}.onnx"
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    try:
        model = jax2onnx.to_onnx(flat.function, inputs=flat.shapes, model_name=flat.name)
        write_bytes(path, model.SerializeToString())
        running = onnxruntime.InferenceSession(str(path), quiet, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise IdeomotorError(f"jax2onnx cannot translate {flat.name}: {reason}") from error
    names = [one.name for one in running.get_inputs()]
    return lambda *given: running.run(None, dict(zip(names, given, strict=True))), [path.name]


def _write_c(flat: _Flat, folder: Path) -> tuple[Callable[..., Any], list[str]]:
    if any(array.dtype != np.float32 for array in (*flat.examples, *flat.results)):
        raise IdeomotorError(
            f"{flat.name} takes or gives whole numbers, and C is written for float32 only; export to stablehlo."
        )
    name = f"ideomotor_{flat.name}"
    source = to_c(flat.function, flat.shapes, name, flat.outputs, flat.inputs)
    given = [f"const float *{label}" for label in flat.inputs] + [f"float *{label}" for label in flat.outputs]
    files = {f"{flat.name}.c": source, f"{flat.name}.h": f"void {name}({', '.join(given)});\n"}
    for file, text in files.items():
        write_text(folder / file, text)
    compiler = shutil.which("cc")
    if compiler is None:
        raise IdeomotorError(
            "The C program cannot be compared with Python without a compiler; install one as `cc`."
        )
    with tempfile.TemporaryDirectory() as build:
        library, timed = Path(build) / "program.so", Path(build) / "timed.c"
        labels = ", ".join((*flat.inputs, *flat.outputs))
        repeat = (
            f"void repeat(int n, {', '.join(given)}) {{ for (int k = 0; k < n; k++) {name}({labels}); }}\n"
        )
        timed.write_text(source + repeat)
        command = [compiler, "-std=c99", "-O2", "-fPIC", "-shared", "-o", str(library), str(timed), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise IdeomotorError(f"{compiler} does not compile {flat.name}.c: {done.stderr[:300]}")
        compiled = ctypes.CDLL(str(library))
    results, flat.alone = [np.zeros(array.shape, np.float32) for array in flat.results], True

    def run(*arrays):
        held = [np.ascontiguousarray(array, np.float32) for array in arrays]
        pointers = [array.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) for array in (*held, *results)]
        compiled[name](*pointers)
        began = time.perf_counter()
        compiled.repeat(_REPEATS, *pointers)
        flat.seconds.append((time.perf_counter() - began) / _REPEATS)
        return results

    return run, list(files)


_WRITERS = {"stablehlo": _write_stablehlo, "onnx": _write_onnx, "c": _write_c}


def _varied(draw: np.random.Generator, name: str, array: np.ndarray) -> np.ndarray:
    """Near the example; positive single numbers stay positive, and times stay as they are."""
    if array.dtype.kind != "f" or name == "ts":
        return array
    noise = np.clip(draw.normal(size=array.shape), -3, 3)
    moved = array * (1 + 0.1 * noise) + (0.1 * noise if array.ndim else 0)
    return np.asarray(moved, array.dtype)


def _word(path: Any) -> str:
    return re.sub(r"\W+", "_", jax.tree_util.keystr(path)).strip("_") or "value"


def _unique(names: list[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name}_{k}" for k, name in enumerate(names)]


def _readme(card: dict[str, Any]) -> str:
    lines = [f"# Programs in {card['format']}", ""]
    for name, program in card["programs"].items():
        lines += [
            f"## {name}: {', '.join(program['files'])}",
            "",
            "| | name | shape | unit |",
            "|---|---|---|---|",
        ]
        for way in ("inputs", "outputs"):
            lines += [
                f"| {way[:-1]} | `{x['name']}` | {x['shape']} {x['dtype']} | {x['unit']} |"
                for x in program[way]
            ]
        compared = program["compared"]
        lines += [
            "",
            f"Compared with Python on {compared['examples']} random inputs: differs by {compared['largest_difference']:.2g} of "
            f"its largest output (or of one) at most.",
            "",
        ]
    return "\n".join(lines)
