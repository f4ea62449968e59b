# pyright: reportAttributeAccessIssue=false
import copy
import functools
import logging
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import mujoco
import numpy as np
from jaxtyping import Float

from ideomotor.errors import DataError, SimulationError

from ._cartesian import inverse_kinematics
from ._model import add_actuators, attach, compile_spec, name_of, read_spec
from ._modes import AbstractMode, Actuators
from ._robot import Contact, ContactSensors, Robot, contacts

_LOG = logging.getLogger("ideomotor.mujoco")
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_BAD = {
    mujoco.mjtWarning.mjWARN_BADQPOS: "position",
    mujoco.mjtWarning.mjWARN_BADQVEL: "velocity",
    mujoco.mjtWarning.mjWARN_BADQACC: "acceleration",
    mujoco.mjtWarning.mjWARN_BADCTRL: "control",
}
State = Float[np.ndarray, " numbers"]

# The default model: two links that hang down, with a motor at each joint.
EXAMPLE = """
<mujoco model="two links">
  <option timestep="0.002" integrator="implicitfast"/>
  <worldbody>
    <light pos="0 -1 3" dir="0 0.3 -1"/>
    <geom name="floor" type="plane" size="1 1 0.1" rgba="0.85 0.85 0.83 1"/>
    <body name="upper" pos="0 0 0.9">
      <joint name="shoulder" axis="0 -1 0" range="-150 150" limited="true" damping="0.05"/>
      <geom type="capsule" fromto="0 0 0 0 0 -0.3" size="0.025" mass="1" rgba="0.9 0.5 0.15 1"/>
      <body name="lower" pos="0 0 -0.3">
        <joint name="elbow" axis="0 -1 0" range="-150 150" limited="true" damping="0.05"/>
        <geom type="capsule" fromto="0 0 0 0 0 -0.3" size="0.02" mass="0.7" rgba="0.5 0.55 0.6 1"/>
        <site name="tip" pos="0 0 -0.3" size="0.02"/>
      </body>
    </body>
  </worldbody>
  <actuator><motor name="shoulder" joint="shoulder"/><motor name="elbow" joint="elbow"/></actuator>
</mujoco>
"""


class MujocoPlant:
    """Any MJCF or URDF model as a plant, simulated by MuJoCo.

    - `model`: the path of an MJCF, URDF or xacro file, its XML, the name of a robot (`menagerie:franka_emika_panda`,
      `robot-descriptions:panda_mj_description`), or an object whose `spec()` makes an `MjSpec`; by default a small arm
      of two links.
    - `scene`: more such models, put into the same world.
    - `mode`: what a command means: `Actuators`, `JointTorque`, `JointPosition`, `CartesianPose`,
      `OperationalSpace`, `Admittance`.
    - `actuators`: `"model"` uses those of the file; `"motors"` puts a motor on each hinge and slide in their place
      (a URDF has none); `"none"` for passive models.
    - `joints`: the names of the joints that are controlled and seen; by default those that actuators turn.
    - `rest`: their positions (rad, m) in `default_state`; by default the model's first keyframe, or zero.
    - `tip`: the site or body whose pose is seen and commanded; by default the body of the last joint.
    - `contacts`: bodies, geoms or sites whose contact forces are seen.
    - `bodies`: bodies whose poses are seen.
    - `timestep`: s; a step of the plant is made of equal steps of the simulation of at most this length.
    - `packages`: folders that hold the ROS packages whose meshes a URDF names (`package://…`), besides those that ROS knows.

    The state is one vector, MuJoCo's full integration state (`mjSTATE_INTEGRATION`), so that steps are pure and a
    replay is bit-equal. Feedback: `time`; `joint_position`, `joint_velocity`; `tip` (m), `tip_quaternion` (w first),
    `tip_velocity`, `tip_rotation` (rad/s); `contact`: the force on each thing named, N; `body`: position and
    quaternion of each body named; all in world axes; and what the mode adds.

    Raises a `DataError` for a model that cannot be used, and a `SimulationError` where the simulation diverges.
    """

    def __init__(
        self,
        model: Any = None,
        *,
        scene: Sequence[Any] = (),
        mode: AbstractMode | None = None,
        actuators: str = "model",
        joints: Sequence[str] | None = None,
        rest: Sequence[float | int] | np.ndarray | None = None,
        tip: str | None = None,
        contacts: Sequence[str] = (),
        bodies: Sequence[str] = (),
        timestep: float | int | None = None,
        packages: Sequence[Path | str] = (),
    ):
        self.model, self.scene, self.mode, self.actuators = model, tuple(scene), mode, actuators
        self.joints, self.rest, self.tip = joints, rest, tip
        self.contacts, self.bodies, self.timestep = tuple(contacts), tuple(bodies), timestep
        self.packages = tuple(packages)
        self.name = "the example" if model is None else name_of(model)
        if timestep is not None and not timestep > 0:
            raise DataError(f"timestep must be positive, not {timestep} s.")
        self._mode = Actuators() if mode is None else mode
        self._compiled = self._compile()
        self._local = threading.local()
        robot = self.robot
        self._mode.check(robot)
        if self._mode.every_step and (base := robot.floating_base()):
            _LOG.warning(
                "%s floats: no command moves the free joint of its base %r, which falls unless something holds it; remove that "
                "joint from the model to fix the base.",
                *(self.name, base),
            )
        self._sensors = ContactSensors(self._compiled, self.contacts, self.name)
        self._body_ids = {name: self._body_id(name) for name in self.bodies}
        self._default = self.at_joints(rest)
        self._load(self._default)
        self._rest_command = jax.tree.map(np.array, self._mode.rest(robot))

    def _compile(self) -> mujoco.MjModel:
        spec = read_spec(EXAMPLE if self.model is None else self.model, self.packages)
        add_actuators(spec, self.actuators, self.name)
        for part in self.scene:
            attach(spec, part)
        spec.nuserdata = 0
        if self.timestep is not None:
            spec.option.timestep = self.timestep
        model = compile_spec(spec, self.name)
        if memory := self._mode.memory(Robot(model, self.joints, self.tip, self.name)):
            spec.nuserdata = memory
            model = compile_spec(spec, self.name)
        return model

    def _body_id(self, name: str) -> int:
        body = mujoco.mj_name2id(self._compiled, mujoco.mjtObj.mjOBJ_BODY, name)
        if body < 0:
            raise DataError(f"{self.name} has no body {name!r}; name one of the model's bodies.")
        return body

    @property
    def robot(self) -> Robot:
        """Model, data and indices of this thread; its data are whatever was last computed."""
        robot = getattr(self._local, "robot", None)
        if robot is None:
            # A copy each, because the time step is written into the model.
            robot = Robot(copy.copy(self._compiled), self.joints, self.tip, self.name)
            self._local.robot = robot
        return robot

    def default_state(self) -> State:
        """At rest at `rest`."""
        return self._default.copy()

    def default_command(self) -> Any:
        """The command that keeps it there."""
        return jax.tree.map(np.copy, self._rest_command)

    def step(self, state: Any, command: Any, dt: Any) -> State:
        """The state `dt` seconds later; raises a `SimulationError` that says when and where it diverged."""
        return _with_stack(self._step, state, command, dt)

    def observe(self, state: Any) -> dict[str, Any]:
        """Position and velocity of joints and tip, and what `contacts`, `bodies` and the command mode add."""
        return _with_stack(self._observe, state)

    def _step(self, state, command, dt) -> np.ndarray:
        command, (steps, h) = self._checked(command), self.split(float(dt))
        robot, mode = self._load(state), self._mode
        model, data = robot.model, robot.data
        model.opt.timestep = h
        mode.begin(robot, command, steps * h)
        if mode.every_step:
            for i in range(steps):
                mujoco.mj_step1(model, data)
                mode.act(robot, command, i * h)
                mujoco.mj_step2(model, data)
                mode.sense(robot)
        else:
            mode.act(robot, command, 0.0)
            mujoco.mj_step(model, data, steps)
        new = self._save(robot)
        if not np.isfinite(new).all() or any(data.warning[kind].number for kind in _BAD):
            raise SimulationError(self._diverged(robot))
        return new

    def split(self, dt: float) -> tuple[int, float]:
        """Number and length (s) of the simulation's steps in a step of `dt` seconds.

        To the picosecond, so that times that are equal but for rounding make equal steps.
        """
        if not 0 < dt < np.inf:
            raise DataError(f"A step of {self.name} must take a positive time, not dt={dt:g} s.")
        steps = max(1, math.ceil(dt / self._compiled.opt.timestep - 1e-3))
        return steps, round(dt, 12) / steps

    def _observe(self, state) -> dict[str, Any]:
        robot = self._load(state)
        data = robot.data
        mujoco.mj_forward(robot.model, data)
        tip, quaternion = robot.tip_pose()
        moving = robot.tip_velocity()
        seen = {
            "time": np.array(data.time),
            "joint_position": robot.position(),
            "joint_velocity": robot.velocity(),
            "tip": tip,
            "tip_quaternion": quaternion,
            "tip_velocity": moving[:3],
            "tip_rotation": moving[3:],
        }
        if self.contacts:
            seen["contact"] = self._sensors.read(robot.model, data)
        if self.bodies:
            seen["body"] = {
                n: np.concatenate([data.xpos[i], data.xquat[i]]) for n, i in self._body_ids.items()
            }
        return {**seen, **self._mode.observe(robot)}

    def at_joints(self, joint_position: Any = None) -> State:
        """The state at rest with the joints at `joint_position`, and all else as the model has it."""
        robot = self.robot
        model, data = robot.model, robot.data
        if model.nkey:
            mujoco.mj_resetDataKeyframe(model, data, 0)
        else:
            mujoco.mj_resetData(model, data)
        if joint_position is not None:
            position = np.asarray(joint_position, float)
            if position.shape != robot.addresses.shape or not np.isfinite(position).all():
                raise DataError(
                    f"{self.name} has {len(robot.joints)} joints ({', '.join(robot.joints)}); give one finite number for each, "
                    f"not {joint_position}."
                )
            outside = (position < robot.lower - 1e-9) | (position > robot.upper + 1e-9)
            if outside.any():
                i = int(np.argmax(outside))
                raise DataError(
                    f"Joint {robot.joints[i]!r} of {self.name} is limited to {robot.lower[i]:.3f} to {robot.upper[i]:.3f}, "
                    f"and its position cannot be {position[i]:.3f}."
                )
            data.qpos[robot.addresses] = position
        mujoco.mj_forward(model, data)
        self._mode.start(robot)
        return self._save(robot)

    def reach(
        self, position: Any, quaternion: Any = None, *, near: Any = None, restarts: int = 20
    ) -> Float[np.ndarray, " joints"]:
        """Joint positions at which the tip has a pose in the world, by damped least squares.

        - `position`: m; `quaternion`: w first, `None` for any orientation; `near`: joint positions to start from;
          `restarts`: how many other starts to try where that one fails.

        Raises a `DataError` if it is out of reach.
        """
        from ._cartesian import _unit, unreachable

        robot = self._load(self._default)
        target = np.asarray(position, float)
        turned = None if quaternion is None else _unit(np.asarray(quaternion, float))
        start = robot.position() if near is None else np.asarray(near, float)
        joints, distance, angle = inverse_kinematics(robot, target, turned, start, restarts=restarts)
        if distance > 1e-4 or angle > 1e-3:
            raise DataError(unreachable(robot, target, distance, angle))
        return joints

    def data(self, state: Any) -> mujoco.MjData:
        """MuJoCo's own data at a state, with everything computed; a copy, yours to change."""
        robot = self._load(state)
        mujoco.mj_forward(robot.model, robot.data)
        return copy.copy(robot.data)

    def state(self, data: mujoco.MjData) -> State:
        """The state in MuJoCo's data, such as `plant.data(state)` after a change of its `qpos` or `eq_active`."""
        state = np.empty(mujoco.mj_stateSize(self._compiled, _STATE))
        mujoco.mj_getState(self._compiled, data, state, _STATE)
        return state

    @property
    def mj_model(self) -> mujoco.MjModel:
        """MuJoCo's compiled model; do not change it."""
        return self._compiled

    def touching(self, state: Any) -> list[Contact]:
        """All contacts at a state: who, where, how strongly."""
        return contacts(self._compiled, self.data(state))

    def render(self, state: Any, **options: Any) -> np.ndarray:
        """A picture of a state, `(height, width, 3)` uint8: see `ideomotor_mujoco.render`."""
        from ._render import render

        return render(self._compiled, self.data(state), **options)

    def shapes(self) -> list[dict[str, Any]]:
        """The shapes that are seen, as plain arrays, for viewers: see `ideomotor_mujoco.shapes`."""
        from ._render import shapes

        return shapes(self._compiled)

    def poses(self, states: Any) -> Float[np.ndarray, "*time bodies 7"]:
        """Position (m) and quaternion (w first) of each body of `shapes()` at a state, or at each of several."""
        from ._render import body_poses

        states = np.asarray(states, float)
        flat = states.reshape(-1, states.shape[-1])
        found = np.stack([body_poses(robot.model, robot.data) for robot in map(self._load, flat)])
        return found.reshape(*states.shape[:-1], *found.shape[1:])

    def animate(self, movement: Any, path: Path | str, **options: Any) -> Path:
        """Write a movement as a GIF: see `ideomotor_mujoco.save_gif`."""
        from ._render import save_gif

        return save_gif(self, movement, path, **options)

    def _load(self, state) -> Robot:
        robot = self.robot
        # Sizes are checked here, because MuJoCo's own message names neither.
        vector = np.ascontiguousarray(state, float)
        if vector.shape != (size := mujoco.mj_stateSize(robot.model, _STATE),):
            raise DataError(f"A state of {self.name} has {size} numbers; its shape cannot be {vector.shape}.")
        mujoco.mj_setState(robot.model, robot.data, vector, _STATE)
        for kind in _BAD:
            robot.data.warning[kind].number = 0
        return robot

    def _save(self, robot: Robot) -> np.ndarray:
        return self.state(robot.data)

    def _checked(self, command):
        given, wanted = jax.tree.leaves(command), jax.tree.leaves(self._rest_command)
        leaves = [np.asarray(leaf, float) for leaf in given]
        if [leaf.shape for leaf in leaves] != [leaf.shape for leaf in wanted]:
            raise DataError(
                f"A command of {self.name} ({type(self._mode).__name__}) has leaves of shape "
                f"{[leaf.shape for leaf in wanted]}, not {[leaf.shape for leaf in leaves]}."
            )
        if not all(np.isfinite(leaf).all() for leaf in leaves):
            raise DataError(f"The command of {self.name} is not finite: {command}.")
        return jax.tree.unflatten(jax.tree.structure(command), leaves)

    def _diverged(self, robot: Robot) -> str:
        model, data = robot.model, robot.data
        kind = next((k for k in _BAD if data.warning[k].number), mujoco.mjtWarning.mjWARN_BADQVEL)
        number = (
            data.warning[kind].lastinfo if data.warning[kind].number else np.argmax(~np.isfinite(data.qvel))
        )
        if kind == mujoco.mjtWarning.mjWARN_BADCTRL:
            where = f"actuator {model.actuator(int(number)).name!r}"
        else:
            joint = int(np.searchsorted(model.jnt_dofadr, number, side="right")) - 1
            body = model.body(int(model.jnt_bodyid[joint])).name
            where = f"joint {model.joint(joint).name!r} of body {body!r}"
        return (
            f"The simulation of {self.name} diverged at {data.time:.4f} s: the {_BAD[kind]} of {where} is not finite "
            f"or beyond 1e10; take smaller steps (timestep={model.opt.timestep:g} s now), softer gains or commands "
            f"that move less."
        )


def _with_stack(function: Callable, *args: Any) -> Any:
    """Call it on a thread with a stack that MuJoCo's collision detection fits into.

    Inside `jit`, JAX calls back on threads of its own, whose stacks are so small that MuJoCo crashes.
    """
    if isinstance(threading.current_thread(), threading._DummyThread):
        return _own_thread().submit(function, *args).result()
    return function(*args)


@functools.cache
def _own_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "mujoco")
