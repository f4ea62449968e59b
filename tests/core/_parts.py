"""Tiny components with known answers, for the tests of the core."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, PyTree

import ideomotor


class Wave(eqx.Module):
    """Parameters of `Waves`: amplitude and offset of each of two degrees of freedom."""

    amplitude: Float[Array | np.ndarray, " dof"] = ideomotor.quantity(unit="m", bounds=(-1.0, 1.0))
    offset: Float[Array | np.ndarray, " dof"] = ideomotor.quantity(unit="m")


class Waves(ideomotor.AbstractFeedforwardPrimitive[Wave]):
    """`amplitude * sin(frequency * t) + offset`, with an exact fit."""

    dof: int = eqx.field(static=True, default=2)
    frequency: Float[Array, ""] = ideomotor.quantity(unit="rad/s", converter=jnp.asarray, default=2.0)

    def default_params(self) -> Wave:
        return Wave(jnp.ones(self.dof), jnp.zeros(self.dof))

    def trajectory(self, params: Wave, ts, *, key: PRNGKeyArray | None = None):
        return jnp.sin(self.frequency * ts)[:, None] * params.amplitude + params.offset

    def fit(self, trajectory) -> Wave:
        ideomotor.check_demonstration(trajectory)
        basis = jnp.stack([jnp.sin(self.frequency * trajectory.ts), jnp.ones_like(trajectory.ts)], axis=1)
        both = jnp.linalg.lstsq(basis, jnp.asarray(trajectory.ys))[0]
        return Wave(both[0], both[1])


class Pull(ideomotor.AbstractFeedbackPrimitive):
    """A force `gain * (target - position)` that grows with the time since the start."""

    gain: Float[Array, ""] = ideomotor.quantity(unit="N/m", converter=jnp.asarray, default=3.0)

    def default_params(self) -> dict:
        return {"target": jnp.ones(2)}

    def default_feedback(self) -> dict:
        return {"position": jnp.zeros(2)}

    def init(self, params) -> Float[Array, ""]:
        return jnp.zeros_like(params["target"][0])

    def step(self, state, feedback, params, dt, *, key=None):
        return state + dt, (1 + state) * self.gain * (params["target"] - feedback["position"])


class Count(ideomotor.AbstractFeedbackPrimitive):
    """Looks at nothing; counts in steps of `params`."""

    def default_params(self) -> Float[Array, ""]:
        return jnp.ones(())

    def default_feedback(self) -> None:
        return None

    def init(self, params):
        return jnp.zeros_like(params)

    def step(self, state, feedback, params, dt, *, key=None):
        return state + params, state


class Spring(ideomotor.AbstractODEPlant):
    """A mass on a damped spring in the plane: `mass a = force - stiffness x - damping v`."""

    mass: Float[Array, ""] = ideomotor.quantity(unit="kg", converter=jnp.asarray, default=1.0)
    stiffness: Float[Array, ""] = ideomotor.quantity(unit="N/m", converter=jnp.asarray, default=4.0)
    damping: Float[Array, ""] = ideomotor.quantity(unit="Ns/m", converter=jnp.asarray, default=0.5)
    solver: diffrax.AbstractSolver = eqx.field(default_factory=diffrax.Heun)
    substeps: int = eqx.field(static=True, default=1)

    def default_state(self) -> dict:
        return {"position": jnp.zeros(2), "velocity": jnp.zeros(2)}

    def default_command(self) -> Float[Array, " 2"]:
        return jnp.zeros(2)

    def vector_field(self, t, state, command) -> PyTree:
        pull = command - self.stiffness * state["position"] - self.damping * state["velocity"]
        return {"position": state["velocity"], "velocity": pull / self.mass}

    def observe(self, state, *, key=None) -> dict:
        return state


class Jitter(ideomotor.AbstractPlant):
    """Moves by the command and a random step; must be given a key."""

    def default_state(self) -> Float[Array, " 2"]:
        return jnp.zeros(2)

    def default_command(self) -> Float[Array, " 2"]:
        return jnp.zeros(2)

    def step(self, state, command, dt: Float[ArrayLike, ""], *, key=None):
        if key is None:
            raise ValueError("Jitter samples its steps; give rollout a key.")
        return state + dt * (command + jax.random.normal(key, (2,)))

    def observe(self, state, *, key=None):
        return state if key is None else state + 0.1 * jax.random.normal(key, (2,))


class Look(ideomotor.AbstractPerception[Wave]):
    """A linear map from a 3 by 3 image to a wave."""

    weights: Float[Array, "four pixels"]
    seed: int = eqx.field(static=True)

    def __init__(self, seed: int = 0, *, key: PRNGKeyArray | None = None):
        self.seed = seed
        self.weights = jax.random.normal(jax.random.key(seed) if key is None else key, (4, 9)) / 3

    def default_observation(self) -> Float[Array, "3 3"]:
        return jnp.zeros((3, 3))

    def __call__(self, observation, *, key=None) -> Wave:
        values = jnp.tanh(self.weights @ observation.ravel())
        return Wave(values[:2], values[2:])


class Ask(ideomotor.AbstractPerception):
    """From an observation `(2,)` to the query of `Line`."""

    def default_observation(self):
        return jnp.zeros(2)

    def __call__(self, observation, *, key=None):
        return jnp.zeros(2), observation


class Line(ideomotor.AbstractPlanner):
    """The straight line from start to goal in one second."""

    samples: int = eqx.field(static=True, default=11)

    def default_query(self):
        return jnp.zeros(2), jnp.ones(2)

    def __call__(self, start, goal, *, key=None) -> ideomotor.Trajectory:
        ts = jnp.linspace(0.0, 1.0, self.samples)
        return ideomotor.Trajectory(ts, start + ts[:, None] * (goal - start))


# The same kinds of things as plain NumPy classes, as a simulator or a database would be written.


class NumpySpring:
    """`Spring` by semi-implicit Euler in float64; takes no key."""

    def __init__(self, stiffness: float = 4.0):
        self.stiffness = stiffness

    def default_state(self):
        return np.zeros((2, 2))

    def default_command(self):
        return np.zeros(2)

    def step(self, state, command, dt):
        velocity = state[1] + dt * (command - self.stiffness * state[0])
        return np.stack([state[0] + dt * velocity, velocity])

    def observe(self, state):
        return {"position": state[0]}


class NumpyWaves:
    """`Waves` with one parameter array of shape (2, dof)."""

    def __init__(self, dof: int = 2):
        self.dof = dof

    def default_params(self):
        return np.ones((2, self.dof))

    def trajectory(self, params, ts, *, key=None):
        return np.sin(ts)[:, None] * params[0] + params[1]


class NumpyPull:
    """`Pull` without growth."""

    def default_params(self):
        return np.ones(2)

    def default_feedback(self):
        return {"position": np.zeros(2)}

    def init(self, params):
        return np.zeros(())

    def step(self, state, feedback, params, dt, *, key=None):
        return state + dt, params - feedback["position"]


class NumpyLook:
    """The sums over rows and columns."""

    def default_observation(self):
        return np.zeros((2, 2))

    def __call__(self, observation, *, key=None):
        noise = 0.0 if key is None else np.random.default_rng(key).normal()
        return np.stack([observation.sum(0), observation.sum(1)]) + noise


class NumpyLine:
    """A straight line whose number of samples depends on its length."""

    def default_query(self):
        return np.zeros(2), np.ones(2)

    def __call__(self, start, goal):
        ts = np.linspace(0.0, 1.0, 5 + int(np.linalg.norm(goal - start)))
        return ideomotor.Trajectory(ts, start + ts[:, None] * (goal - start))
