# pyright: reportAttributeAccessIssue=false
"""A model with its data: where in them joints, actuators and tip are, and what touches what."""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from ideomotor.errors import DataError, did_you_mean

from ._drives import Drives, coupled

_LOG = logging.getLogger("ideomotor.mujoco")
_SHORT, _LASTING = 0.02, 1.0  # rad (m), s: what counts as being stuck at a limit
_TURNING = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))


class Robot:
    """A model with its data, and where in them joints, actuators and tip are; what command modes work on.

    - `joints`: the names of the joints that are controlled, in the order of commands and feedback; by default
      those that an actuator turns, or all hinges and slides where none does.
    - `tip`: the name of a site or body; by default the body of the last joint.

    `dofs` and `addresses` index velocities and positions. `scratch` is a second `MjData` for kinematics at
    other joint angles than the present ones.
    """

    def __init__(self, model: mujoco.MjModel, joints: Sequence[str] | None, tip: str | None, name: str):
        self.model, self.name = model, name
        self.data, self.scratch = mujoco.MjData(model), mujoco.MjData(model)
        ids = self._joint_ids(joints)
        self.joints = tuple(model.joint(i).name or f"joint {i}" for i in ids)
        self.addresses, self.dofs = model.jnt_qposadr[ids].astype(int), model.jnt_dofadr[ids].astype(int)
        self._compensated = model.jnt_actgravcomp[model.dof_jntid].astype(bool)
        limited = model.jnt_limited[ids].astype(bool)
        self.lower = np.where(limited, model.jnt_range[ids, 0], -np.inf)
        self.upper = np.where(limited, model.jnt_range[ids, 1], np.inf)
        self.drives = Drives(model, ids)
        self._coupling = None  # velocities of all by those of the joints, where others follow these
        if len(followers := coupled(model, ids)) > len(ids):
            self._coupling = np.zeros((model.nv, len(ids)))
            for joint, (column, slope) in followers.items():
                self._coupling[model.jnt_dofadr[joint], column] = slope
        self.actuators = self.drives.motors
        self.has_motors = bool(len(ids)) and bool(np.all(self.actuators >= 0))
        if self.has_motors:
            self._strength = (
                model.actuator_gear[self.actuators, 0] * model.actuator_gainprm[self.actuators, 0]
            )
        self._find_tip(ids, tip)
        self._full = np.zeros((model.nv, model.nv))
        self._jacobian = np.zeros((2, 3, model.nv))
        self._velocity = np.zeros(6)
        self._stuck, self._reported = (0.0, -np.inf), False
        self.set_point: Any = None  # of the present command

    def _joint_ids(self, joints) -> np.ndarray:
        model = self.model
        turning = [i for i in range(model.njnt) if model.jnt_type[i] in _TURNING]
        if joints is None:
            acts_on = model.actuator_trntype == int(mujoco.mjtTrn.mjTRN_JOINT)
            moved = set(model.actuator_trnid[acts_on, 0].tolist())
            return np.array([i for i in turning if i in moved] or turning, int)
        names = {model.joint(i).name: i for i in turning}
        for joint in joints:
            if joint not in names:
                raise DataError(
                    f"{self.name} has no hinge or slide joint {joint!r}.{did_you_mean(joint, names)}"
                )
        return np.array([names[joint] for joint in joints], int)

    def _find_tip(self, ids, tip: str | None) -> None:
        model = self.model
        if tip is None:
            # With no joint to hang on, the last body: something that only falls has a tip too.
            self._site, self._body = -1, int(model.jnt_bodyid[ids[-1]]) if len(ids) else model.nbody - 1
            return
        self._site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, tip)
        self._body = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, tip)
        if self._site < 0 and self._body < 0:
            known = [model.site(i).name for i in range(model.nsite)]
            known += [model.body(i).name for i in range(1, model.nbody)]
            raise DataError(f"{self.name} has no site or body {tip!r} for a tip.{did_you_mean(tip, known)}")
        self._body = int(model.site_bodyid[self._site]) if self._site >= 0 else self._body

    def floating_base(self) -> str | None:
        """The body with a free joint on which controlled joints hang, if there is one."""
        model = self.model
        for joint in np.flatnonzero(model.jnt_type == int(mujoco.mjtJoint.mjJNT_FREE)):
            root = int(model.jnt_bodyid[joint])
            if np.any(model.body_rootid[model.dof_bodyid[self.dofs]] == root):
                return model.body(root).name or f"body {root}"
        return None

    def need_motors(self, mode: str) -> None:
        """Raise a `DataError` unless every controlled joint has a motor that gives torque."""
        if not self.has_motors:
            raise DataError(
                f"{mode} commands torques, and not every joint of {self.name} ({', '.join(self.joints) or 'none'}) "
                f"has a plain motor; pass actuators='motors', or use a mode that sends set points."
            )

    def position(self) -> np.ndarray:
        """Joint positions, rad or m."""
        return self.data.qpos[self.addresses]

    def velocity(self) -> np.ndarray:
        """Joint velocities, rad/s or m/s."""
        return self.data.qvel[self.dofs]

    def inertia(self) -> np.ndarray:
        """The mass matrix of the controlled joints, with what follows them, at the present position."""
        mujoco.mj_fullM(self.model, self.data, self._full)
        if self._coupling is not None:
            return self._coupling.T @ self._full @ self._coupling
        return self._full[np.ix_(self.dofs, self.dofs)]

    def bias(self) -> np.ndarray:
        """The torque that gravity, Coriolis forces, springs and dampers take at the present state."""
        # Where actuators compensate gravity, MuJoCo leaves it out of the passive forces and adds it to theirs.
        bias = self.data.qfrc_bias - self.data.qfrc_passive - self._compensated * self.data.qfrc_gravcomp
        return bias[self.dofs] if self._coupling is None else self._coupling.T @ bias

    def apply(self, torque: np.ndarray) -> None:
        """Let the motors give these joint torques."""
        self.data.ctrl[self.actuators] = torque / self._strength

    def report_limits(self, error: np.ndarray) -> None:
        """Log a warning, once, when an actuator has been at a limit for a second with its joint short of the set point by `error`."""
        now = float(self.data.time)
        stuck = np.abs(error) > _SHORT
        if stuck.any():
            stuck &= self.drives.saturated(self.model, self.data)
        start, last = self._stuck
        if not stuck.any() or not last <= now <= last + 0.5 * _LASTING:
            start = now
        self._stuck = (start, now)
        if now - start > _LASTING and not self._reported:
            self._reported, k = True, int(np.argmax(stuck))
            _LOG.warning(
                "%s: what moves joint %r has been at its limit for %g s, and the joint is %.3f from its set point; move less or more "
                "slowly, or carry less.",
                *(self.name, self.joints[k], _LASTING, abs(error[k])),
            )

    def tip_pose(self, data: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Position (m) and orientation (unit quaternion, w first) of the tip in the world."""
        data = self.data if data is None else data
        if self._site < 0:
            return data.xpos[self._body].copy(), data.xquat[self._body].copy()
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, data.site_xmat[self._site])
        return data.site_xpos[self._site].copy(), quaternion

    def tip_velocity(self) -> np.ndarray:
        """Velocity (m/s) and angular velocity (rad/s) of the tip, in world axes: `(6,)`."""
        kind = mujoco.mjtObj.mjOBJ_XBODY if self._site < 0 else mujoco.mjtObj.mjOBJ_SITE
        which = self._body if self._site < 0 else self._site
        mujoco.mj_objectVelocity(self.model, self.data, kind, which, self._velocity, 0)
        return np.concatenate([self._velocity[3:], self._velocity[:3]])

    def tip_jacobian(self, data: Any = None) -> np.ndarray:
        """Tip velocity and angular velocity per joint velocity: `(6, joints)`."""
        data, jac = self.data if data is None else data, self._jacobian
        if self._site < 0:
            mujoco.mj_jacBody(self.model, data, jac[0], jac[1], self._body)
        else:
            mujoco.mj_jacSite(self.model, data, jac[0], jac[1], self._site)
        return jac.reshape(6, -1)[:, self.dofs]

    def tip_drift(self) -> np.ndarray:
        """The tip's acceleration at joint accelerations of zero: `(6,)`."""
        jac = self._jacobian
        mujoco.mj_jacDot(self.model, self.data, jac[0], jac[1], self.tip_pose()[0], self._body)
        return jac.reshape(6, -1)[:, self.dofs] @ self.velocity()

    def kinematics_at(self, position: np.ndarray) -> mujoco.MjData:
        """Kinematics with the controlled joints at `position` and all else as it is."""
        self.scratch.qpos[:] = self.data.qpos
        self.scratch.qpos[self.addresses] = position
        mujoco.mj_kinematics(self.model, self.scratch)
        mujoco.mj_comPos(self.model, self.scratch)
        return self.scratch


def rotation_error(wanted: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The rotation vector (rad, world axes) that turns `present` into `wanted`, both unit quaternions."""
    turn, inverse, vector = np.zeros(4), np.zeros(4), np.zeros(3)
    mujoco.mju_negQuat(inverse, present)
    mujoco.mju_mulQuat(turn, wanted, inverse)
    mujoco.mju_quat2Vel(vector, turn, 1.0)
    return vector


_KINDS = {
    "body": mujoco.mjtObj.mjOBJ_BODY,
    "geom": mujoco.mjtObj.mjOBJ_GEOM,
    "site": mujoco.mjtObj.mjOBJ_SITE,
}


@dataclasses.dataclass(frozen=True)
class Contact:
    """Two things that touch.

    - `bodies`: their names; `geoms`: the numbers of their geoms in the model.
    - `position`: where, m, in the world; `normal`: the unit vector from the first to the second.
    - `force`: on the second, N, world axes; the first feels the opposite.
    - `distance`: of the surfaces, m; negative where they press into each other.
    """

    bodies: tuple[str, str]
    geoms: tuple[int, int]
    position: np.ndarray
    normal: np.ndarray
    force: np.ndarray
    distance: float


def contact_forces(
    model: mujoco.MjModel, data: mujoco.MjData
) -> list[tuple[int, int, np.ndarray, np.ndarray]]:
    """`(first geom, second geom, position, force on the second in world axes)` of each contact."""
    found, local = [], np.zeros(6)
    for i in range(data.ncon):
        contact = data.contact[i]
        mujoco.mj_contactForce(model, data, i, local)
        force = local[:3] @ contact.frame.reshape(3, 3)
        found.append((int(contact.geom1), int(contact.geom2), contact.pos.copy(), force))
    return found


def contacts(model: mujoco.MjModel, data: mujoco.MjData) -> list[Contact]:
    """All contacts, with names and forces."""
    found = []
    for i, (one, two, position, force) in enumerate(contact_forces(model, data)):
        bodies = tuple(_body_name(model, model.geom_bodyid[geom]) for geom in (one, two))
        contact = data.contact[i]
        found.append(
            Contact(
                (bodies[0], bodies[1]),
                (one, two),
                position,
                contact.frame[:3].copy(),
                force,
                float(contact.dist),
            )
        )
    return found


def _body_name(model, body) -> str:
    return model.body(int(body)).name or f"body {body}"


class ContactSensors:
    """The total contact force on named bodies, geoms or sites.

    For a body it is that on all its own geoms, not on those of its children; for a site, that on its body inside the site's volume,
    taken as a ball of its largest size.
    """

    def __init__(self, model: mujoco.MjModel, names: tuple[str, ...], owner: str):
        self._geoms: dict[str, tuple[frozenset[int], int]] = {}
        known = [model.body(i).name for i in range(1, model.nbody)] + [
            model.geom(i).name for i in range(model.ngeom)
        ]
        for name in names:
            ids = {kind: mujoco.mj_name2id(model, number, name) for kind, number in _KINDS.items()}
            kind = next((kind for kind, i in ids.items() if i >= 0), None)
            if kind is None:
                raise DataError(
                    f"{owner} has no body, geom or site {name!r} for contact forces."
                    f"{did_you_mean(name, filter(None, known))}"
                )
            if kind == "geom":
                self._geoms[name] = (frozenset([ids["geom"]]), -1)
                continue
            body = ids["body"] if kind == "body" else int(model.site_bodyid[ids["site"]])
            geoms = frozenset(np.flatnonzero(model.geom_bodyid == body).tolist())
            self._geoms[name] = (geoms, ids["site"] if kind == "site" else -1)

    def read(self, model: mujoco.MjModel, data: mujoco.MjData) -> dict[str, np.ndarray]:
        """The force on each, N, world axes: `{name: (3,)}`."""
        total = {name: np.zeros(3) for name in self._geoms}
        if not data.ncon or not total:
            return total
        for one, two, position, force in contact_forces(model, data):
            for name, (geoms, site) in self._geoms.items():
                sign = (two in geoms) - (one in geoms)
                if sign and (site < 0 or _within(model, data, site, position)):
                    total[name] += sign * force
        return total


def _within(model, data, site, position) -> bool:
    return bool(np.linalg.norm(position - data.site_xpos[site]) <= model.site_size[site].max())
