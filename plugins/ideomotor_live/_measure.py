"""`ideomotor measure live`: how well time, limits and stops are kept, on the simulated robot."""

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

import click
import numpy as np

import ideomotor

from ._guards import Guards
from ._limits import NAMES, Limiter, Limits
from ._plan import excess, make_plan
from ._played import Played
from ._session import Session
from ._simulated import SimulatedRobot

_RATE = 500.0  # Hz
_JOINTS = 7
_FAULTS: dict[str, dict[str, Any]] = {
    "process killed": {},
    "feedback frozen": {"freeze": True},
    "NaN": {"nan": True},
    "20 % of the packets lost": {"loss": 0.2},
    "latency 5 to 80 ms": {"latency": 0.08},
}


@click.command("live")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1),
    default=60.0,
    show_default=True,
    help="Length of the timed run.",
)
@click.option(
    "--faults", type=click.IntRange(min=0), default=5, show_default=True, help="How often each fault is made."
)
@click.option(
    "--examples",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Random references for the limits.",
)
def measure_live(seconds: float, faults: int, examples: int) -> None:
    """Play rhythms at 500 Hz, break the connection, and follow random references; print what was seen.

    A second argument of all of it is what else the machine does: run it alone, then with a core kept busy.
    """
    click.echo(f"{_RATE:g} Hz for {seconds:g} s, {_JOINTS} joints, a rhythmic DMP in another process:")
    for name, primitive in _rhythms():
        played = _timed(primitive, seconds if name == "planned" else min(seconds, 20.0))
        timing = played.timing()
        click.echo(
            f"  {name}: {played.reason}; missed {timing['missed_percent']:.4f} % of {timing['cycles']}; late p50 "
            f"{timing['late_p50_ms']:.3f}, p99.9 {timing['late_p99.9_ms']:.3f}, worst {timing['late_worst_ms']:.3f} ms; "
            f"period {timing['period_ms']:.6f} ms; step p50 {timing['step_p50_us']:.0f} us"
        )
    if examples:
        worst, speed = _limits(examples)
        shares = ", ".join(f"{name} {share:.7f}" for name, share in zip(NAMES[2:], worst, strict=False))
        click.echo(
            f"limits with {examples} random references, largest share used: {shares}; beyond positions {worst[3]:.1e}"
        )
        click.echo(f"  a joint of them takes {1e6 * speed:.1f} us per cycle")
        click.echo(f"paths slowed: {_paths(min(examples, 200))}")
    click.echo(f"hand-overs: {_hand_overs()}")
    for name, settings in _FAULTS.items() if faults else ():
        click.echo(f"{name}, {faults} times: {_broken(name, settings, faults)}")


def _rhythms() -> Iterator[tuple[str, Any]]:
    rhythm = ideomotor.make("periodic-dmp", dof=_JOINTS)
    yield "planned", rhythm
    yield "policy", ideomotor.make("feedback-periodic-dmp", dmp=rhythm, phase="time", phase_coupling=1e-9)


def _timed(primitive: Any, seconds: float) -> Played:
    params = dataclasses.replace(primitive.default_params(), period=np.array(4, np.float32))
    robot = SimulatedRobot(joints=_JOINTS, rate=_RATE)
    return Session(primitive, robot, duration=seconds, guards=Guards(stale=1, missed=1)).run(params)


def _some_limits(draw: np.random.Generator) -> Limits:
    velocity = 10 ** draw.uniform(-0.5, 0.7)
    acceleration = velocity * 10 ** draw.uniform(0.3, 1.3)
    jerk = acceleration * 10 ** draw.uniform(0.3, 1.3)
    return Limits.of(
        1, {"lower": -1, "upper": 1, "velocity": velocity, "acceleration": acceleration, "jerk": jerk}
    )


def _limits(examples: int) -> tuple[np.ndarray, float]:
    """Goals that jump, move and are noisy, waves, hand-overs between them: the largest shares, and s per cycle."""
    worst, spent, cycles = np.full(4, -np.inf), 0.0, 0
    for seed in range(examples):
        draw = np.random.default_rng(seed)
        dt, limits = draw.choice([0.001, 0.002, 0.005, 0.01]), _some_limits(draw)
        limiter, start = Limiter(limits, dt), draw.uniform(-0.99, 0.99)
        limiter.start([start])
        references = np.repeat(draw.uniform(-1.5, 1.5, 8), 50) + draw.choice([0, 0.1]) * draw.normal(size=400)
        references *= np.where(draw.random() < 0.5, 1, np.sin(draw.uniform(1, 40) * dt * np.arange(400)))
        began = time.perf_counter()
        sent: list[Any] = [limiter.step([q]) for q in references]
        spent, cycles = spent + time.perf_counter() - began, cycles + len(sent)
        q = np.concatenate([np.full((3, 1), start), sent])
        shares = [
            np.abs(np.diff(q, k, axis=0)).max() / dt**k / getattr(limits, n)[0]
            for k, n in enumerate(NAMES[2:], 1)
        ]
        worst = np.maximum(worst, [*shares, np.abs(q).max() - 1])
    return worst, spent / cycles


def _paths(examples: int) -> str:
    """How far slowed movements of DMPs are from their paths."""
    dmp, furthest, slowest, dt = ideomotor.make("dmp", dof=3), 0.0, 0.0, 1 / _RATE
    limits = Limits.of(3, {"velocity": 2, "acceleration": 10, "jerk": 200})
    most = [np.asarray(getattr(limits, n)) * dt**k for k, n in enumerate(NAMES[2:], 1)]
    over = 0.0
    for seed in range(examples):
        draw = np.random.default_rng(seed)
        params = dmp.default_params()
        weights = draw.normal(size=np.shape(params.weights)) * draw.uniform(0, 50)
        params = dataclasses.replace(
            params, weights=weights.astype(np.float32), goal=draw.uniform(-1, 1, 3).astype(np.float32)
        )
        fine = np.asarray(ideomotor.rollout(dmp, params, np.arange(0, 1.5, dt / 10)).ys, float)
        plan = make_plan(fine[: len(fine) // 10 * 10 - 9 : 2], limits, dt, fine=5)
        at = np.clip((10 * plan.phase).astype(int)[:, None] + np.arange(-10, 10), 0, len(fine) - 2)
        way, off = (
            fine[at + 1] - fine[at],
            plan.points[:, None] - fine[at],
        )  # distances from the pieces between samples
        share = np.clip(np.sum(way * off, -1) / np.maximum(np.sum(way * way, -1), 1e-30), 0, 1)
        furthest = max(furthest, np.linalg.norm(off - share[..., None] * way, axis=-1).min(1).max())
        slowest, over = (
            max(slowest, len(plan.phase) / len(fine[::10])),
            max(over, excess(plan.points, most).max()),
        )
    return f"{examples} DMPs, up to {slowest:.1f} times as long, within {1e3 * furthest:.3f} mm of the path; use {over:.3f}"


def _hand_overs() -> str:
    """The jerk where one movement is handed over to another that starts elsewhere, against clipped velocities."""
    dmp = ideomotor.make("dmp", dof=2)
    to = dataclasses.replace(dmp.default_params(), goal=np.array([0.5, -0.4], np.float32))
    session = Session(dmp, SimulatedRobot(), rate=200, duration=1.5, guards=Guards(stale=2, missed=1)).start(
        to
    )
    for k in range(4):
        time.sleep(0.25)
        session.hand_over(
            dataclasses.replace(
                to, start=np.array([0.1 * k, 0], np.float32), goal=np.array([0.4, 0.1 * k], np.float32)
            )
        )
    played = session.wait()
    movement: Any = played.movement
    used, jump, dt = played.use_of_limits(), float(np.abs(np.diff(movement.us, axis=0)).max()), played.dt
    raw = np.concatenate(
        [np.zeros((40, 2)), np.full((40, 2), 0.3)]
    )  # a hand-over, clipped to the same velocity
    clipped: Any = [raw[0]]
    for q in raw:
        clipped.append(clipped[-1] + np.clip(q - clipped[-1], -2 * dt, 2 * dt))
    jerk = np.abs(np.diff(clipped, 3, axis=0)).max() / dt**3 / played.limits.jerk[0]
    return (
        f"{len(played.events)}, jerk {used['jerk']:.4f} of its limit (clipping: {jerk:.0f} times it), largest step "
        f"{1e3 * jump:.2f} mrad in {1e3 * dt:g} ms"
    )


def _broken(name: str, settings: dict[str, Any], times: int) -> str:
    """What the fault led to, and after how many cycles the brake was on."""
    dmp, reasons, cycles, whole, used = ideomotor.make("dmp", dof=2), [], [], 0, 0.0
    guards, rate = Guards(missed=1), 200.0
    for seed in range(times):
        robot = SimulatedRobot(latency=0.005, rate=rate, seed=seed)
        params = dataclasses.replace(dmp.default_params(), goal=np.array([1.0, -1.0], np.float32))
        session = Session(dmp, robot, duration=1.5, guards=guards).start(params)
        time.sleep(0.4)
        at = session.cycles
        if settings:
            robot.fault(**settings)
        else:
            robot.kill()
        played = session.wait()
        reasons.append(played.reason.partition(":")[0])
        if played.stopped_at is not None:
            waited = guards.stale * rate if "stale" in played.reason else 0.0
            cycles.append(round(played.stopped_at * rate) - at - waited)
        whole += played.movement is not None and bool(np.isfinite(played.movement.us).all())
        used = max(used, *played.use_of_limits().values())
    seen = ", ".join(f"{reasons.count(reason)} x {reason}" for reason in dict.fromkeys(reasons))
    when = (
        f"; braked {max(cycles):.0f} cycles after it at most (after `stale`, where that is waited for)"
        if cycles
        else ""
    )
    return f"{seen}{when}; records whole {whole} of {times}; largest use of a limit {used:.4f}"
