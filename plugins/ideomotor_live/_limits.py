"""Limits of position, velocity, acceleration and jerk, and the filter that no command passes without keeping them.

Everything is counted in cycles: with q(k) the command of cycle k,

    v(k) = q(k) - q(k-1),   a(k) = v(k) - v(k-1),   j(k) = a(k) - a(k-1)

and the limits are those of these differences, so that what was sent can be checked by differences too. A command is sent
only if the joint can still be braked within all limits afterwards; otherwise it is braked, which is then possible.
"""

import dataclasses
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ideomotor.errors import DataError

NAMES = ("lower", "upper", "velocity", "acceleration", "jerk")
_ROUND = 1e-9  # relative to the limits: rounding
_BISECTIONS = 12


@dataclasses.dataclass(frozen=True)
class Limits:
    """One number per joint, in the unit of its command: position, 1/s, 1/s² and 1/s³.

    What is not given: positions are unbounded, the velocity is 1 / s, the acceleration reaches it in 0.25 s, the jerk
    reaches the acceleration in 0.1 s.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    velocity: tuple[float, ...]
    acceleration: tuple[float, ...]
    jerk: tuple[float, ...]

    @staticmethod
    def of(joints: int, *known: Mapping[str, Any]) -> "Limits":
        """From dictionaries of what is known, by name; the later count more.

        Raises a `DataError` for a limit that is unknown, not positive, or not one number or one per joint.
        """
        given: dict[str, Any] = {name: value for one in known for name, value in one.items()}
        if unknown := set(given) - set(NAMES):
            raise DataError(f"There is no limit {sorted(unknown)[0]!r}; there are {', '.join(NAMES)}.")
        found: dict[str, np.ndarray] = {"lower": np.full(joints, -np.inf), "upper": np.full(joints, np.inf)}
        found["velocity"] = _numbers("velocity", given.get("velocity", 1.0), joints)
        found["acceleration"] = _numbers(
            "acceleration", given.get("acceleration", 4 * found["velocity"]), joints
        )
        found["jerk"] = _numbers("jerk", given.get("jerk", 10 * found["acceleration"]), joints)
        for name in ("lower", "upper"):
            if name in given:
                found[name] = _numbers(name, given[name], joints, positive=False)
        if not np.all(found["lower"] < found["upper"]):
            raise DataError(f"lower {found['lower'].tolist()} must be below upper {found['upper'].tolist()}.")
        return Limits(**{name: tuple(map(float, values)) for name, values in found.items()})

    def check_start(self, position: Any, joints: Sequence[str]) -> None:
        """Raise a `DataError` for a start beyond the limits: from there nothing can be made safe."""
        for name, q, low, high in zip(joints, position, self.lower, self.upper, strict=True):
            if not low <= q <= high:
                raise DataError(
                    f"Joint {name!r} is at {q:.4g}, and its limits are {low:.4g} to {high:.4g}; move it there by hand, "
                    f"or give limits that include it (limits={{'lower': …, 'upper': …}})."
                )


def read_limits(path: Path | str, joints: Sequence[str] | None = None) -> dict[str, list[float]]:
    """`lower`, `upper` and `velocity` of the joints of a URDF, or `lower` and `upper` of an MJCF (degrees become rad).

    - `joints`: their names; by default all that move, in the order of the file.

    Raises a `DataError` for a file that is neither, or a joint that it lacks or does not limit.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise DataError(f"{path} cannot be read as URDF or MJCF: {error}") from error
    table: dict[str, dict[str, float]] = {}
    if root.tag == "robot":
        for joint in root.iter("joint"):
            limit = joint.find("limit")
            if joint.get("type") in ("revolute", "prismatic") and limit is not None:
                row = {name: float(limit.get(name, 0)) for name in ("lower", "upper", "velocity")}
                table[joint.get("name", "")] = {k: v for k, v in row.items() if k != "velocity" or v > 0}
    elif root.tag == "mujoco":
        compiler = root.find("compiler")
        degrees = compiler is None or compiler.get("angle", "degree") == "degree"
        for joint in root.iter("joint"):
            if (name := joint.get("name")) and (span := joint.get("range")):
                unit = math.pi / 180 if degrees and joint.get("type", "hinge") == "hinge" else 1.0
                low, high = (float(number) * unit for number in span.split())
                table[name] = {"lower": low, "upper": high}
    else:
        raise DataError(f"{path} is neither a URDF nor an MJCF; its root is <{root.tag}>.")
    names = list(table) if joints is None else list(joints)
    if missing := [name for name in names if name not in table]:
        raise DataError(
            f"{path} has no limits for {', '.join(missing)}; it has for {', '.join(table) or 'none'}."
        )
    return {
        limit: [table[name][limit] for name in names]
        for limit in ("lower", "upper", "velocity")
        if names and all(limit in table[name] for name in names)
    }


class Limiter:
    """Follows a reference as closely as the limits allow; a reference within them passes as it is.

    - `law`: how a joint that is off its reference returns to it: `"own"`, or `"ruckig"` (`pip install ideomotor[live]`).
      The limits are kept with either.
    """

    def __init__(self, limits: Limits, dt: float, *, law: str = "own"):
        if law not in ("own", "ruckig"):
            raise ValueError(f"law must be 'own' or 'ruckig', not {law!r}.")
        dt = float(dt)
        self.limits, self.dt = limits, dt
        self._joints = [
            _Joint(low, high, v * dt, a * dt**2, j * dt**3)
            for low, high, v, a, j in zip(*(getattr(limits, name) for name in NAMES), strict=True)
        ]
        self._ruckig = _Ruckig(limits, dt) if law == "ruckig" else None

    def start(self, position: Sequence[float] | np.ndarray) -> None:
        """At rest at a position."""
        for joint, q in zip(self._joints, position, strict=True):
            joint.q, joint.v, joint.a, joint.last = float(q), 0.0, 0.0, (float(q), float(q))

    def step(self, reference: Sequence[float] | np.ndarray) -> list[float]:
        """The next command, for where the joints should be in the next cycle."""
        points = [float(q) for q in reference]
        wishes: Any = [None] * len(points)
        if self._ruckig is not None and not all(map(_Joint.on_track, self._joints, points)):
            wishes = self._ruckig.wishes(self._joints, points)
        return [joint.step(q, wish) for joint, q, wish in zip(self._joints, points, wishes, strict=True)]

    def brake(self) -> list[float]:
        """The next command on the shortest way to rest."""
        return [joint.brake() for joint in self._joints]

    def at_rest(self) -> bool:
        """Whether nothing moves any more, but for rounding."""
        return all(max(abs(joint.v), abs(joint.a)) <= 1e-3 * joint.J for joint in self._joints)

    def lag(self) -> float:
        """How far the command is from the reference, the largest of all joints."""
        return max(abs(joint.last[0] - joint.q) for joint in self._joints)

    def stops_at(self) -> list[float]:
        """Where each joint is at rest if it is braked from now on."""
        return [joint.q + _travel(joint.v, joint.a, joint.A, joint.J) for joint in self._joints]


class _Joint:
    """One joint: command, its differences, the last two references, and the limits in cycles."""

    __slots__ = ("A", "J", "L", "U", "V", "a", "last", "q", "v")

    def __init__(self, lower: float, upper: float, velocity: float, acceleration: float, jerk: float):
        self.L, self.U, self.V, self.A, self.J = lower, upper, velocity, acceleration, jerk
        self.q = self.v = self.a = 0.0
        self.last = (0.0, 0.0)

    def on_track(self, target: float) -> bool:
        """Whether the command can be the reference now and goes on with it."""
        speed = target - self.last[0]
        a = target - self.q - self.v
        off_v = target - self.q - speed
        off_a = a - (speed - (self.last[0] - self.last[1]))
        half = 0.5 * self.J
        return abs(off_v) <= half and abs(off_a) <= half and self._safe(a)

    def step(self, target: float, wish: float | None = None) -> float:
        """The next command towards a reference; `wish` is an acceleration that somebody else computed."""
        target = min(max(target, self.L), self.U)
        if self.on_track(target):
            a = target - self.q - self.v
        else:
            a = self._towards(target) if wish is None else wish
            a = min(max(a, self.a - self.J, -self.A), self.a + self.J, self.A)
            if not self._safe(a):
                a = self._nearest_safe(a)
        self.last = (target, self.last[0])
        return self._move(a)

    def brake(self) -> float:
        """The next command on the shortest way to rest."""
        self.last = (self.q, self.q)
        return self._move(self._braking())

    def _move(self, a: float) -> float:
        self.a = a
        self.v += a
        self.q += self.v
        return self.q

    def _safe(self, a: float) -> bool:
        """Whether, with the acceleration `a` now, all limits are kept and it can be braked within them."""
        A, J, V = self.A, self.J, self.V
        if not abs(a - self.a) <= J * (1 + _ROUND) or not abs(a) <= A * (1 + _ROUND):
            return False
        v = self.v + a
        if v + _ramp(a, J) > V * (1 + _ROUND) or -v + _ramp(-a, J) > V * (1 + _ROUND):
            return False
        q = self.q + v
        return q + _reach(v, a, A, J) <= self.U and q - _reach(-v, -a, A, J) >= self.L

    def _nearest_safe(self, a: float) -> float:
        """Of the accelerations between braking and `a`, nearly the last that is safe."""
        good = self._braking()
        for _ in range(_BISECTIONS):
            middle = 0.5 * (good + a)
            if self._safe(middle):
                good = middle
            else:
                a = middle
        return good

    def _towards(self, target: float) -> float:
        """The acceleration after which braking, seen from the moving reference, ends on it: time-optimal."""
        A, J = self.A, self.J
        low, high = max(self.a - J, -A), min(self.a + J, A)
        speed = target - self.last[0]
        speed = min(max(speed, -self.V), self.V)
        off, v = self.q - target, self.v
        for _ in range(_BISECTIONS + 4):
            a = 0.5 * (low + high)
            if off + v + a + _travel(v + a - speed, a, A, J) > 0:
                high = a
            else:
                low = a
        return 0.5 * (low + high)

    def _braking(self) -> float:
        """The acceleration of the next cycle on the quickest way to rest that keeps jerk and acceleration."""
        v, a, A, J = self.v, self.a, self.A, self.J
        end = v + _ramp(a, J) - _ramp(-a, J)  # the velocity if the acceleration is taken back at once
        if end > 0:
            return max(a - J, -A, -_last(v, J) if v > 0 else -A)
        if end < 0:
            return min(a + J, A, _last(-v, J) if v < 0 else A)
        return math.copysign(max(abs(a) - J, 0.0), a)


class _Ruckig:
    """Accelerations of the next cycle by Ruckig (Berscheid & Kröger 2021), on the quickest way to a moving reference."""

    def __init__(self, limits: Limits, dt: float):
        try:
            from ruckig import InputParameter, OutputParameter, Ruckig, Synchronization
        except ImportError as error:
            raise ImportError("law='ruckig' needs Ruckig: pip install ideomotor[live].") from error
        n = len(limits.velocity)
        self._dt, self._most = dt, limits.velocity
        self._otg, self._in, self._out = Ruckig(n, dt), InputParameter(n), OutputParameter(n)
        self._in.synchronization = Synchronization.No
        self._in.max_velocity, self._in.max_acceleration = list(limits.velocity), list(limits.acceleration)
        self._in.max_jerk = list(limits.jerk)

    def wishes(self, joints: list["_Joint"], points: list[float]) -> list[float | None]:
        """One acceleration in cycles per joint; None where Ruckig has no answer."""
        dt, given = self._dt, self._in
        points = [min(max(q, j.L), j.U) for j, q in zip(joints, points, strict=True)]
        given.current_position = [j.q for j in joints]
        given.current_velocity = [j.v / dt for j in joints]
        given.current_acceleration = [j.a / dt**2 for j in joints]
        given.target_position = points
        given.target_velocity = [
            min(max((q - j.last[0]) / dt, -0.999 * most), 0.999 * most)
            for j, q, most in zip(joints, points, self._most, strict=True)
        ]
        if int(self._otg.update(given, self._out)) < 0:
            return [None] * len(joints)
        return [a * dt**2 for a in self._out.new_acceleration]


def _ramp(a: float, J: float) -> float:
    """What a positive acceleration still adds to the velocity while it is taken back by J in each cycle."""
    if a <= J:
        return 0.0
    n = math.floor(a / J)
    return n * a - 0.5 * J * n * (n + 1)


def _last(v: float, J: float) -> float:
    """The largest deceleration m from which, taken back by J in each cycle, the velocity v becomes 0 and not less."""
    n = math.floor(0.5 * (math.sqrt(1 + 8 * v / J) - 1))
    return (v + 0.5 * J * n * (n + 1)) / (n + 1)


def _stop(v: float, A: float, J: float) -> float:
    """The way from velocity v >= 0 at no acceleration to rest."""
    return 0.5 * v * (v / A + A / J) if v * J >= A * A else v * math.sqrt(v / J)


def _travel(v: float, a: float, A: float, J: float) -> float:
    """The way, with its sign, from (v, a) to rest by the quickest braking, in continuous time."""
    end = v + 0.5 * a * abs(a) / J
    if end < 0:
        return -_travel(-v, -a, A, J)
    n = a / J
    if a >= 0:  # first the acceleration is taken back
        return (v + a * n / 3) * n + _stop(end, A, J)
    before = v + 0.5 * a * a / J  # the velocity from which it was braked
    return _stop(before, A, J) - (-before * n + J * n**3 / 6)


def _reach(v: float, a: float, A: float, J: float) -> float:
    """An upper bound of how far the joint moves forwards from (v, a) while it is braked, in cycles."""
    peak = v + _ramp(a, J)
    if peak <= 0 and v <= 0:
        return 0.0
    if a < 0 and v - _ramp(-a, J) < 0:  # it turns back by itself
        n = (-a - math.sqrt(max(a * a - 2 * J * v, 0.0))) / J
        return max(v * (n + 1), 0.0)
    return max(_travel(v, a, A, J), 0.0) + 2 * max(peak, v)


def _numbers(name: str, value: Any, joints: int, *, positive: bool = True) -> np.ndarray:
    numbers = np.asarray(value, float)
    if numbers.shape not in ((), (joints,)) or np.isnan(numbers).any():
        raise DataError(f"Limit {name!r} must be one number, or {joints}, one per joint, not {value!r:.80}.")
    if positive and not np.all((numbers > 0) & np.isfinite(numbers)):
        raise DataError(f"Limit {name!r} must be positive and finite, not {value!r:.80}.")
    return np.broadcast_to(numbers, (joints,))
