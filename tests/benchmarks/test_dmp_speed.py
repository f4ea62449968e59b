"""Speed of the DMP beside its peers, measured in one process with interleaved minima.

    pytest tests/benchmarks/test_dmp_speed.py --benchmarks -s

The bars are ratios, so that they hold on a busy machine too; JAX and PyTorch run in float32 on the same
cores.
"""

import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor_dmp import DMP, DMPParams
from ideomotor_studies.kit.run import keep_results

pytestmark = [pytest.mark.benchmark_suite, pytest.mark.filterwarnings("ignore")]
SAMPLES, DOF, BASIS, TAU = 300, 2, 25, 3.0


def fastest(rounds, **calls):
    """Least time (ms) of each call; the calls take turns so that a load on the machine meets all of them.

    Threads of PyTorch wait for more work in a busy loop and would take a core from whoever comes next: each turn
    begins with a pause that lets them go to sleep, and is made of several calls.
    """
    for call in calls.values():
        call()
    best = dict.fromkeys(calls, np.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            time.sleep(0.02)
            for _ in range(3):
                start = time.perf_counter()
                call()
                best[name] = min(best[name], time.perf_counter() - start)
    return {name: 1e3 * value for name, value in best.items()}


def report(title, times, ours):
    print(f"\n{title}")
    for name, value in sorted(times.items(), key=lambda item: item[1]):
        print(f"  {name:42s} {value:12.3f} ms   {value / times[ours]:10.2f} x")
    keep_results(title, **{name: value / times[ours] for name, value in times.items()})


def movements(batch, fixed=False):
    rng = np.random.default_rng(0)
    values = [1e3 * rng.normal(size=(batch, DOF, BASIS)), *(10 * rng.normal(size=(2, batch, DOF)))]
    tau = TAU * (1 + 0.05 * rng.uniform(-1, 1, batch))
    as_float32 = lambda a: jnp.asarray(a, jnp.float32)  # noqa: E731
    return DMPParams(*map(as_float32, values), None if fixed else as_float32(tau))


def blocked(function, *arguments):
    return lambda: jax.block_until_ready(function(*arguments))


def mp_pytorch(kind, learn_tau):
    torch = pytest.importorskip("torch")
    factory = pytest.importorskip("mp_pytorch.mp").MPFactory
    arguments = dict(num_basis=BASIS, basis_bandwidth_factor=2, num_basis_outside=0, dt=0.01)
    arguments |= dict(alpha=25, alpha_phase=2)
    made = factory.init_mp(kind, arguments, num_dof=DOF, tau=TAU, learn_tau=learn_tau, dtype=torch.float32)
    return torch, made


def torch_positions(kind, params, learn_tau):
    """A function of MP_PyTorch's flat parameters that gives the positions, and those parameters."""
    torch, made = mp_pytorch(kind, learn_tau)
    batch = len(params.goal)
    flat = np.concatenate([params.weights, np.asarray(params.goal)[..., None]], axis=2).reshape(batch, -1)
    if learn_tau:
        flat = np.concatenate([np.asarray(params.tau)[:, None], flat], axis=1)
    flat = torch.tensor(flat, dtype=torch.float32)
    start = torch.tensor(np.asarray(params.start))
    ts = torch.linspace(0, TAU, SAMPLES).expand(batch, SAMPLES)
    zeros = torch.zeros(batch), torch.zeros(batch, DOF)

    def play(flat, start):
        if learn_tau:
            made.reset()  # it refuses new parameters once tau has a gradient
        made.update_inputs(times=ts, params=flat, init_time=zeros[0], init_pos=start, init_vel=zeros[1])
        return made.get_traj_pos()

    return torch, play, flat, start


def movement_primitives_rollouts(params, count):
    """`count` rollouts with its default, compiled integrator; the caller scales the time."""
    dmp_class = pytest.importorskip("movement_primitives.dmp").DMP
    dmp = dmp_class(DOF, execution_time=TAU, dt=TAU / (SAMPLES - 1), n_weights_per_dim=BASIS)

    def play():
        for i in range(count):
            dmp.execution_time_ = float(params.tau[i])
            dmp.forcing_term.weights_ = np.asarray(params.weights[i], float)
            start, goal = (np.asarray(a[i], float) for a in (params.start, params.goal))
            dmp.configure(start_y=start, goal_y=goal)
            dmp.open_loop(run_t=TAU)

    return play


def test_thousand_rollouts():
    params, ts = movements(1000), jnp.linspace(0.0, TAU, SAMPLES, dtype=jnp.float32)
    ours = jax.jit(jax.vmap(lambda p: DMP().trajectory(p, ts)))
    calls = {"ideomotor": blocked(ours, params)}
    for kind, learn in (("dmp", True), ("prodmp", True)):
        torch, play, flat, start = torch_positions(kind, params, learn)

        def without_gradient(torch=torch, play=play, flat=flat, start=start):
            with torch.no_grad():
                play(flat, start)

        calls[f"MP_PyTorch {kind}"] = without_gradient
    times = fastest(30, **calls)
    few = fastest(3, **{"movement_primitives": movement_primitives_rollouts(params, 20)})
    times["movement_primitives"] = few["movement_primitives"] * 50
    report("1,000 rollouts of 300 samples, 2 DOF, tau +- 5 %", times, "ideomotor")
    assert times["movement_primitives"] >= 5000 * times["ideomotor"]
    assert times["MP_PyTorch dmp"] >= 40 * times["ideomotor"]
    assert times["MP_PyTorch prodmp"] >= 40 * times["ideomotor"]


@pytest.mark.parametrize(("learn_tau", "bar"), [(True, 8), (False, 15)])
def test_loss_and_gradient(learn_tau, bar):
    params, ts = movements(100, fixed=not learn_tau), jnp.linspace(0.0, TAU, SAMPLES, dtype=jnp.float32)
    target = jnp.asarray(np.random.default_rng(1).normal(size=(100, SAMPLES, DOF)), jnp.float32)
    dmp = DMP() if learn_tau else DMP(duration=TAU)
    loss = lambda p, y: jnp.sum((dmp.trajectory(p, ts) - y) ** 2) / (2 * SAMPLES)  # noqa: E731
    ours = jax.jit(jax.vmap(jax.value_and_grad(loss)))
    torch, play, flat, start = torch_positions("prodmp", params, learn_tau)
    wanted = torch.tensor(np.asarray(target))

    def theirs():
        leaf, first = flat.clone().requires_grad_(), start.clone().requires_grad_()
        cost = ((play(leaf, first) - wanted) ** 2).sum() / (2 * SAMPLES)
        return torch.autograd.grad(cost, [leaf, first])

    times = fastest(100, **{"ideomotor": blocked(ours, params, target), "MP_PyTorch prodmp": theirs})
    report(f"loss and gradient, batch 100, {'55' if learn_tau else '54'} parameters", times, "ideomotor")
    assert times["MP_PyTorch prodmp"] >= bar * times["ideomotor"]


def test_a_training_step_with_the_trajectory_loss():
    """The network of Pahič et al. (6.4 million parameters), batch 140: trajectory loss against parameter
    loss."""
    import optax

    sizes = (1600, 1500, 1300, 1000, 600, 200, 20, 35, 55)
    keys = jax.random.split(jax.random.key(0), len(sizes))
    layers = [eqx.nn.Linear(a, b, key=k) for a, b, k in zip(sizes[:-1], sizes[1:], keys[1:], strict=True)]
    images = jax.random.uniform(keys[0], (140, 1600))
    params, ts = movements(140), jnp.linspace(0.0, TAU, SAMPLES, dtype=jnp.float32)
    target = jax.vmap(lambda p: DMP().trajectory(p, ts))(params)
    flat = lambda p: jnp.concatenate([p.weights.ravel() / 1e4, p.goal, p.start, p.tau[None]])  # noqa: E731
    wanted = jax.vmap(flat)(params)

    def output(layers, image):
        for layer in layers[:-1]:
            image = jnp.tanh(layer(image))
        return layers[-1](image)

    def decode(out):
        return DMPParams(1e4 * out[:50].reshape(2, 25), out[50:52], out[52:54], TAU * jnp.exp(0.1 * out[54]))

    def parameter_loss(layers):
        return jnp.mean(jnp.sum((jax.vmap(lambda im: output(layers, im))(images) - wanted) ** 2, axis=1)) / 2

    def trajectory_loss(layers):
        drawn = jax.vmap(lambda im: DMP().trajectory(decode(output(layers, im)), ts))(images)
        return jnp.mean(jnp.sum((drawn - target) ** 2, axis=(1, 2))) / (2 * SAMPLES)

    optimiser = optax.adam(5e-4)

    def step(loss):
        @jax.jit
        def go(layers, state):
            value, gradient = jax.value_and_grad(loss)(layers)
            updates, state = optimiser.update(gradient, state)
            return optax.apply_updates(layers, updates), state, value

        return blocked(go, layers, optimiser.init(layers))

    times = fastest(40, **{"parameter loss": step(parameter_loss), "trajectory loss": step(trajectory_loss)})
    report("one training step of Pahič's network, batch 140", times, "parameter loss")
    assert times["trajectory loss"] <= 1.1 * times["parameter loss"]
