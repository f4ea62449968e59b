"""Two links in the vertical plane, as MJCF and by their equations of motion (Spong, Hutchinson & Vidyasagar 2006, 7.3.2)."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ideomotor import AbstractFeedforwardPrimitive, rollout

M1, M2, L1, C1, C2, I1, I2, G = 1.2, 0.7, 0.4, 0.2, 0.15, 0.02, 0.01, 9.81

LINKS = """
<mujoco><option timestep="{h}" integrator="{integrator}" gravity="0 0 -9.81"/><worldbody>
<body name="upper"><joint name="shoulder" axis="0 -1 0"/>
  <inertial pos="0 0 -0.2" mass="1.2" diaginertia="0.02 0.02 0.001"/>
  <body name="lower" pos="0 0 -0.4"><joint name="elbow" axis="0 -1 0"/>
    <inertial pos="0 0 -0.15" mass="0.7" diaginertia="0.01 0.01 0.001"/><site name="tip" pos="0 0 -0.3"/>
  </body></body></worldbody>
<actuator>{actuators}</actuator></mujoco>"""
MOTORS = '<motor joint="shoulder"/><motor joint="elbow" gear="2"/>'
SERVOS = '<position joint="shoulder" kp="200" kv="20"/><position joint="elbow" kp="100" kv="10"/>'


class Equations:
    """Joint angles from hanging down, positive towards +x."""

    def inertia(self, q):
        both = I2 + M2 * (C2**2 + L1 * C2 * np.cos(q[1]))
        first = I1 + I2 + M1 * C1**2 + M2 * (L1**2 + C2**2 + 2 * L1 * C2 * np.cos(q[1]))
        return np.array([[first, both], [both, I2 + M2 * C2**2]])

    def bias(self, q, w):
        h = -M2 * L1 * C2 * np.sin(q[1])
        coriolis = np.array([h * (2 * w[0] * w[1] + w[1] ** 2), -h * w[0] ** 2])
        second = M2 * C2 * G * np.sin(q[0] + q[1])
        return coriolis + np.array([(M1 * C1 + M2 * L1) * G * np.sin(q[0]) + second, second])

    def swing(self, q, time):
        """Angles after a time without torque, from rest."""

        def slope(t, x):
            return np.concatenate([x[2:], np.linalg.solve(self.inertia(x[:2]), -self.bias(x[:2], x[2:]))])

        start = np.concatenate([q, np.zeros(2)])
        return solve_ivp(slope, (0, time), start, method="DOP853", rtol=1e-12, atol=1e-12).y[:2, -1]

    def energy(self, q, w):
        height = -C1 * M1 * np.cos(q[0]) - M2 * (L1 * np.cos(q[0]) + C2 * np.cos(q[0] + q[1]))
        return 0.5 * w @ self.inertia(q) @ w + G * height


@pytest.fixture(scope="session")
def equations():
    return Equations()


@pytest.fixture(scope="session")
def links():
    def links(h=0.001, integrator="implicitfast", actuators=MOTORS):
        return LINKS.format(h=h, integrator=integrator, actuators=actuators)

    links.servos = SERVOS
    return links


class Play(AbstractFeedforwardPrimitive):
    """Commands as they are given."""

    shape: tuple[int, int]

    def default_params(self):
        return jnp.zeros(self.shape)

    def trajectory(self, params, ts, *, key=None):
        return params


@pytest.fixture(scope="session")
def play():
    """`play(commands, ts, plant=..., ...)`: a rollout of given commands."""

    def play(commands, ts, **arguments):
        return rollout(Play(np.shape(commands)), np.asarray(commands), ts, **arguments)

    return play


def _denavit_hartenberg(angles):
    """The flange's pose in closed form, by the Denavit-Hartenberg parameters of the LWR4+ (m, a = 0, alpha in quarter turns)."""
    pose = np.eye(4)
    lengths, turns = (0.3105, 0, 0.40, 0, 0.39, 0, 0.078), (1, -1, -1, 1, 1, -1, 0)
    for angle, d, turn in zip(angles, lengths, turns, strict=True):
        c, s, ca, sa = np.cos(angle), np.sin(angle), 1 - abs(turn), turn
        pose = pose @ np.array(
            [[c, -s * ca, s * sa, 0], [s, c * ca, -c * sa, 0], [0, sa, ca, d], [0, 0, 0, 1]]
        )
    return pose


@pytest.fixture(scope="session")
def denavit_hartenberg():
    return _denavit_hartenberg
