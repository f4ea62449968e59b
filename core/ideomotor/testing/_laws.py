"""What every method of every component keeps to, whatever its kind."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ._compare import (
    copied,
    fail,
    is_float,
    not_finite,
    on_host,
    one_line,
    other_structure,
    other_values,
    shift,
)


@dataclasses.dataclass(frozen=True)
class Case:
    """One method (or a few in a row) of a component, as a function of the component, its inputs and a key."""

    title: str  # of the component, for messages
    call: str  # what is called, for messages
    component: Any
    function: Callable[..., PyTree]  # of the component, its inputs and a key
    inputs: PyTree
    host: bool
    tolerance: float  # of results that rounding may change
    differentiable: bool = True
    again: bool = False  # the second precision of two: what does not depend on it is not checked again

    @functools.cached_property
    def compiled(self) -> Callable[..., PyTree]:
        """The function inside of jit; one for all checks, so that it is compiled once."""
        return eqx.filter_jit(self.function)

    def fail(self, law: str, what: str, fix: str, cause: BaseException | None = None):
        """Raise the `ConformanceError`."""
        fail(self.title, law, f"{self.call}: {what}", fix, cause)


def check_laws(case: Case) -> PyTree:
    """All laws, the plainest first; returns what the defaults give."""
    if case.again:
        # Compiled, because calling one operation after the other is slow and has been checked already.
        case = dataclasses.replace(case, function=case.compiled)
    outputs, key = defaults_accepted(case)
    if not case.again:
        pure(case, outputs, key)
    if problem := not_finite(outputs):
        case.fail("finite at the defaults", problem, "choose defaults for which every output is a number")
    if not case.host:
        _precision(case, outputs)
    if not case.again:
        _jit_is_eager(case, outputs, key)
        _vmap_is_loop(case, key)
        _keys(case, key)
    _gradient(case, key)
    return outputs


def defaults_accepted(case: Case):
    """Without a key if that works, and with one if sampling makes it needed."""
    try:
        return case.function(case.component, copied(case.inputs), None), None
    except Exception as error:
        key, without = jax.random.key(0), error
    try:
        return case.function(case.component, copied(case.inputs), key), key
    except Exception:
        fix = "let it accept the defaults that the component publishes itself"
        case.fail("defaults accepted", f"it raised {one_line(without)}", fix, without)


def pure(case: Case, outputs: PyTree, key) -> None:
    inputs = copied(case.inputs)
    again = case.function(case.component, inputs, key)
    fix = "let a call depend on its arguments only: no counters, caches or random numbers of its own"
    if problem := other_structure(outputs, again):
        case.fail("pure", f"called twice with the same inputs, {problem}", fix)
    if problem := other_values(outputs, again):
        case.fail("pure", f"called twice with the same inputs, {problem}", fix)
    if problem := other_values(case.inputs, inputs):
        fix = "copy what it changes, and return new arrays"
        case.fail("inputs left alone", f"an input before and after the call: {problem}", fix)


def _precision(case: Case, outputs: PyTree) -> None:
    wanted = {leaf.dtype for leaf in jax.tree.leaves(case.inputs) if is_float(leaf)}
    given = {leaf.dtype for leaf in jax.tree.leaves(outputs) if is_float(leaf)}
    if wanted and given - wanted:
        what = f"inputs in {_names(wanted)} give outputs in {_names(given)}"
        case.fail("precision of the inputs", what, "name no dtype in it, or take the dtype of the inputs")


def _names(dtypes) -> str:
    return " and ".join(sorted(str(dtype) for dtype in dtypes))


def _jit_is_eager(case: Case, outputs: PyTree, key) -> None:
    fix = "keep Python's `if`, `float()` and NumPy off traced values"
    try:
        inside = case.compiled(case.component, case.inputs, key)
    except Exception as error:
        case.fail("jit = eager", f"inside jit it raised {one_line(error)}", fix, error)
    if problem := other_structure(outputs, inside, dtypes=not case.host):
        case.fail("jit = eager", f"inside jit, {problem}", fix)
    if problem := other_values(outputs, inside, tolerance=case.tolerance):
        case.fail("jit = eager", f"outside and inside of jit, {problem}", fix)


def _vmap_is_loop(case: Case, key) -> None:
    examples = [shift(case.inputs, seed, 0.05) for seed in (1, 2)]
    batch = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *examples)
    if not jax.tree.leaves(batch):
        return
    fix = "write it for one example, with operations that JAX can batch"
    dynamic, static = eqx.partition(case.component, eqx.is_array)

    def one(inputs):
        outputs = case.function(eqx.combine(dynamic, static), inputs, key)
        return eqx.filter(outputs, eqx.is_array_like)

    try:
        together = on_host(jax.jit(jax.vmap(one))(batch))
    except Exception as error:
        case.fail("vmap = loop", f"inside vmap it raised {one_line(error)}", fix, error)
    for i, example in enumerate(examples):
        alone = eqx.filter(case.compiled(case.component, example, key), eqx.is_array_like)
        from_batch = jax.tree.map(lambda leaf: leaf[i], together)  # noqa: B023
        problem = other_structure(alone, from_batch, dtypes=False)
        problem = problem or other_values(alone, from_batch, tolerance=case.tolerance)
        if problem:
            case.fail("vmap = loop", f"alone and in a batch, {problem}", fix)


def _keys(case: Case, key) -> None:
    """What samples draws anew for each key; what does not sample takes no notice of keys."""
    try:
        one, again, *others = (
            case.compiled(case.component, case.inputs, jax.random.key(i)) for i in (1, 1, 2, 3, 4)
        )
    except Exception as error:
        fix = "accept `*, key=None` and pass it on, or leave it alone"
        case.fail("takes a key", f"with a key it raised {one_line(error)}", fix, error)
    if problem := other_values(one, again):
        case.fail(
            "same key, same result", problem, "draw from the key only, and make no random numbers elsewhere"
        )
    if any(other_values(one, other) for other in others):
        return
    if key is not None:
        what = "without a key it raises, and with four different keys the result is one and the same"
        case.fail("another key, another result", what, "use the key for sampling, or do not ask for one")
    without = case.compiled(case.component, case.inputs, None)
    if problem := other_values(without, one, tolerance=case.tolerance):
        what = f"four different keys give one result, and no key another: {problem}"
        case.fail(
            "another key, another result", what, "derive the random numbers from the key that is passed"
        )


def _gradient(case: Case, key) -> None:
    """Reverse mode, with respect to all floating-point numbers of component and inputs."""

    def loss(dynamic, static):
        component, inputs = eqx.combine(dynamic, static)
        pairs = _weighted(case.function(component, inputs, key))
        return sum((jnp.sum(jnp.asarray(w, x.dtype) * x) for w, x in pairs), jnp.zeros(()))

    def split(inputs):
        # An adapter has no numbers of its own; its inputs are NumPy arrays.
        inputs = jax.tree.map(lambda leaf: jnp.asarray(leaf) if is_float(leaf) else leaf, inputs)
        return eqx.partition((case.component, inputs), is_float)

    dynamic, static = split(case.inputs)
    if not jax.tree.leaves(dynamic):
        return None
    gradient = eqx.filter_jit(jax.grad(loss))
    try:
        slope = gradient(dynamic, static)
    except Exception as error:
        if case.host or not case.differentiable:
            return _refusal(case, error)
        fix = (
            "write it with operations that have a derivative, or check it with differentiable=False and "
            "refuse the "
            "gradient with a sentence"
        )
        case.fail("gradient", f"it raised {one_line(error)}", fix, error)
    if not case.differentiable or (case.host and is_float(jax.tree.leaves(dynamic)[0])):
        fix = "refuse it with a sentence (jax.custom_jvp), or check it with differentiable=True"
        case.fail("gradient refused", "it is said to have no gradient, and one was computed", fix)
    if problem := not_finite(slope):
        fix = (
            "mind square roots, norms and divisions at zero (jnp.where inside and outside, or a small "
            "constant)"
        )
        case.fail(
            "gradient", f"at the defaults, the gradient with respect to (component, inputs){problem}", fix
        )
    if jax.dtypes.canonicalize_dtype(np.float64) == np.float64:
        _gradient_is_slope(case, gradient, split, key)
    return None


def _weighted(outputs: PyTree) -> list[tuple[np.ndarray, Any]]:
    """Random weights and the numbers they are for, so that no direction of the output is overlooked.

    Of order one, and the same each time.
    """
    leaves = [leaf for leaf in jax.tree.leaves(outputs) if is_float(leaf)]
    return [(np.random.default_rng(i).uniform(0.5, 1.5, x.shape), x) for i, x in enumerate(leaves)]


def _refusal(case: Case, error: Exception) -> None:
    if "no gradient" not in str(error):
        fix = "say that it has no gradient and what to do instead"
        case.fail("gradient refused", f"it raised {one_line(error)}", fix, error)


def _gradient_is_slope(case: Case, gradient: Callable, split: Callable, key) -> None:
    """Directional derivatives at three points near the defaults, away from what is special there."""
    for seed in (11, 12, 13):
        dynamic, static = split(shift(case.inputs, seed, 0.05))
        rng = np.random.default_rng(seed)
        direction = jax.tree.map(
            lambda leaf: rng.normal(size=leaf.shape) * (np.abs(leaf) + 0.1),  # noqa: B023
            dynamic,
        )
        slopes = on_host(gradient(dynamic, static))
        # Fields with no gradient at all are held on purpose (statistics, frozen weights); inputs are not.
        held = jax.tree.map(lambda d, g: d * np.any(g), direction[0], slopes[0])
        direction = (held, direction[1])
        pairs = zip(jax.tree.leaves(slopes), jax.tree.leaves(direction), strict=True)
        terms = [np.vdot(g, d) for g, d in pairs]
        ours, size = sum(terms), np.sqrt(sum(term**2 for term in terms))

        def at(h):
            steps = jax.tree.map(lambda d: h * d, direction)  # noqa: B023
            moved = jax.tree.map(lambda x, s: jnp.asarray(np.asarray(x) + s, x.dtype), dynamic, steps)  # noqa: B023
            outputs = case.compiled(*eqx.combine(moved, static), key)  # noqa: B023
            return float(sum(np.vdot(w, np.asarray(x)) for w, x in _weighted(outputs)))

        # Truncation and kinks (a network of ReLUs has many) spoil large steps, and rounding small ones.
        rounding, measured = 1e-14 * (1.0 + abs(at(0.0))), 0.0
        for h in (1e-4, 1e-6, 1e-7, 1e-8):
            measured = (at(h) - at(-h)) / (2 * h)
            if abs(ours - measured) <= 1e-4 * max(size, abs(measured)) + rounding / h:
                break
        else:
            what = f"along a random direction it is {ours:.8g}, and finite differences give {measured:.8g}"
            fix = (
                "look for a stop_gradient, a custom derivative or a rounding to integers that should "
                "not be there"
            )
            case.fail("gradient = finite differences", what, fix)
