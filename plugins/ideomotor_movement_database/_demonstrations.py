"""Demonstrated movements, checked where they enter."""

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ideomotor import Trajectory, as_numbers, check_demonstration
from ideomotor.common.rotations import unwrap
from ideomotor.errors import DataError

SPACES = ("cartesian", "joint", "pose")
_FAR = 50.0  # m; no robot's hand works that far from its base
_TURNS = 8 * np.pi  # rad; no joint turns four times
_JUMP, _FAST = 0.5, 20.0  # rad, rad/s; no arm's joint is that fast
_PAUSE = 0.5  # s; a shorter rest is part of the movement
_REST = 0.02  # of the speed at which most of the way is travelled
_UNWRAPPED = "unwrapped"  # metadata: the joints whose angles were recorded within one turn


class Speeds(NamedTuple):
    """The medians, over demonstrations, of their mean and of their peak speed while they move (m/s or rad/s)."""

    mean: float
    peak: float


@dataclass(frozen=True, eq=False)
class Demonstration:
    """One demonstrated movement.

    - `name`: what it is called in graphs and messages; unique among the demonstrations of a database.
    - `ts`: increasing times (s), shape `(time,)`; at least two.
    - `ys`: shape `(time, dof)`: positions (m), joint angles (rad) or poses, each a position (m) and a unit quaternion (w, x, y, z).
    - `space`: `"cartesian"`, `"joint"` or `"pose"`.
    - `metadata`: texts that are kept beside it.

    Quaternions are normalised, and their signs made continuous; joint angles that were recorded within one turn are
    unwrapped. Raises `DataError` for data that is not a movement; warns where the magnitude looks like millimetres or degrees.
    """

    name: str
    ts: np.ndarray
    ys: np.ndarray
    space: Literal["cartesian", "joint", "pose"] = "cartesian"
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if not (isinstance(self.name, str) and self.name.strip()):
            raise DataError(f"A demonstration needs a name, not {self.name!r}.")
        if self.space not in SPACES:
            raise DataError(
                f"Demonstration {self.name!r}: space {self.space!r} is not one of {', '.join(SPACES)}."
            )
        ts, ys = _numbers(self, "ts", 1), _numbers(self, "ys", 2)
        if len(ts) != len(ys):
            raise DataError(
                f"Demonstration {self.name!r} has {len(ts)} times and {len(ys)} samples; there must be one time "
                f"per sample."
            )
        if len(ts) < 2:
            raise DataError(
                f"Demonstration {self.name!r} has {len(ts)} sample(s); a movement has at least two."
            )
        if not np.all(np.diff(ts) > 0):
            i = int(np.argmax(np.diff(ts) <= 0))
            raise DataError(
                f"Demonstration {self.name!r}: times must increase, and ts[{i + 1}] = {ts[i + 1]:g} follows "
                f"ts[{i}] = {ts[i]:g}; sort the samples and drop repeated ones."
            )
        if ys.shape[1] < 1:
            raise DataError(f"Demonstration {self.name!r} has no coordinates: ys has shape {ys.shape}.")
        metadata = {clean(str(key)): clean(str(value)) for key, value in dict(self.metadata).items()}
        if self.space == "pose":
            ys = _pose(self.name, ys)
        check_demonstration(Trajectory(ts, ys))  # that its unit of time is plausible
        self._warn_of_units(ys)
        if self.space == "joint" and np.abs(ys).max() <= _TURNS:
            ys, joints = _unwrapped(self.name, ts, ys)
            metadata |= {_UNWRAPPED: " ".join(map(str, joints))} if len(joints) else {}
        for array in (ts, ys):
            array.setflags(write=False)
        metadata = MappingProxyType(metadata)
        for attribute, value in (("name", clean(self.name)), ("ts", ts), ("ys", ys), ("metadata", metadata)):
            object.__setattr__(self, attribute, value)

    @property
    def dof(self) -> int:
        """Numbers per sample."""
        return self.ys.shape[1]

    @property
    def trajectory(self) -> Trajectory:
        """The same movement as a `Trajectory`, from time zero."""
        return Trajectory(self.ts - self.ts[0], self.ys)

    def __len__(self) -> int:
        return len(self.ts)

    def __repr__(self) -> str:
        return f"Demonstration({self.name!r}, {len(self)} samples, {self.dof} dof, {self.space})"

    def _warn_of_units(self, ys: np.ndarray) -> None:
        if self.space == "joint":
            size, limit, found, wanted = np.abs(ys).max(), _TURNS, "degrees", "radians"
        else:
            places = ys[:, :3] if self.space == "pose" else ys
            size, limit, found, wanted = np.abs(places).max(), _FAR, "millimetres", "metres"
        if size > limit:
            warnings.warn(
                f"Demonstration {self.name!r} reaches {size:.4g}; this looks like {found}, and {wanted} are "
                f"expected.",
                stacklevel=4,
            )


@dataclass(frozen=True, eq=False)
class Demonstrations:
    """Demonstrations that fit together: one space, one number of coordinates, no two alike, all names unique.

    Behaves like a tuple of `Demonstration`s. Warns where one is a hundred times larger than another.
    """

    items: tuple[Demonstration, ...]

    def __init__(self, items: Iterable[Demonstration]):
        items = tuple(items)
        if not items:
            raise DataError("There are no demonstrations; give at least one.")
        first, names, contents = items[0], {}, {}
        for item in items:
            if not isinstance(item, Demonstration):
                raise DataError(f"Expected a Demonstration, not a {type(item).__name__}.")
            if (item.space, item.dof) != (first.space, first.dof):
                raise DataError(
                    f"Demonstration {item.name!r} has {item.dof} coordinates ({item.space}) and {first.name!r} "
                    f"has {first.dof} ({first.space}); keep them in separate databases."
                )
            if item.name in names:
                raise DataError(f"Two demonstrations are called {item.name!r}; rename one.")
            content = (item.ys.tobytes(), (item.ts - item.ts[0]).round(9).tobytes())
            if content in contents:
                raise DataError(
                    f"Demonstrations {contents[content]!r} and {item.name!r} are the same movement; drop one."
                )
            names[item.name] = contents[content] = item.name
        object.__setattr__(self, "items", items)
        self._warn_of_sizes()

    @property
    def space(self) -> str:
        """The space of all of them."""
        return self.items[0].space

    @property
    def dof(self) -> int:
        """Numbers per sample."""
        return self.items[0].dof

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(item.name for item in self.items)

    @property
    def ys(self) -> Float[np.ndarray, "sample dof"]:
        """All samples, one demonstration after the other."""
        return np.concatenate([item.ys for item in self.items])

    @property
    def offsets(self) -> Int[np.ndarray, " bounds"]:
        """Demonstration i is the samples `offsets[i]:offsets[i + 1]`."""
        return np.concatenate([[0], np.cumsum([len(item) for item in self.items])])

    @property
    def continuous(self) -> tuple[int, ...]:
        """The numbers of the joints that turn without end: some demonstration passed the end of the recorded turn."""
        joints = {int(j) for item in self for j in item.metadata.get(_UNWRAPPED, "").split()}
        return tuple(sorted(joints)) if self.space == "joint" else ()

    @functools.cached_property
    def moving(self) -> Bool[np.ndarray, " sample"]:
        """Of all samples, which are not in a pause: a rest of at least half a second."""
        return np.concatenate([_moving(item) for item in self])

    def speeds(self, kinematics: Callable[[Any], Any] | None = None) -> Speeds:
        """Of the demonstrations while they move, from sample to sample, each over at least 20 ms because of noise.

        A demonstration's peak is the speed that it exceeds for 1 % of its time: one sample that jumps is no speed.
        `kinematics`, a function from samples `(n, dof)` to what moves with them, `(n, k)`, such as the hand of an arm whose
        joints were recorded: the speeds of that.
        """
        means, peaks, offsets = [], [], self.offsets
        for item, begin in zip(self, offsets[:-1], strict=True):
            place = _metric(item) if kinematics is None else np.asarray(kinematics(item.ys))
            moves = self.moving[begin : begin + len(item)]
            stride = max(1, min(len(item) - 1, round(0.02 / np.median(np.diff(item.ts)))))
            step = np.linalg.norm(place[stride:] - place[:-stride], axis=1)
            both = moves[stride:] & moves[:-stride]
            if both.any():
                peaks.append(np.percentile((step / (item.ts[stride:] - item.ts[:-stride]))[both], 99))
            both = moves[1:] & moves[:-1]
            if both.any():
                length = np.linalg.norm(np.diff(place, axis=0), axis=1)[both].sum()
                means.append(length / np.diff(item.ts)[both].sum())
        # Demonstrations of rest have no speed; a movement between them takes its time all the same.
        return Speeds(*(max(float(np.median(values or [0.0])), 1e-3) for values in (means, peaks)))

    def __iter__(self) -> Iterator[Demonstration]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]

    def __repr__(self) -> str:
        return f"Demonstrations({len(self)}, {len(self.ys):,} samples, {self.dof} dof, {self.space})"

    def _warn_of_sizes(self) -> None:
        if self.space == "joint" or len(self) < 2:
            return
        sizes = np.array([np.abs(item.ys[:, :3]).max() for item in self.items])
        small, large = int(np.argmin(sizes)), int(np.argmax(sizes))
        if sizes[small] > 0 and sizes[large] / sizes[small] > 100:
            warnings.warn(
                f"Demonstration {self.names[large]!r} is {sizes[large] / sizes[small]:.0f} times as large as "
                f"{self.names[small]!r}; one may be in millimetres.",
                stacklevel=4,
            )


def clean(text: str) -> str:
    """Without what cannot be written as UTF-8, such as the bytes of a file name in another encoding."""
    return text.encode("utf-8", "replace").decode()


def _numbers(demonstration: Demonstration, name: str, ndim: int) -> np.ndarray:
    where = f"Demonstration {demonstration.name!r}: {name}"
    array = np.array(as_numbers(getattr(demonstration, name), where), np.float64)
    if array.ndim != ndim:
        wanted = "(time,)" if ndim == 1 else "(time, dof)"
        raise DataError(f"{where} has shape {array.shape} and must be {wanted}.")
    if not np.all(np.isfinite(array)):
        place = ", ".join(str(int(i)) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataError(f"{where}[{place}] is not a finite number; repair or drop that sample.")
    return array


def _pose(name: str, ys: np.ndarray) -> np.ndarray:
    if ys.shape[1] != 7:
        raise DataError(
            f"Demonstration {name!r} has {ys.shape[1]} coordinates; a pose has seven, x y z and the quaternion "
            f"w x y z."
        )
    norms = np.linalg.norm(ys[:, 3:], axis=1)
    if np.any(np.abs(norms - 1) > 0.05):
        i = int(np.argmax(np.abs(norms - 1)))
        raise DataError(
            f"Demonstration {name!r}: ys[{i}, 3:] has length {norms[i]:.3g} and must be a unit quaternion."
        )
    quaternions = ys[:, 3:] / norms[:, None]
    # q and -q are the same orientation; neighbours get the same sign.
    turns = np.where(np.sum(quaternions[1:] * quaternions[:-1], axis=1) < 0, -1.0, 1.0)
    quaternions[1:] *= np.cumprod(turns)[:, None]
    return np.concatenate([ys[:, :3], quaternions], axis=1)


def _unwrapped(name: str, ts: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Joint angles without the jumps of a recorder that keeps them within one turn, and the joints that had some.

    Warns of what is left of jumps: steps of more than half a turn, or far larger and faster than the joint's others.
    """
    unwrapped = unwrap(ys)
    steps = np.abs(np.diff(unwrapped, axis=0))
    speeds = steps / np.diff(ts)[:, None]
    odd = (steps > _JUMP) & (speeds > _FAST) & (steps > 8 * np.percentile(steps, 95, axis=0))
    if np.any(odd | (steps > np.pi)):
        i, j = np.argwhere(odd | (steps > np.pi))[0]
        warnings.warn(
            f"Demonstration {name!r}: joint {j} jumps by {abs(ys[i + 1, j] - ys[i, j]):.3g} rad between samples {i} and {i + 1}, in "
            f"{ts[i + 1] - ts[i]:.3g} s; samples may be missing there.",
            stacklevel=5,
        )
    return unwrapped, np.flatnonzero(np.any(unwrapped != ys, axis=0)).tolist()


def _metric(item: Demonstration) -> np.ndarray:
    """Samples in coordinates whose distances are metres or radians; 0.1 m for a radian of rotation."""
    return item.ys if item.space != "pose" else np.concatenate([item.ys[:, :3], 0.2 * item.ys[:, 3:]], axis=1)


def _moving(item: Demonstration) -> np.ndarray:
    """Which samples of a demonstration are not in a pause. Speeds are over 0.2 s, so that noise is no movement."""
    place, ts = _metric(item), item.ts
    reach = max(1, round(0.1 / float(np.median(np.diff(ts)))))
    if len(ts) < 4 * reach or ts[-1] - ts[0] < 2 * _PAUSE:
        return np.ones(len(ts), bool)
    index = np.arange(len(ts))
    low, high = np.maximum(index - reach, 0), np.minimum(index + reach, len(ts) - 1)
    speed = np.linalg.norm(place[high] - place[low], axis=1) / (ts[high] - ts[low])
    # The speed below which half of the way is travelled; rests add time, but hardly any way.
    order = np.argsort(speed)
    way = np.cumsum((speed * np.gradient(ts))[order])
    usual = speed[order][min(np.searchsorted(way, 0.5 * way[-1]), len(ts) - 1)]
    rests = np.concatenate([[False], speed <= _REST * usual, [False]])
    begins, ends = (np.flatnonzero(np.diff(rests.astype(int)) == sign) for sign in (1, -1))
    moving = np.ones(len(ts), bool)
    for a, b in zip(begins, ends, strict=True):
        if ts[b - 1] - ts[a] >= _PAUSE:
            moving[a:b] = False
    return moving if moving.any() else np.ones(len(ts), bool)
