"""Weights of movement_primitives 0.9.1 and MP_PyTorch 0.1.4, from recorded numbers.

Their integrators are of first order, so that two things are compared: the peer's own integrator on our basis
functions, to rounding, which proves centres, widths and scaling equal; and our exact movement, to the error
of the peer's integrator.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor_dmp import DMP, DMPParams


def exactly(dmp, data, i, weights):
    g, y0, tau = (jnp.asarray(data[f"{name}_{i}"]) for name in ("g", "y0", "tau"))
    return dmp.trajectory(DMPParams(jnp.asarray(weights), g, y0, tau), jnp.asarray(data[f"T_{i}"]))


@pytest.mark.parametrize("i", range(12))
def test_movement_primitives(x64, shared_data, i):
    data = np.load(shared_data / "ref_movement_primitives.npz")
    g, y0, tau, ts = (data[f"{name}_{i}"] for name in ("g", "y0", "tau", "T"))
    alpha = float(data["alpha_y"])
    dmp = DMP(alpha=alpha, alpha_x=-np.log(0.01), overlap=0.8)
    weights = data[f"weights_{i}"].copy()
    if data[f"smooth_{i}"]:
        # Pastor's term, -alpha beta (g - y0) x, is a constant added to all weights.
        weights -= alpha * alpha / 4 * (g - y0)[:, None]
    recorded = data[f"Y_euler_{i}"]

    y, v, found = y0.copy(), np.zeros(2), [y0]
    for before, after in zip(ts[:-1], ts[1:], strict=True):
        t = before
        while t < after:
            dt = min(0.001, after - t)
            t += 0.001
            push = weights @ dmp.system.forcing_basis(np.asarray(min(t, after) / tau))
            v = v + dt * (alpha * (alpha / 4 * (g - y) - tau * v) + push) / tau**2
            y = y + dt * v
        found.append(y)
    np.testing.assert_allclose(found, recorded, rtol=0, atol=1e-10)
    # Its steps of 1 ms are tau / 1000 or tau / 3000.
    assert np.abs(exactly(dmp, data, i, weights) - recorded).max() < 0.3 / float(tau)


@pytest.mark.parametrize("i", range(12))
def test_mp_pytorch(x64, shared_data, i):
    data = np.load(shared_data / "ref_mp_pytorch.npz")
    g, y0, tau, ts = (data[f"{name}_{i}"] for name in ("g", "y0", "tau", "T"))
    dmp = DMP(alpha=48.0, alpha_x=2.0, overlap=np.exp(-1), last_width="extrapolate")
    weights, recorded = data[f"weights_{i}"], data[f"Y_{i}"]
    exact = np.abs(exactly(dmp, data, i, weights) - recorded).max()
    n = int(data[f"n_{i}"])
    if data[f"kind_{i}"] == "prodmp":
        assert exact < {100: 1e-2, 299: 1e-3, 1000: 1e-4}[n]
        return
    assert exact < {100: 1.6, 299: 0.55, 1000: 0.16}[n]
    y, v, found = y0.copy(), np.zeros(2), [y0]
    for before, dt in zip(ts[:-1], np.diff(ts), strict=True):
        push = weights @ dmp.system.forcing_basis(np.asarray(before / tau))
        v = v + dt * (48.0 * (12.0 * (g - y) - tau * v) + push) / tau**2
        y = y + dt * v
        found.append(y)
    np.testing.assert_allclose(found, recorded, rtol=0, atol=1e-11)
