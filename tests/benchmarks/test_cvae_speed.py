"""One training step of the R-CVAE, against the same network in PyTorch.

    OMP_NUM_THREADS=1 pytest -n 0 tests/benchmarks/test_cvae_speed.py --benchmarks -s

Both sides run on one processor, in turn: the bound with one latent, its gradient, clipping to norm 5, Adam. Prints the least
wall and CPU time of a step; on a busy machine the ratios of CPU times are the ones to read.
"""

import os
import time

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import ideomotor
from ideomotor_cvae import CVAE, negative_bound

pytestmark = [pytest.mark.benchmark_suite, pytest.mark.usefixtures("one_processor")]

GRASP = {"contacts": (3, 3), "normals": (3, 3)}
OUTPUTS, LATENT, WIDTH, BATCH = 18, 5, 64, 100
SIZES = {
    "preset cpu": (
        32,
        ideomotor.make("network-in-network", (16, 32), (5, 3), (1,), width=128, stride=2, cells=4),
        (128,),
        True,
    ),
    "paper's towers, 32 px": (32, ideomotor.make("network-in-network"), (), False),
}


def _data(pixels):
    random = np.random.default_rng(0)
    return (
        random.normal(size=(BATCH, pixels, pixels, 5)).astype(np.float32),
        random.normal(size=(BATCH, OUTPUTS)).astype(np.float32),
    )


def _ours(pixels, tower, generator, shared):
    model = CVAE(
        GRASP,
        (pixels, pixels, 5),
        ideomotor.make("recurrent-prior"),
        tower,
        latent=LATENT,
        width=WIDTH,
        generator=generator,
        share_tower=shared,
    )
    pictures, grasps = _data(pixels)
    params = {"contacts": grasps[:, :9].reshape(-1, 3, 3), "normals": grasps[:, 9:].reshape(-1, 3, 3)}
    batch = {"observations": jnp.asarray(pictures), "params": jax.tree.map(jnp.asarray, params)}
    optimiser = optax.chain(optax.clip_by_global_norm(5.0), optax.adam(1e-3, b2=0.99))
    trained = eqx.tree_at(lambda m: (m.scaling, m.eye), model, replace=(None, None))
    weights, _ = eqx.partition(trained, eqx.is_inexact_array)
    rest = eqx.tree_at(
        lambda m: (m.scaling, m.eye),
        eqx.filter(model, eqx.is_inexact_array, inverse=True),
        (model.scaling, model.eye),
        is_leaf=lambda x: x is None,
    )

    @jax.jit
    def step(weights, memory, key):
        def loss(weights):
            return negative_bound(eqx.combine(weights, rest), batch, key)[0]

        updates, memory = optimiser.update(jax.grad(loss)(weights), memory)
        return optax.apply_updates(weights, updates), memory

    state = [weights, optimiser.init(weights)]

    def once():
        state[:] = jax.block_until_ready(step(*state, jax.random.key(0)))

    return once, sum(x.size for x in jax.tree.leaves(weights))


def _theirs(pixels, tower, generator, shared):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    nn = torch.nn
    norm = torch.nn.utils.parametrizations.weight_norm

    def dense(a, b):
        return norm(nn.Linear(a, b))

    def layers(*sizes):
        return nn.Sequential(
            *[
                part
                for a, b in zip(sizes, sizes[1:], strict=False)
                for part in (dense(a, b), nn.LeakyReLU(0.2))
            ]
        )

    class Tower(nn.Module):
        def __init__(self):
            super().__init__()
            parts, before = [], 5
            for i, (channels, kernel) in enumerate(zip(tower.channels, tower.kernels, strict=True), 1):
                stride = tower.stride if i == 1 else 1
                parts += [norm(nn.Conv2d(before, channels, kernel, stride, kernel // 2)), nn.LeakyReLU(0.2)]
                parts += [nn.MaxPool2d(2)] if i in tower.pool_after else []
                before = channels
            parts += [
                norm(nn.Conv2d(before, tower.mixed, 1)),
                nn.LeakyReLU(0.2),
                nn.AdaptiveAvgPool2d(tower.cells),
            ]
            self.parts = nn.Sequential(
                *parts, nn.Flatten(), layers(tower.mixed * tower.cells**2, tower.width)
            )

        def forward(self, x):
            return self.parts(x)

    class Head(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.mean, self.log_sigma = dense(inputs, outputs), dense(inputs, outputs)

        def forward(self, x):
            return self.mean(x), 2 * torch.tanh((self.log_sigma(x) + 1) / 2) - 1

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.given = layers(OUTPUTS, OUTPUTS)
            self.shared = layers(tower.width + OUTPUTS, WIDTH)
            self.head = Head(WIDTH, LATENT)

        def forward(self, x, y):
            return self.head(self.shared(torch.cat([x, self.given(y)], 1)))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.towers = nn.ModuleList([Tower() for _ in range(1 if shared else 3)])
            self.recognition, self.prior = Encoder(), Encoder()
            self.guess = nn.Sequential(layers(tower.width, WIDTH), dense(WIDTH, OUTPUTS))
            self.latent = None if generator else layers(LATENT, LATENT, OUTPUTS)
            inputs = tower.width + LATENT + OUTPUTS if generator else 2 * OUTPUTS
            self.joint = layers(inputs, *(generator or (OUTPUTS,)))
            self.head = Head((generator or (OUTPUTS,))[-1], OUTPUTS)

        def forward(self, x, y):
            x = x + 0.05 * torch.randn_like(x)
            known = y + 0.05 * torch.randn_like(y)
            seen = [t(x) for t in self.towers] * (3 if shared else 1)
            guess = self.guess(seen[2])
            (qm, qs), (pm, ps) = self.recognition(seen[0], known), self.prior(seen[1], guess)
            z = qm + torch.exp(qs) * torch.randn_like(qm)
            joint = [guess, self.latent(z)] if self.latent is not None else [seen[2], z, guess]
            mean, log_sigma = self.head(self.joint(torch.cat(joint, 1)))
            scaled = (y - guess - mean) * torch.exp(-log_sigma)
            density = (-0.5 * (scaled**2 + np.log(2 * np.pi)) - log_sigma).sum(1)
            ratio, shift = torch.exp(2 * (qs - ps)), (qm - pm) * torch.exp(-ps)
            divergence = 0.5 * (ratio + shift**2 - 1 - torch.log(ratio)).sum(1)
            return (divergence - density).mean()

    network = Network()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.9, 0.99))
    pictures, grasps = _data(pixels)
    # (batch, channels, height, width), stored channels last: PyTorch's faster layout for convolutions on a processor.
    x, y = torch.tensor(pictures).permute(0, 3, 1, 2), torch.tensor(grasps)

    def once():
        optimiser.zero_grad()
        network(x, y).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()

    return once, sum(p.numel() for p in network.parameters())


def _least(step, repeats):
    step()
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


SLOWER = pytest.mark.xfail(reason="0.7 times as fast when measured: gradients of wide convolutions")


@pytest.mark.parametrize("name", ["preset cpu", pytest.param("paper's towers, 32 px", marks=SLOWER)])
def test_training_step_against_pytorch(name):
    """Same numbers to train on both sides, same arithmetic; ours must not be slower."""
    (theirs, their_size), (ours, our_size) = _theirs(*SIZES[name]), _ours(*SIZES[name])
    assert our_size == their_size
    # In turn, so that a neighbour on the machine slows both.
    rounds = [(_least(theirs, 3), _least(ours, 3)) for _ in range(3)]
    (w1, c1), (w2, c2) = (
        tuple(min(part) for part in zip(*side, strict=True)) for side in zip(*rounds, strict=True)
    )
    print(f"\n{name}, batch {BATCH}, {our_size} numbers; wall / CPU ms per step")
    print(f"  PyTorch {1000 * w1:8.1f} {1000 * c1:8.1f}")
    print(f"  ours    {1000 * w2:8.1f} {1000 * c2:8.1f}   {c1 / c2:.2f} times as fast (CPU)")
    assert c2 <= c1
