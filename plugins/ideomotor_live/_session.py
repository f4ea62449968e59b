"""A pipeline that moves a robot in real time.

    wait for the deadline ──▶ read ──▶ guards ──▶ ask for a reference ──▶ limits ──▶ send ──▶ record

It is `ideomotor.Loop` at the pace of a clock: `Loop.start` makes its parameters, states and commands. Its steps are taken
here, on plain arrays, because attributes of modules alone cost more than the whole of such a step.
"""

import contextlib
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import ideomotor
from ideomotor import AbstractPlant, AbstractPrimitive, Pipeline
from ideomotor.capabilities import SupportsRobot, require
from ideomotor.errors import AssemblyError, DataError

from ._blend import Blend
from ._deadlines import quiet, wait_for
from ._guards import Guards, Watch, not_ready
from ._limits import Limiter, Limits
from ._played import Columns, Log, Played
from ._protocols import SupportsDuration
from ._sources import Planned, Policy

_WINDOW = 1.0  # s, in which missed deadlines are counted


class Session:
    """A pipeline on a robot: `run()` here, or `start()` in a thread of its own, with `change`, `hand_over` and `stop`.

    - `pipeline`: a `Pipeline`, or a primitive alone. Its own plant is left out; the robot takes its place.
    - `robot`: a `SupportsRobot`, as a component, a plain object, or a registered name.
    - `rate`: Hz; by default the robot's. `duration`: s of the movement; by default the primitive's own, or 3 s.
    - `limits`: by name, for what the robot does not say or what should be tighter.
    - `guards`: see `Guards`. `law`: see `Limiter`.
    - `release`: let the robot go limp at the end, rather than hold.

    Raises an `AssemblyError` for parts that do not fit, and a `DataError` for limits that make no sense.
    """

    def __init__(
        self,
        pipeline: Any,
        robot: Any,
        *,
        rate: float | int | None = None,
        duration: float | int | None = None,
        limits: Mapping[str, Any] | None = None,
        guards: Guards | None = None,
        law: str = "own",
        release: bool = False,
    ):
        self.robot = _robot(robot)
        self.pipeline = self._joined(pipeline)
        n, self._given = len(self.robot.joints), duration
        self.rate = float(self.robot.rate if rate is None else rate)
        if not 0 < self.rate <= self.robot.rate:
            raise DataError(
                f"The rate is {self.rate:g} Hz, and {ideomotor.plain_object(self.robot).__class__.__name__} takes at most "
                f"{self.robot.rate:g} commands per second; give rate={self.robot.rate:g} or less."
            )
        self.dt = 1 / self.rate
        self.limits = Limits.of(n, self.robot.limits, {} if limits is None else limits)
        self.guards = Guards() if guards is None else guards
        self._limiter = Limiter(self.limits, self.dt, law=law)
        # The way on which a joint is braked from half of its velocity: references may be ahead by about that.
        self._reach = min(
            v * v / (8 * a) for v, a in zip(self.limits.velocity, self.limits.acceleration, strict=True)
        )
        self._release = release
        self._source: Any = None
        self._pending: tuple[Any, bool] | None = None
        self._stop = ""
        self._events: list[tuple[float, str]] = []
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self.played: Played | None = None
        self.cycles = 0  # that have passed, while it runs

    # ── what may be called while it runs ──

    def change(self, observation: Any) -> None:
        """The movement continues with another observation (another picture, target or parameters), without a jump."""
        self._pending = self._make(self.pipeline, observation, like=self._source), False

    def hand_over(self, observation: Any, pipeline: Any = None) -> None:
        """Another movement begins now, of this pipeline or another one, and is entered without a jump."""
        pipeline = self.pipeline if pipeline is None else self._joined(pipeline)
        self._pending = self._make(pipeline, observation, like=self._source), True

    def stop(self, reason: str = "stopped by request") -> None:
        """Bring the robot to rest."""
        self._stop = self._stop or reason

    def start(self, observation: Any = None) -> "Session":
        """Run in a thread of its own; returns once the robot is connected and everything is compiled."""

        def run():
            with contextlib.suppress(BaseException):  # it is in `played.error`, and `wait` raises it
                self.run(observation)
            self._ready.set()

        self._thread = threading.Thread(target=run, name="ideomotor play", daemon=True)
        self._thread.start()
        self._ready.wait()
        return self

    def wait(self) -> Played:
        """What came of it, after its end; raises what a part of the pipeline raised."""
        if self._thread is not None:
            self._thread.join()
        if self.played is None:
            raise AssemblyError("The session has not been started; call run() or start().")
        if self.played.error is not None:
            raise self.played.error
        return self.played

    def __enter__(self) -> "Session":
        return self if self._thread is not None else self.start()

    def __exit__(self, *_: Any) -> None:
        self.stop("left")
        if self._thread is not None:
            self._thread.join()

    # ── the loop ──

    def run(self, observation: Any = None) -> Played:
        """Connect, play to the end, stop the robot; returns what was recorded.

        A guard that acts, Ctrl-C and `stop` end it in order: `Played.reason` says which. An exception of a part is raised
        after the robot has been stopped, with what was recorded in its attribute `played`.
        """
        robot = self.robot
        self._stop, self._events, self.played = "", [], None
        try:
            observation = self.pipeline.default_observation() if observation is None else observation
            source = self._make(self.pipeline, observation)
            robot.connect()
            reading = {name: np.asarray(value, float) for name, value in robot.read().items()}
            self._begin(source, reading)
            columns = Columns(reading, len(robot.joints))
            log = Log(columns.width)
            with quiet(), self._interruptible():
                begun = time.time_ns()
                self._ready.set()
                end = self._loop(columns, log, reading)
        except BaseException as caught:
            self.played = self.played or Played(
                None, _name(caught), None, [], 0, self.dt, self.limits, error=caught
            )
            raise
        finally:
            with contextlib.suppress(OSError):
                robot.stop(self._release)
        movement = columns.movement(log.table())
        self.played = Played(
            movement,
            end.reason,
            end.stopped_at,
            self._events,
            end.missed,
            self.dt,
            self.limits,
            tuple(robot.joints),
            tuple(robot.units),
            begun,
            reading["joint_position"],
            end.error,
        )
        if end.error is not None:
            with contextlib.suppress(AttributeError):
                end.error.played = self.played
            raise end.error
        return self.played

    def play(self, observation: Any = None, *, record: Path | str | None = None) -> Played:
        """`run`, and write what was recorded, also where an exception ended it.

        - `record`: a new folder, or a new file of a format that is written, such as `out.mcap`.
        """
        if record is None:
            return self.run(observation)
        path = Path(record)
        with _place(path) as place:
            try:
                return self.run(observation)
            finally:
                if self.played is not None and (self.played.movement is not None or not path.suffix):
                    self.played.save(place)

    def _begin(self, source: "Planned | Policy", reading: dict[str, np.ndarray]) -> None:
        here = reading["joint_position"]
        self.limits.check_start(here, self.robot.joints)
        if problem := not_ready(reading, self.guards):
            raise DataError(f"The robot is not ready: {problem}; nothing was sent.")
        source.approach(here)
        self._source, self._pending = source, None
        self._limiter.start(here)
        self._limiter.step(here)  # and all of its code has been run once

    def _loop(self, columns: Columns, log: Log, reading: dict[str, np.ndarray]) -> "_End":
        robot, limiter, dt, clock = self.robot, self._limiter, self.dt, time.perf_counter
        reference = last = np.asarray(reading["joint_position"])
        command, blend, rate, share, k = [float(q) for q in reference], None, 1.0, 0.0, 0
        end, began = _End(self._events), clock() + dt
        watch = Watch(self.guards, robot, limiter, reading, began)
        try:
            while True:
                now = wait_for(began + k * dt)
                late = now - (began + k * dt)
                skipped = int(
                    late / dt
                )  # deadlines that have passed are left out: the next ones stay where they are
                k, end.missed = k + skipped, end.missed + skipped
                share += (skipped - share * (1 + skipped)) * min(dt / _WINDOW, 1.0)
                t = k * dt
                try:
                    problem = watch.problem(robot.read(), now) or self._stop or watch.excess(command, share)
                    if problem:
                        end.note(t, problem)
                    if not end.reason:
                        if self._pending is not None:
                            (source, again), self._pending = self._pending, None
                            source.follow(self._source, again=again)
                            self._source, blend = source, Blend(reference, last, self.limits, dt)
                            self._events.append((t, "handed over" if again else "changed"))
                        wanted = self._source.next(watch.reading, rate)
                        wanted = wanted if blend is None else blend.add(wanted)
                        if np.isfinite(wanted).all():
                            reference, last = wanted, reference
                        else:
                            end.note(t, "the command is not finite, and was not sent")
                except (OSError, KeyboardInterrupt):
                    raise
                except BaseException as error:  # of a primitive or a driver: the robot is braked first
                    end.error = end.error or error
                    end.note(t, _name(error))
                command = limiter.brake() if end.reason else limiter.step(reference)
                robot.send(command)
                rate = self._slowed(limiter.lag())
                columns.fill(
                    t, late, clock() - now, self._source.phase * dt, reference, command, watch.reading
                )
                log.add(columns.row)
                k += 1
                self.cycles = k
                if limiter.at_rest() and (
                    end.reason or (self._source.done and isinstance(self._source, Planned))
                ):
                    break
                if self._source.done and isinstance(self._source, Policy):
                    end.reason = end.reason or "finished"  # and braked to rest from here on
        except OSError as lost:
            end.note(k * dt, f"connection lost: {lost}")
        except KeyboardInterrupt:
            end.note(k * dt, "Ctrl-C, twice")
        except BaseException as error:
            end.error = end.error or error
            end.note(k * dt, _name(error))
        end.reason = end.reason or "finished"
        return end

    def _slowed(self, lag: float) -> float:
        """The rate of the own time of a policy: slower where its references are out of reach of the limits."""
        if not isinstance(self._source, Policy):
            return 1.0
        return 1 / (1 + (lag / self._reach) ** 2)

    # ── the parts ──

    def _joined(self, pipeline: Any) -> Pipeline:
        if isinstance(pipeline, str | Path):
            pipeline = ideomotor.load_pipeline(pipeline)
        if isinstance(pipeline, AbstractPrimitive):
            pipeline = Pipeline(None, pipeline, plant=self.robot)
        if not isinstance(pipeline, Pipeline):
            raise AssemblyError(f"play takes a pipeline or a primitive, not {pipeline!r:.80}.")
        return Pipeline(pipeline.perception, pipeline.primitive, plant=self.robot, planner=pipeline.planner)

    def _make(self, pipeline: Pipeline, observation: Any, like: Any = None) -> "Planned | Policy":
        """All that is slow: perception, commands, plan or compiling; on the thread of whoever calls."""
        params = pipeline.params(observation)
        loop, duration = ideomotor.Loop(pipeline.primitive, pipeline.plant), self._given
        if duration is None:
            own = pipeline.primitive.duration if isinstance(pipeline.primitive, SupportsDuration) else None
            duration = 3.0 if own is None else own
        given: Any = pipeline.primitive
        if isinstance(given, ideomotor.AbstractFeedforwardPrimitive) or given.default_feedback() is None:
            return Planned(loop, params, self.limits, self.dt, float(duration))
        policy = Policy(loop, params, self.dt, float(duration), like if isinstance(like, Policy) else None)
        policy.compile({name: np.asarray(value, float) for name, value in self.robot.default_state().items()})
        return policy

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C brakes the robot; a second one ends it at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def interrupt(number, frame):
            if self._stop:
                raise KeyboardInterrupt
            self._stop = "Ctrl-C"

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


class _End:
    """Why and when it ends, and what else is known then."""

    def __init__(self, events: list[tuple[float, str]]):
        self.events, self.reason, self.missed = events, "", 0
        self.stopped_at: float | None = None
        self.error: Any = None

    def note(self, t: float, reason: str) -> None:
        """Of several reasons the first one counts."""
        if not self.reason or self.reason == "finished":
            self.reason, self.stopped_at = reason, t
            self.events.append((t, reason))


def _robot(robot: Any) -> Any:
    made = ideomotor.make(robot) if isinstance(robot, str) else robot
    if not isinstance(made, AbstractPlant):
        require(made, SupportsRobot)
        made = ideomotor.host(made)
    return require(made, SupportsRobot)


@contextlib.contextmanager
def _place(path: Path) -> Iterator[Path]:
    """Where to write; that it can be written there is found out before a robot moves."""
    if not path.suffix:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(ideomotor.new_folder(path))
            error = None
            try:
                yield folder
            except BaseException as caught:  # what was recorded is kept
                error = caught
        if error is not None:
            raise error
        return
    if path.exists():
        raise DataError(f"{path} exists; choose another name, or remove it.")
    with tempfile.TemporaryDirectory() as folder:
        small = ideomotor.Recording("try", [ideomotor.Channel("command", [0.0, 1.0], np.zeros((2, 1)))])
        ideomotor.write_recordings(small, Path(folder) / path.name)
    yield path


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
