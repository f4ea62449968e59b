from typing import NamedTuple

import numpy as np

from ideomotor import Trajectory


class Outcome(NamedTuple):
    """What became of a movement of `picking_scene`.

    - `reason`: one of `REASONS`; `held` is success: as in Veres et al. (2017) all finger tips and nothing else of the hand touch the
      object, before the lift and after it, and it is where it was lifted to.
    - `lifted`: how far the object rose from where it was let go, m. `let_go`: when that was, s.
    - `off`: for how long after that not all tips touched, s. (`PickingScene.pick`, which is stricter, stops there: `lost tip`.)
    """

    reason: str
    lifted: float
    let_go: float
    off: float


def outcome(movement: Trajectory, lift: float | int = 0.3) -> Outcome:
    """Judge a movement that reaches, closes, lets go of the clamp and lifts by `lift` m, from its feedback."""
    ts, clamp = np.asarray(movement.ts), np.asarray(movement.us)[:, -1]
    touching = {name: np.asarray(seen) > 0.5 for name, seen in movement.ys["touching"].items()}
    closed = int(np.flatnonzero(clamp > 0.5)[-1]) if (clamp > 0.5).any() else 0
    height = np.asarray(movement.ys["body"]["object"])[:, 2]
    lifted = float(height[-1] - height[closed])
    dt = float(np.diff(ts).mean())
    off = dt * float((~touching["tips"][closed + 1 :].all(1)).sum())
    last = max(1, round(0.1 / dt))  # a tip may chatter
    if touching["table"][closed]:
        reason = "table"
    elif touching["other"][closed]:
        reason = "other part"
    elif not touching["tips"][closed].all():
        reason = "missed"
    elif not touching["tips"][-last:].any(0).all():
        reason = "lost tip"
    elif lifted < 0.5 * lift:
        reason = "dropped"
    else:
        reason = "other part" if touching["other"][-1] else "held"
    return Outcome(reason, lifted, float(ts[closed]), off)
