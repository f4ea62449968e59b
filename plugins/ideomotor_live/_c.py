"""A program of JAX as C99 without dependencies: fixed sizes, no memory asked for, float32.

Each operation of the traced program becomes a loop over its output. What only moves numbers (reshape, transpose, slice, …) is
carried out here, on their places, and becomes a table of where each number comes from.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from ideomotor.errors import IdeomotorError

_BINARY = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "eq": "{} == {}", "ne": "{} != {}", "lt": "{} < {}",
           "le": "{} <= {}", "gt": "{} > {}", "ge": "{} >= {}", "and": "{} & {}", "or": "{} | {}",
           "atan2": "atan2f({}, {})", "pow": "powf({}, {})"}  # fmt: skip
_UNARY = {"neg": "-{}", "not": "!{}", "logistic": "1.0f / (1.0f + expf(-{}))", "rsqrt": "1.0f / sqrtf({})",
          "is_finite": "isfinite({})", "square": "{0} * {0}", "abs": "fabsf({})", "round": "rintf({})",
          "sign": "({0} > 0) - ({0} < 0)"}  # fmt: skip
_UNARY |= {
    name: name + "f({})"
    for name in "exp exp2 expm1 log log1p sin cos tan asin acos atan sinh cosh tanh sqrt cbrt floor ceil erf".split()
}
_SAME = {
    "copy",
    "copy_p",
    "stop_gradient",
    "optimization_barrier",
    "convert_element_type",
    "reduce_precision",
    "device_put",
}
_MOVED = {"reshape", "squeeze", "transpose", "broadcast_in_dim", "slice", "rev", "expand_dims"}
_CALLED = {"jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call",
           "custom_vjp_call_jaxpr", "custom_lin"}  # fmt: skip
_REDUCED = {"reduce_sum": ("0", "{} + {}"), "reduce_prod": ("1", "{} * {}"), "reduce_max": ("-INFINITY", "fmaxf({}, {})"),
            "reduce_min": ("INFINITY", "fminf({}, {})"), "reduce_and": ("1", "{} & {}"), "reduce_or": ("0", "{} | {}")}  # fmt: skip


class CannotTranslate(IdeomotorError):
    """An operation has no translation; the message names it."""


def to_c(
    function: Callable[..., Any],
    arguments: Sequence[Any],
    name: str,
    outputs: Sequence[str],
    inputs: Sequence[str],
) -> str:
    """The C source of `void NAME(const float *INPUT, …, float *OUTPUT, …)` for a function from arrays to a list of arrays.

    Raises a `CannotTranslate` that names the operation for which there is no translation.
    """
    closed = jax.make_jaxpr(function)(*arguments)
    writer = _Writer()
    for variable, label in zip(closed.jaxpr.invars, inputs, strict=True):
        writer.names[variable] = label
    results = writer.program(closed)
    body = [*writer.lines]
    for result, label in zip(results, outputs, strict=True):
        body.append(f"for (int i = 0; i < {result.size}; i++) {label}[i] = {result.at('i')};")
    given = [f"const float *{label}" for label in inputs] + [f"float *{label}" for label in outputs]
    head = [
        "#include <math.h>",
        "",
        *writer.constants,
        *writer.arrays,
        "",
        f"void {name}({', '.join(given)}) {{",
    ]
    return "\n".join([*head, *("  " + line for line in body), "}", ""])


class _Value:
    """An array in C: its name, size and shape; a constant of one number stands as itself."""

    def __init__(self, name: str, shape: tuple[int, ...], literal: bool = False):
        self.name, self.shape, self.literal = name, shape, literal
        self.size = math.prod(shape)

    def at(self, index: str) -> str:
        return self.name if self.literal else f"{self.name}[{index}]"


class _Writer:
    def __init__(self):
        self.lines: list[str] = []
        self.arrays: list[str] = []
        self.constants: list[str] = []
        self.names: dict[Any, Any] = {}
        self.count = 0

    def program(self, closed: Any, arguments: Sequence[_Value] | None = None) -> list[_Value]:
        """The lines of a traced program with these arguments; its results."""
        whole = isinstance(closed, ClosedJaxpr)
        jaxpr, constants = (closed.jaxpr, closed.consts) if whole else (closed, ())
        known: dict[Any, _Value] = {}
        for variable, constant in zip(jaxpr.constvars, constants, strict=True):
            known[variable] = self.constant(np.asarray(constant))
        for k, variable in enumerate(jaxpr.invars):
            given = None if arguments is None else arguments[k]
            known[variable] = given or _Value(self.names[variable], variable.aval.shape)
        read = lambda v: self.constant(np.asarray(v.val)) if isinstance(v, Literal) else known[v]  # noqa: E731
        for equation in jaxpr.eqns:
            for variable, value in zip(
                equation.outvars, self.operation(equation, [read(v) for v in equation.invars]), strict=True
            ):
                known[variable] = value
        return [read(v) for v in jaxpr.outvars]

    def operation(self, equation: Any, given: list[_Value]) -> list[_Value]:
        """The results of one operation."""
        name, params = equation.primitive.name, equation.params
        shapes = [v.aval.shape for v in equation.outvars]
        kinds = [v.aval.dtype.kind for v in equation.outvars]
        if name in _CALLED:
            inner = next(params[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in params)
            return self.program(inner, given)
        if name == "scan":
            return self.scan(params, given, shapes)
        if name == "cond":
            return self.cond(params, given, shapes)
        if name == "optimization_barrier":
            return given
        if name in ("concatenate", "stack"):
            return [self.joined(equation, given, shapes[0])]
        if name == "split":
            return [
                self.moved(given[0], index) for index in equation.primitive.bind(_places(given[0]), **params)
            ]
        if name in _MOVED:
            return [self.moved(given[0], equation.primitive.bind(_places(given[0]), **params))]
        if name == "iota":
            return [self.constant(np.asarray(equation.primitive.bind(**params)))]
        if name == "dot_general":
            return [self.product(params, given, shapes[0])]
        if name in _REDUCED:
            return [self.reduced(name, params["axes"], given[0], shapes[0])]
        if name == "gather":
            return [self.gathered(params["dimension_numbers"], params["slice_sizes"], given, shapes[0])]
        if name == "dynamic_slice":
            return [self.sliced(given, shapes[0])]
        out = self.new(shapes[0])
        given = [
            value  # axes of length one are repeated
            if value.size == 1 or value.shape == out.shape
            else self.moved(value, np.broadcast_to(_places(value), out.shape))
            for value in given
        ]
        at = [value.at("i" if value.size == out.size else "0") for value in given]
        self.lines.append(
            f"for (int i = 0; i < {out.size}; i++) {out.at('i')} = {_formula(name, params, at, kinds[0])};"
        )
        return [out]

    def new(self, shape: tuple[int, ...]) -> _Value:
        """An array for an intermediate result."""
        self.count += 1
        value = _Value(f"v{self.count}", tuple(shape))
        self.arrays.append(f"static float {value.name}[{max(value.size, 1)}];")
        return value

    def constant(self, array: np.ndarray) -> _Value:
        """Numbers that are known."""
        if array.ndim == 0:
            return _Value(_number(array.item()), (), True)
        self.count += 1
        numbers = ", ".join(_number(x) for x in array.ravel().tolist()) or "0"
        self.constants.append(f"static const float c{self.count}[] = {{{numbers}}};")
        return _Value(f"c{self.count}", array.shape)

    def table(self, index: Any) -> str:
        """The name of a table of whole numbers."""
        self.count += 1
        numbers = ", ".join(map(str, np.asarray(index).ravel().tolist())) or "0"
        self.constants.append(f"static const int t{self.count}[] = {{{numbers}}};")
        return f"t{self.count}"

    def moved(self, value: _Value, index: Any) -> _Value:
        """The same numbers in other places."""
        index = np.asarray(index)
        if value.literal and index.ndim == 0:
            return value
        flat = index.ravel()
        if value.size == flat.size and np.array_equal(flat, np.arange(flat.size)) and not value.literal:
            return _Value(value.name, index.shape)
        out, span = self.new(index.shape), np.unique(np.diff(flat))
        where = (
            f"{flat[0]} + {span[0] if len(span) else 0} * i"
            if len(span) <= 1 and flat.size
            else f"{self.table(flat)}[i]"
        )
        self.lines.append(f"for (int i = 0; i < {out.size}; i++) {out.at('i')} = {value.at(where)};")
        return out

    def joined(self, equation: Any, given: list[_Value], shape: tuple[int, ...]) -> _Value:
        """Several arrays in one."""
        starts = np.cumsum([0, *(value.size for value in given)])
        places = [_places(value) + start for value, start in zip(given, starts, strict=False)]
        index, out = np.asarray(equation.primitive.bind(*places, **equation.params)).ravel(), self.new(shape)
        for value, low, high in zip(given, starts, starts[1:], strict=False):
            there = np.flatnonzero((index >= low) & (index < high))
            to, source = self.table(there), self.table(index[there] - low)
            self.lines.append(
                f"for (int i = 0; i < {len(there)}; i++) {out.at(to + '[i]')} = {value.at(source + '[i]')};"
            )
        return out

    def product(self, params: Any, given: list[_Value], shape: tuple[int, ...]) -> _Value:
        """A product of matrices: places add up, of batches, rows and what is summed."""
        (left_sum, right_sum), (left_batch, right_batch) = params["dimension_numbers"]
        left, right = (_strides(value.shape) for value in given)
        free = [
            [axis for axis in range(len(value.shape)) if axis not in (*sums, *batch)]
            for value, sums, batch in zip(
                given, (left_sum, right_sum), (left_batch, right_batch), strict=True
            )
        ]

        def tables(axes, value, strides):
            return self.table(_sums(axes, value.shape, strides)), math.prod(value.shape[a] for a in axes)

        a, b = given
        (ab, batches), (bb, _) = tables(left_batch, a, left), tables(right_batch, b, right)
        (am, rows), (bn, columns) = tables(free[0], a, left), tables(free[1], b, right)
        (ac, many), (bc, _) = tables(left_sum, a, left), tables(right_sum, b, right)
        out = self.new(shape)
        one, two = a.at(f"{ab}[b] + {am}[m] + {ac}[c]"), b.at(f"{bb}[b] + {bn}[n] + {bc}[c]")
        self.lines += [
            f"for (int b = 0; b < {batches}; b++) for (int m = 0; m < {rows}; m++) for (int n = 0; n < {columns}; n++) {{",
            f"  float s = 0; for (int c = 0; c < {many}; c++) s += {one} * {two};",
            f"  {out.at(f'(b * {rows} + m) * {columns} + n')} = s; }}",
        ]
        return out

    def reduced(self, name: str, axes: Sequence[int], value: _Value, shape: tuple[int, ...]) -> _Value:
        """Sums, products, extremes."""
        strides, out = _strides(value.shape), self.new(shape)
        kept = [axis for axis in range(len(value.shape)) if axis not in axes]
        base, off = (
            self.table(_sums(kept, value.shape, strides)),
            self.table(_sums(axes, value.shape, strides)),
        )
        many, (start, formula) = math.prod(value.shape[a] for a in axes), _REDUCED[name]
        formula = formula.replace("{} &", "(int) {} & (int)").replace("{} |", "(int) {} | (int)")
        step = formula.format("s", value.at(f"{base}[i] + {off}[c]"))
        self.lines += [
            f"for (int i = 0; i < {out.size}; i++) {{",
            f"  float s = {start}; for (int c = 0; c < {many}; c++) s = {step};",
            f"  {out.at('i')} = s; }}",
        ]
        return out

    def gathered(
        self, numbers: Any, sizes: Sequence[int], given: list[_Value], shape: tuple[int, ...]
    ) -> _Value:
        """Slices at places that are computed; places beyond the ends stand for the ends."""
        operand, starts = given
        if numbers.operand_batching_dims:
            raise CannotTranslate("The operation gather with batches has no translation to C.")
        strides, out = _strides(operand.shape), self.new(shape)
        kept = [axis for axis in range(len(operand.shape)) if axis not in numbers.collapsed_slice_dims]
        grid = np.indices(shape).reshape(len(shape), math.prod(shape))
        batch = [axis for axis in range(len(shape)) if axis not in numbers.offset_dims]
        inner = sum(
            (grid[o] * strides[axis] for o, axis in zip(numbers.offset_dims, kept, strict=True)),
            np.zeros(out.size, int),
        )
        lead = starts.shape[:-1]
        outer = np.ravel_multi_index(tuple(grid[b] for b in batch), lead) if lead else np.zeros(out.size, int)
        k = starts.shape[-1]
        terms = [f"{self.table(inner)}[i]"]
        first = self.table(outer)
        for n, axis in enumerate(numbers.start_index_map):
            most = operand.shape[axis] - sizes[axis]
            place = starts.at(f"{first}[i] * {k} + {n}")
            terms.append(f"{strides[axis]} * (int) fminf(fmaxf({place}, 0), {most})")
        self.lines.append(
            f"for (int i = 0; i < {out.size}; i++) {out.at('i')} = {operand.at(' + '.join(terms))};"
        )
        return out

    def sliced(self, given: list[_Value], shape: tuple[int, ...]) -> _Value:
        """A part of an array from a place that is computed."""
        operand, *starts = given
        strides, out = _strides(operand.shape), self.new(shape)
        terms = [f"{self.table(_sums(range(len(shape)), shape, strides))}[i]"]
        for axis, start in enumerate(starts):
            most = operand.shape[axis] - shape[axis]
            terms.append(f"{strides[axis]} * (int) fminf(fmaxf({start.at('0')}, 0), {most})")
        self.lines.append(
            f"for (int i = 0; i < {out.size}; i++) {out.at('i')} = {operand.at(' + '.join(terms))};"
        )
        return out

    def scan(self, params: Any, given: list[_Value], shapes: list[tuple[int, ...]]) -> list[_Value]:
        """A loop over the leading axis."""
        fixed, carried, length = params["num_consts"], params["num_carry"], params["length"]
        state = [self.copied(value) for value in given[fixed : fixed + carried]]
        stacked = [self.new(shape) for shape in shapes[carried:]]
        self.count += 1
        step = f"k{self.count}"
        self.lines.append(f"for (int {step} = 0; {step} < {length}; {step}++) {{")
        turn = f"{length - 1} - {step}" if params["reverse"] else step
        rows = [self.row(value, turn) for value in given[fixed + carried :]]
        results = self.program(params["jaxpr"], [*given[:fixed], *state, *rows])
        for many, one in zip(stacked, results[carried:], strict=True):
            self.assign(many, one, f"({turn}) * {one.size} + ")
        held = [self.copied(value) for value in results[:carried]]
        for value, new in zip(state, held, strict=True):
            self.assign(value, new)
        self.lines.append("}")
        return [*state, *stacked]

    def cond(self, params: Any, given: list[_Value], shapes: list[tuple[int, ...]]) -> list[_Value]:
        """One of several programs."""
        results, last = [self.new(shape) for shape in shapes], len(params["branches"]) - 1
        for k, branch in enumerate(params["branches"]):
            test = f"(int) {given[0].at('0')} {'<=' if k == 0 else '==' if k < last else '>='} {k}"
            self.lines.append(f"if ({test}) {{")
            for out, value in zip(results, self.program(branch, given[1:]), strict=True):
                self.assign(out, value)
            self.lines.append("}")
        return results

    def copied(self, value: _Value) -> _Value:
        out = self.new(value.shape)
        self.assign(out, value)
        return out

    def assign(self, out: _Value, value: _Value, where: str = "") -> None:
        self.lines.append(f"for (int i = 0; i < {value.size}; i++) {out.at(where + 'i')} = {value.at('i')};")

    def row(self, value: _Value, turn: str) -> _Value:
        out = self.new(value.shape[1:])
        self.lines.append(
            f"for (int i = 0; i < {out.size}; i++) {out.at('i')} = {value.at(f'({turn}) * {out.size} + i')};"
        )
        return out


def _formula(name: str, params: Any, at: list[str], kind: str) -> str:
    if name == "div":
        return f"truncf({at[0]} / {at[1]})" if kind in "iu" else f"{at[0]} / {at[1]}"
    if name in ("and", "or"):
        return _BINARY[name].format(*(f"(int) {x}" for x in at))
    if name in _BINARY:
        return _BINARY[name].format(*at)
    if name in ("max", "min"):
        # As JAX has it: NaN wins.
        return f"isnan({at[0]}) ? {at[0]} : isnan({at[1]}) ? {at[1]} : f{name}f({at[0]}, {at[1]})"
    if name == "rem":
        return f"fmodf({at[0]}, {at[1]})"
    if name == "integer_pow":
        return f"powf({at[0]}, {params['y']})"
    if name == "clamp":
        return f"fminf(fmaxf({at[1]}, {at[0]}), {at[2]})"
    if name == "select_n" and len(at) == 3:
        return f"{at[0]} != 0 ? {at[2]} : {at[1]}"
    if name == "convert_element_type":
        return f"{at[0]} != 0" if kind == "b" else f"truncf({at[0]})" if kind in "iu" else at[0]
    if name in _SAME:
        return at[0]
    if name in _UNARY:
        return _UNARY[name].format(at[0])
    raise CannotTranslate(f"The operation {name} has no translation to C; export to stablehlo or onnx.")


def _places(value: _Value) -> Any:
    return jnp.arange(value.size, dtype=jnp.int32).reshape(value.shape)


def _strides(shape: tuple[int, ...]) -> list[int]:
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _sums(axes: Sequence[int], shape: tuple[int, ...], strides: list[int]) -> np.ndarray:
    """The sums of the strides for all indices of some axes."""
    sizes = [shape[axis] for axis in axes]
    index = np.indices(sizes).reshape(len(sizes), math.prod(sizes))
    return sum((index[k] * strides[axis] for k, axis in enumerate(axes)), np.zeros(math.prod(sizes), int))


def _number(x: Any) -> str:
    x = float(x)
    if math.isnan(x):
        return "NAN"
    if math.isinf(x):
        return "INFINITY" if x > 0 else "-INFINITY"
    text = f"{np.float32(x):.9g}"
    text += "" if any(c in text for c in ".e") else ".0"
    return f"({text}f)" if x < 0 else f"{text}f"
