"""Gradient descent that can be killed at any moment and resumed to the same result."""

import collections
import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import PyTree
from tqdm import tqdm

from . import _tensors
from ._batches import Batches, Kept, Layout, assemble, put
from ._checkpoint import Checkpoints
from ._structure import describe
from .errors import CheckpointError, TrainingError

_IN_FLIGHT = 8  # steps dispatched ahead of the device; each holds a batch in memory


def train(
    model: PyTree,
    loss: Callable[..., Any],
    data: PyTree | Callable[..., PyTree],
    optimiser: optax.GradientTransformation,
    *,
    steps: int,
    batch_size: int | None = None,
    where: Callable[[Any], Any] | None = None,
    seed: int = 0,
    callback: Callable[[int, dict[str, float], Any], Any] | None = None,
    run: Path | str | None = None,
    checkpoint_every: int = 1000,
    resume: bool = False,
    log_every: int = 100,
    progress: bool = True,
) -> PyTree:
    """Minimise a loss over the floating-point arrays of a model; returns the trained model.

        def loss(model, batch, key):
            images, targets = batch
            return jnp.mean((jax.vmap(model)(images) - targets) ** 2)

        encoder = train(encoder, loss, (images, targets), optax.adam(1e-3), steps=2000, batch_size=64)

    - `loss(model, batch, key)`: a scalar, or `(scalar, {"name": scalar, …})` with more metrics to log.
    - `data`: a tree of arrays that lead with the example. NumPy arrays stay in the memory of the host and are
      sent batch by batch, JAX arrays are on the device already. Or a function `data(key, step)` that makes
      the batch of a step; wrap it in `jax.jit` if it is written in JAX.
    - `optimiser`: of Optax; `value`, `grad` and `value_fn` are passed to those that take them. It sees the
      model with `None` in place of what is not trained.
    - `batch_size`: `None` takes all examples at each step. The examples are reshuffled for each epoch, and
      those that do not fill a last batch are left out of that epoch.
    - `where`: the part, or tuple of parts, to train, as in `lambda pipeline: pipeline.perception`; all other
      leaves are returned unchanged. Without it all arrays of floating-point numbers are trained, NumPy's too:
      link lengths, masses.
    - `seed`: of the order of the examples and of the keys.
    - `callback(step, metrics, model)`: called at each log line, with the means since the line before; a true
      result stops the training.
    - `run`: a folder for `config.json`, `metrics.jsonl` and `checkpoint.safetensors`.
    - `checkpoint_every`: steps between checkpoints; there is one at the end and at Ctrl-C, too.
    - `resume`: resume from the checkpoint in `run`, if there is one, to the bit-equal result of a run that was
      not interrupted. Model, loss, optimiser, data and seed must be the same; `steps` may be more.
    - `log_every`: steps between log lines.
    - `progress`: show a bar on a terminal once training takes longer than two seconds.

    A batch is shared out among all visible devices when their number divides its size; inside
    `jax.default_device` the chosen one does all.

    Raises a `TrainingError` for a loss that is not a scalar or is not finite (naming the first such step; the
    last good checkpoint stays), a `DataError` for data that make no batches, and a `CheckpointError` for a
    run folder that is in use or belongs to a different run.
    """
    _check_numbers(steps, batch_size, seed, checkpoint_every, log_every)
    if resume and run is None:
        raise CheckpointError("resume=True needs the folder of the run; give run=FOLDER.")
    key_steps, key_data = jax.random.split(jax.random.key(seed))
    batches = Batches(data, batch_size, key_data, seed)
    mesh = batches.layout.mesh
    leaves, structure = jax.tree.flatten(model)
    trained = _selected(model, where)
    names = _metric_names(loss, model, batches.example)

    chosen = [_own(x) if t else None for x, t in zip(leaves, trained, strict=True)]
    others = [x for x, t in zip(leaves, trained, strict=True) if not t]
    params = jax.tree.unflatten(structure, chosen)
    memory = jax.tree.map(_own, optimiser.init(params))
    fixed = put([x for x in others if _tensors.is_array(x)], mesh)
    constant = tuple(None if _tensors.is_array(x) else x for x in leaves)
    update = _compiled(
        Problem(
            loss, optimiser, structure, trained, constant, jax.tree.structure(memory), names, batches.layout
        )
    )

    def as_tree(state: State) -> dict[str, Any]:
        """The state by readable names."""
        now = jax.tree.unflatten(jax.tree.structure(params), state.params)
        then = jax.tree.unflatten(jax.tree.structure(memory), state.memory)
        return {"model": now, "optimiser": then, "progress": state.progress}

    def as_model(state: State) -> Any:
        """The model at this state, in arrays of its own: the next step gives those of the state away."""
        new = iter(state.params)
        both = [_detached(next(new), mesh) if t else x for x, t in zip(leaves, trained, strict=True)]
        return jax.tree.unflatten(structure, both)

    state = State(jax.tree.leaves(params), jax.tree.leaves(memory), _no_progress(len(names)))
    about = {"seed": seed, "batch_size": batch_size, "data": batches.describe()}
    about["untrained"] = _tensors.digest(others)
    settings = {"steps": steps, "log_every": log_every, "checkpoint_every": checkpoint_every}
    with contextlib.ExitStack() as stack:
        record = stack.enter_context(Checkpoints(run, about, settings, as_tree(state), resume=resume))
        if record.state is not None:
            new = record.state
            state = State(jax.tree.leaves(new["model"]), jax.tree.leaves(new["optimiser"]), new["progress"])
        done = record.step
        state, base = put(state, mesh), put(key_steps, mesh)
        bar = stack.enter_context(
            tqdm(total=steps, initial=done, delay=2, disable=None if progress else True, unit="step")
        )
        flying: collections.deque[jax.Array] = collections.deque()
        stop = False
        try:
            while done < steps and not stop:
                kept, sent = batches.at(done)
                state, value = update(state, fixed, base, kept, sent)
                done += 1
                bar.update()
                flying.append(value)
                if len(flying) > _IN_FLIGHT:
                    flying.popleft().block_until_ready()
                if done % log_every == 0 or done == steps:
                    _check_loss(state, names, record)
                    metrics, state = _take_means(state, names, mesh)
                    record.log({"step": done, **metrics})
                    bar.set_postfix({"loss": f"{metrics['loss']:.4g}"}, refresh=False)
                    stop = callback is not None and bool(callback(done, metrics, as_model(state)))
                if done % checkpoint_every == 0 or done == steps or stop:
                    _check_loss(state, names, record)
                    _check_weights(state, params, done, record)
                    record.save(as_tree(state), done)
        except KeyboardInterrupt:
            # It may have come between a step and its result, when the arrays are given away already.
            if not any(x.is_deleted() for x in jax.tree.leaves(state)):
                done = int(state.progress.step)
                with contextlib.suppress(TrainingError):
                    _check_loss(state, names, record)
                    _check_weights(state, params, done, record)
                    record.save(as_tree(state), done)
            raise
    return as_model(state)


class Progress(NamedTuple):
    """What is counted on the device, so that no step waits for the host."""

    step: Any  # steps done
    sums: Any  # of each metric since the last log line, and how many
    bad_step: Any  # the first step whose loss was not finite, or -1
    bad_values: Any  # all metrics at that step


class State(NamedTuple):
    """What a step changes; flat lists of arrays, since flattening a module takes longer than a small step."""

    params: list
    memory: list
    progress: Progress


class Problem(NamedTuple):
    """All that a compiled step depends on besides its arrays."""

    loss: Callable
    optimiser: optax.GradientTransformation
    model: Any
    trained: tuple[bool, ...]
    constant: tuple
    memory: Any
    metrics: tuple[str, ...]
    batch: Layout


def _make_step(problem: Problem) -> Callable:
    optimiser = optax.with_extra_args_support(problem.optimiser)
    mesh = problem.batch.mesh

    def as_tree(params: list) -> PyTree:
        new = iter(params)
        return jax.tree.unflatten(problem.model, [next(new) if t else None for t in problem.trained])

    def as_model(params: list, fixed: list) -> PyTree:
        new, old = iter(params), iter(fixed)
        places = zip(problem.trained, problem.constant, strict=True)
        leaves = [next(new) if t else next(old) if c is None else c for t, c in places]
        return jax.tree.unflatten(problem.model, leaves)

    def step(state: State, fixed: list, base, kept: Kept, sent: list) -> tuple[State, jax.Array]:
        i = state.progress.step
        key, batch = jax.random.fold_in(base, i), assemble(problem.batch, kept, sent, i)

        def value_of(params: list):
            value, metrics = _parts(problem.loss(as_model(params, fixed), batch, key))
            return value, jnp.stack([jnp.asarray(x, _float()) for x in (value, *metrics.values())])

        (value, values), grads = jax.value_and_grad(value_of, has_aux=True)(state.params)
        params, grads = as_tree(state.params), as_tree(grads)
        updates, memory = optimiser.update(
            grads,
            jax.tree.unflatten(problem.memory, state.memory),
            params,
            value=value,
            grad=grads,
            value_fn=lambda params: value_of(jax.tree.leaves(params))[0],
        )
        old = state.progress
        first_bad = (old.bad_step < 0) & ~jnp.isfinite(value)
        progress = Progress(
            i + 1,
            old.sums + jnp.append(values, 1.0),
            jnp.where(first_bad, i + 1, old.bad_step),
            jnp.where(first_bad, values, old.bad_values),
        )
        new = State(jax.tree.leaves(optax.apply_updates(params, updates)), jax.tree.leaves(memory), progress)
        new = jax.tree.map(_in_dtype_of, state, new)
        if mesh is not None:
            new = jax.lax.with_sharding_constraint(new, NamedSharding(mesh, PartitionSpec()))
        return new, value

    return jax.jit(step, donate_argnums=0)


# Training again with the same loss and optimiser compiles nothing; few are kept, as they hold on to the loss.
_step_of = functools.lru_cache(maxsize=8)(_make_step)


def _compiled(problem: Problem) -> Callable:
    try:
        return _step_of(problem)
    except TypeError:  # something in the model or the optimiser has no hash
        return _make_step(problem)


def _parts(result: Any) -> tuple[Any, dict[str, Any]]:
    return result if isinstance(result, tuple) else (result, {})


def _metric_names(loss: Callable, model: Any, batch: PyTree) -> tuple[str, ...]:
    """`loss` and the names of the other metrics, without computing anything."""
    found = eqx.filter_eval_shape(loss, model, batch, jax.random.key(0))
    form = "a loss returns a floating-point scalar, or (scalar, {name: scalar, …})"
    if isinstance(found, tuple) and not (len(found) == 2 and isinstance(found[1], dict)):
        raise TrainingError(f"The loss returned a tuple of {len(found)}; {form}.")
    value, metrics = _parts(found)
    if np.shape(value) != () or not jnp.issubdtype(jnp.result_type(value), jnp.floating):
        raise TrainingError(f"The loss returned {describe(value)}; {form}; take a mean over the batch.")
    for name, metric in metrics.items():
        if not isinstance(name, str) or name in ("loss", "step"):
            raise TrainingError(f"The loss returned a metric called {name!r}; choose another name.")
        if np.shape(metric) != ():
            raise TrainingError(f"The metric {name!r} is {describe(metric)}; {form}.")
    return ("loss", *metrics)


class _Place:
    """Stands for a leaf while `where` looks for it."""


def _selected(model: Any, where: Callable | None) -> tuple[bool, ...]:
    leaves, structure = jax.tree.flatten(model)
    places = [_Place() for _ in leaves]
    found = places
    if where is not None:
        try:
            found = jax.tree.leaves(where(jax.tree.unflatten(structure, places)))
        except (AttributeError, KeyError, IndexError, TypeError) as error:
            raise TrainingError(f"where cannot be applied to this {type(model).__name__}: {error}") from error
        if strange := [x for x in found if not isinstance(x, _Place)]:
            raise TrainingError(
                f"where returned {strange[0]!r:.60}, which is not a part of the model that can be trained; "
                f"return parts, as in `lambda pipeline: pipeline.perception`."
            )
    ids = {id(place) for place in found}
    trained = tuple(id(p) in ids and _tensors.is_inexact(x) for p, x in zip(places, leaves, strict=True))
    if not any(trained):
        what = "The model" if where is None else "What where selects"
        raise TrainingError(f"{what} holds no floating-point arrays, so there is nothing to train.")
    return trained


def _own(leaf: Any) -> jax.Array:
    """A copy, because the arrays of the state are given away; strongly typed, as it comes out of a step."""
    if _tensors.is_key(leaf):
        return leaf.copy()
    return jnp.array(leaf, dtype=jnp.asarray(leaf).dtype)


def _in_dtype_of(old: jax.Array, new: Any) -> jax.Array:
    """What goes out has the dtype of what came in: nothing is compiled twice, and memory is reused."""
    return new if _tensors.is_key(new) else jnp.asarray(new).astype(old.dtype)


def _detached(leaf: jax.Array, mesh) -> jax.Array:
    """A copy, on the default device only."""
    return jnp.array(leaf) if mesh is None else jnp.array(np.array(leaf))


def _float():
    return jnp.result_type(float)


def _no_progress(metrics: int) -> Progress:
    one = functools.partial(jnp.full, (), dtype=jnp.int32)
    return Progress(one(0), jnp.zeros(metrics + 1), one(-1), jnp.zeros(metrics))


def _take_means(state: State, names: tuple[str, ...], mesh) -> tuple[dict[str, float], State]:
    """The means of the metrics since the last log line, and a state with the sums reset."""
    sums = np.array(state.progress.sums)
    means = {name: float(x) for name, x in zip(names, sums[:-1] / sums[-1], strict=True)}
    return means, state._replace(progress=state.progress._replace(sums=put(jnp.zeros(sums.shape), mesh)))


def _check_loss(state: State, names: tuple[str, ...], record: Checkpoints) -> None:
    step = int(state.progress.bad_step)
    if step < 0:
        return
    values = ", ".join(
        f"{n} {v:.4g}" for n, v in zip(names, np.array(state.progress.bad_values), strict=True)
    )
    raise TrainingError(f"The loss is not finite at step {step} ({values}); {_advice(record)}")


def _check_weights(state: State, params: PyTree, step: int, record: Checkpoints) -> None:
    for name, leaf in zip(_tensors.names(params), state.params, strict=True):
        if not jnp.isfinite(leaf).all():
            raise TrainingError(f"The weights {name} are not finite after step {step}; {_advice(record)}")


def _advice(record: Checkpoints) -> str:
    kept = f"; the checkpoint of step {record.step} stays in {record.folder}" if record.step else ""
    return f"lower the learning rate, clip the gradients or look at the data{kept}."


def _check_numbers(steps, batch_size, seed, checkpoint_every, log_every) -> None:
    counts = {"steps": steps, "checkpoint_every": checkpoint_every, "log_every": log_every}
    if batch_size is not None:
        counts["batch_size"] = batch_size
    for name, value in counts.items():
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            raise TrainingError(f"{name} must be a positive whole number, not {value!r}.")
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise TrainingError(f"seed must be a whole number from 0 to 2**32 - 1, not {seed!r}.")
