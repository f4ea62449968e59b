# pyright: reportAttributeAccessIssue=false
"""Which actuators move the controlled joints, and the controls that make them hold set points."""

import mujoco
import numpy as np

_JOINT = (int(mujoco.mjtTrn.mjTRN_JOINT), int(mujoco.mjtTrn.mjTRN_JOINTINPARENT))
_NONE, _INTEGRATOR = int(mujoco.mjtDyn.mjDYN_NONE), int(mujoco.mjtDyn.mjDYN_INTEGRATOR)
_FILTER, _EXACT = int(mujoco.mjtDyn.mjDYN_FILTER), int(mujoco.mjtDyn.mjDYN_FILTEREXACT)

_ENDLESS = np.array([-np.inf, np.inf])


def coupled(model: mujoco.MjModel, joints: np.ndarray) -> dict[int, tuple[int, float]]:
    """For the joints, and those that equalities make follow them: which of the joints that is, and how far it moves with it."""
    found = {int(joint): (k, 1.0) for k, joint in enumerate(joints)}
    for i in np.flatnonzero(model.eq_type == int(mujoco.mjtEq.mjEQ_JOINT)):
        one, two, ratio = int(model.eq_obj1id[i]), int(model.eq_obj2id[i]), float(model.eq_data[i, 1])
        if two in found and one not in found:
            found[one] = (found[two][0], ratio * found[two][1])
        elif one in found and two not in found and two >= 0 and ratio:
            found[two] = (found[one][0], found[one][1] / ratio)
    return found


def moments(model: mujoco.MjModel, joints: np.ndarray) -> np.ndarray:
    """Torque of each joint by a unit of force of each actuator, `(actuators, joints)`: gears, coefficients of fixed tendons."""
    known = coupled(model, joints)
    found = np.zeros((model.nu, len(joints)))
    for a in range(model.nu):
        gear, target = float(model.actuator_gear[a, 0]), int(model.actuator_trnid[a, 0])
        if model.actuator_trntype[a] in _JOINT:
            coefficients = [(target, 1.0)]
        elif model.actuator_trntype[a] == int(mujoco.mjtTrn.mjTRN_TENDON):
            wraps = range(model.tendon_adr[target], model.tendon_adr[target] + model.tendon_num[target])
            fixed = [w for w in wraps if model.wrap_type[w] == int(mujoco.mjtWrap.mjWRAP_JOINT)]
            coefficients = [(int(model.wrap_objid[w]), float(model.wrap_prm[w])) for w in fixed]
        else:
            continue
        for joint, coefficient in coefficients:
            if joint in known:
                column, slope = known[joint]
                found[a, column] += gear * coefficient * slope
    return found


class Drives:
    """The actuators of the controlled joints, as affine laws: force = gain · input + b₀ + b₁ · length + b₂ · speed.

    A joint is led by all its position servos (b₁ < 0), else by a motor (no bias), else by a velocity servo (b₂ < 0); other
    servos on it are kept from pushing. The input is the control, or the activation of an integrator or filter.

    - `motors`: for each joint the plain motor that alone gives its torque, -1 for none.
    - `computed`: joints led by motors. `stiffness`, `damping`: of each joint by its servos, N m/rad and N m s/rad.
    - `missing`: joints that nothing leads. `independent`: whether every joint can be moved without the others.
    """

    def __init__(self, model: mujoco.MjModel, joints: np.ndarray):
        moment, gain = moments(model, joints), model.actuator_gainprm[:, 0]
        affine = model.actuator_biastype == int(mujoco.mjtBias.mjBIAS_AFFINE)
        bias = np.where(affine[:, None], model.actuator_biasprm[:, :3], 0.0)
        plain = (model.actuator_gaintype == int(mujoco.mjtGain.mjGAIN_FIXED)) & (gain != 0) & moment.any(1)
        plain &= affine | (model.actuator_biastype == int(mujoco.mjtBias.mjBIAS_NONE))
        plain &= np.isin(model.actuator_dyntype, (_NONE, _INTEGRATOR, _FILTER, _EXACT))
        position, velocity = plain & (bias[:, 1] < 0), plain & (bias[:, 1] == 0) & (bias[:, 2] < 0)
        motor = plain & ~bias.any(1) & (model.actuator_dyntype != _INTEGRATOR)
        simple = motor & (model.actuator_dyntype == _NONE) & ((moment != 0).sum(1) == 1)
        leads = np.zeros(model.nu, bool)
        self.motors, self.computed = np.full(len(joints), -1), np.zeros(len(joints), bool)
        self.missing = []
        for k in range(len(joints)):
            on = moment[:, k] != 0
            if (on & position).any():
                leads |= on & position
            elif (on & motor).any():
                last = np.flatnonzero(on & motor)[-1]
                leads[last] = self.computed[k] = True
                self.motors[k] = last if simple[last] and not (on & velocity).any() else -1
            elif (on & velocity).any():
                leads[np.flatnonzero(on & velocity)[-1]] = True
            else:
                self.missing.append(k)
        self.independent = bool(len(joints)) and np.linalg.matrix_rank(moment[leads]) == len(joints)
        self._rows = rows = np.flatnonzero(leads | position | velocity)
        self._moment, self._gain, self._bias = moment[rows], gain[rows], bias[rows]
        self._velocity, self._dynamics = velocity[rows], model.actuator_dyntype[rows]
        self._activation, self._time = model.actuator_actadr[rows], model.actuator_dynprm[rows, 0]
        self._active = self._dynamics != _NONE
        self._share = np.zeros((len(rows), len(joints)))  # of the joints' torques in the leaders' forces
        self._share[leads[rows]] = np.linalg.pinv(moment[leads].T) if leads.any() else 0.0
        self._limited = model.actuator_ctrllimited[rows].astype(bool)
        ranges = np.where(
            model.actuator_forcelimited[rows, None].astype(bool), model.actuator_forcerange[rows], _ENDLESS
        )
        for i, a in enumerate(rows):  # the joint's own limit, where it is the actuator's alone
            k = int(np.argmax(moment[a] != 0))
            if (
                model.jnt_actfrclimited[joints[k]]
                and (moment[:, k] != 0).sum() == (moment[a] != 0).sum() == 1
            ):
                own = np.sort(model.jnt_actfrcrange[joints[k]] / moment[a, k])
                ranges[i] = np.maximum(ranges[i, 0], own[0]), np.minimum(ranges[i, 1], own[1])
        self._low, self._high = (1 - 1e-6) * ranges.T
        self.stiffness, self.damping = -((self._moment**2).T @ self._bias[:, 1:]).T

    def hold(self, data: mujoco.MjData) -> None:
        """Let the servos hold the joints where they are."""
        wanted = self._inputs(data, *[np.zeros(self._moment.shape[1])] * 4)
        data.act[self._activation[self._active]] = wanted[self._active]
        data.ctrl[self._rows] = np.where(self._dynamics == _INTEGRATOR, 0.0, wanted)

    def track(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        error: np.ndarray,
        velocity: np.ndarray,
        torque: np.ndarray,
        catch: np.ndarray,
    ) -> None:
        """Set the controls for set points that are `error` ahead and move with `velocity`.

        - `torque`: fed forward, N m. `catch`: the speed at which velocity servos take the error away, rad/s.
        """
        wanted = self._inputs(data, error, velocity, torque, catch)
        if self._active.any():  # the activations are brought there within a step, as far as controls can
            there = self._activations(data)
            ratio = model.opt.timestep / np.maximum(self._time, model.opt.timestep)
            share = np.where(self._dynamics == _EXACT, -np.expm1(-ratio), ratio)
            filtered = np.where(self._active, there + (wanted - there) / share, wanted)
            rate = (wanted - there) / model.opt.timestep
            wanted = np.where(self._dynamics == _INTEGRATOR, rate, filtered)
        data.ctrl[self._rows] = wanted

    def _inputs(self, data, error, velocity, torque, catch) -> np.ndarray:
        length = data.actuator_length[self._rows] + self._moment @ error
        speed = self._moment @ velocity + self._velocity * (self._moment @ catch)
        force = self._share @ torque - self._bias[:, 0] - self._bias[:, 1] * length - self._bias[:, 2] * speed
        # A force that MuJoCo has to clip is damped no more, and a light joint then chatters between its limits.
        passive = self._passive(data)
        return (np.clip(force + passive, self._low, self._high) - passive) / self._gain

    def _activations(self, data) -> np.ndarray:
        there = np.zeros(len(self._rows))
        there[self._active] = data.act[self._activation[self._active]]
        return there

    def saturated(self, model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
        """Which joints are moved by an actuator that is at a limit of its control or its force."""
        control, ranges = data.ctrl[self._rows], model.actuator_ctrlrange[self._rows]
        clipped = np.where(self._limited, np.clip(control, ranges[:, 0], ranges[:, 1]), control)
        force = self._gain * np.where(self._active, self._activations(data), clipped) + self._passive(data)
        within = (0.99 * self._low < force) & (force < 0.99 * self._high) & (clipped == control)
        return (self._moment[~within] != 0).any(0)

    def _passive(self, data) -> np.ndarray:
        """The forces at an input of zero."""
        length, speed = data.actuator_length[self._rows], data.actuator_velocity[self._rows]
        return self._bias[:, 0] + self._bias[:, 1] * length + self._bias[:, 2] * speed
