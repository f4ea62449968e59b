"""What going through `rollout` costs beside a `lax.scan` of the same model, written by hand."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

import ideomotor

pytestmark = pytest.mark.benchmark_suite


class Mass(ideomotor.AbstractODEPlant):
    solver: diffrax.AbstractSolver = eqx.field(default_factory=diffrax.Heun)
    substeps: int = eqx.field(static=True, default=1)

    def default_state(self):
        return {"position": jnp.zeros(2), "velocity": jnp.zeros(2)}

    def default_command(self):
        return jnp.zeros(2)

    def vector_field(self, t, state, command):
        return {"position": state["velocity"], "velocity": command - state["velocity"]}

    def observe(self, state, *, key=None):
        return state


class Pull(ideomotor.AbstractFeedbackPrimitive):
    def default_params(self):
        return jnp.ones(2)

    def default_feedback(self):
        return {"position": jnp.zeros(2)}

    def init(self, params):
        return jnp.zeros_like(params[0])

    def step(self, state, feedback, params, dt, *, key=None):
        return state + dt, (1 + state) * (params - feedback["position"])


@eqx.filter_jit
def by_hand(primitive, params, ts, plant):
    def look_and_act(p, x, dt):
        y = plant.observe(x)
        p, u = primitive.step(p, y, params, dt)
        return p, y, u

    def body(carry, dt):
        p, x = carry
        p, y, u = look_and_act(p, x, dt)
        return (p, plant.step(x, u, dt)), (y, u, x)

    dts = jnp.diff(ts)
    (p, x), many = jax.lax.scan(body, (primitive.init(params), plant.default_state()), dts)
    _, y, u = look_and_act(p, x, dts[-1])
    return jax.tree.map(lambda rows, last: jnp.concatenate([rows, last[None]]), many, (y, u, x))


def by_rollout(primitive, params, ts, plant):
    return ideomotor.rollout(primitive, params, ts, plant=plant)


RUNS = {"rollout": by_rollout, "by hand": by_hand}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.benchmark(group="one movement of 1000 samples")
def test_one_movement(benchmark, run):
    arguments = (Pull(), jnp.ones(2), jnp.linspace(0.0, 1.0, 1000), Mass())
    jax.block_until_ready(RUNS[run](*arguments))
    benchmark(lambda: jax.block_until_ready(RUNS[run](*arguments)))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.benchmark(group="gradient of 256 movements of 100 samples")
def test_gradient_of_a_batch(benchmark, run):
    ts, plant = jnp.linspace(0.0, 1.0, 100), Mass()

    def loss(params):
        movements = jax.vmap(lambda p: RUNS[run](Pull(), p, ts, plant))(params)
        return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(movements))

    gradient, params = jax.jit(jax.grad(loss)), jnp.ones((256, 2))
    jax.block_until_ready(gradient(params))
    benchmark(lambda: jax.block_until_ready(gradient(params)))
