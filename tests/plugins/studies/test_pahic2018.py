"""The reproduction of Pahič et al. 2018: whole and small, killed and resumed, and refused."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner

import ideomotor
from ideomotor.cli import command
from ideomotor.errors import DataError, IdeomotorError, UnknownNameError
from ideomotor_encoder_decoder import ink_distances
from ideomotor_encoder_decoder.digits import Pairs, synthetic_digits
from ideomotor_studies import reproduce
from ideomotor_studies.kit.run import slug

# The paper's data, disturbances and measures have no public face of their own.
from ideomotor_studies.pahic2018 import _report as measures
from ideomotor_studies.pahic2018._data import (
    KINDS,
    TS,
    all_kinds,
    cropped,
    disturbed,
    fitted,
    longest_leap,
    mnist_row,
    motion_kernel,
)
from ideomotor_studies.pahic2018._settings import PAPER, PRESETS, Sizes
from ideomotor_studies.pahic2018._training import Moved, _fit, _linear, finer, untrained

SMALL = PRESETS["tiny"]._replace(
    ten=Sizes(80, 20, 6, 4),
    two=Sizes(60, 12, 4, 3),
    mnist=Sizes(40, 8, 4, 3),
    widths=(12,),
    channels=(2, 3),
    latent=60,
    seeds=1,
    seed_steps=2,
)


ROWS = ("digit 2", "MNIST 3 and 5")  # each network is compiled anew, so that three rows take long


@pytest.fixture(scope="module")
def digits():
    made = synthetic_digits(60, seed=8, digits=(3, 5), samples=101)
    return Pairs(made.images, made.paths, made.labels, 3 * np.arange(60))


@pytest.fixture(scope="module")
def file(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "pairs.npz"
    np.savez(
        path,
        images=digits.images,
        traj=digits.paths[:, ::2],
        labels=digits.labels,
        mnist_index=digits.numbers,
    )
    return path


@pytest.fixture(scope="module")
def finished(file, tmp_path_factory):
    """A small run that was stopped in the middle and gone on with."""
    folder = tmp_path_factory.mktemp("run") / "pahic"
    stop = pytest.MonkeyPatch()
    stop.setitem(PRESETS, "tiny", SMALL)
    stop.setattr(measures, "_WARPED", 3)

    def say(text):
        if text == "MNIST 3 and 5, eq. (10) …":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduce("pahic2018", folder, preset="tiny", data=file, rows=ROWS, say=say)
    kept = (folder / "stages" / f"{slug('digit 2, eq. (9)')}.json").read_bytes()
    said = []
    results = reproduce(
        "pahic2018", folder, preset="tiny", data=file, rows=ROWS, resume=True, say=said.append
    ).results
    yield folder, results, kept, said
    stop.undo()


def test_a_killed_run_goes_on(finished):
    folder, results, kept, said = finished
    assert (folder / "stages" / f"{slug('digit 2, eq. (9)')}.json").read_bytes() == kept
    assert "digit 2, eq. (9) …" not in said and "MNIST 3 and 5, eq. (10) …" in said
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert sorted(line["stage"] for line in lines) == sorted(results)
    found = json.loads((folder / "results.json").read_text())
    assert found["stages"] == json.loads(json.dumps(results)) and found["command"].endswith("--data FILE")
    assert json.loads((folder / "config.json").read_text())["versions"]["jax"]


def test_the_run_holds_what_the_issue_asks_for(finished):
    folder, results, *_ = finished
    mine = [(row, loss) for row, loss in PAPER if row in ROWS]
    assert len(mine) == 3
    for row, loss in mine:
        assert 0 < results[f"{row}, {loss}"]["mean"] < 40
        assert ideomotor.load(folder / "networks" / slug(f"{row}, {loss}"), kind="perception")
    assert {p.name for p in (folder / "figures").iterdir()} >= {
        "figure_3.png",
        "digit_2.png",
        "learning.png",
    }
    table = (folder / "table.md").read_text()
    for row, loss in mine:
        mean, std = PAPER[row, loss]
        assert (
            f"| {row} | {loss} | {mean:.2f} | {std:.2f} | **{results[f'{row}, {loss}']['mean']:.3f}**"
            in table
        )
    assert "Protocol" in table and ("1 of 1" in table or "0 of 1" in table)
    assert "of the test pairs are over 3 px" in table


def test_robustness_is_reported_for_each_disturbance():
    found = {"mean": 0.5, "warped mean": 0.25}
    table = measures.table({"robustness": {kind: {"eq. (10)": found} for kind in KINDS}}, "tiny")[1]
    assert all(f"| {kind} | 0.500 / 0.250 |" in table for kind in KINDS)


def test_a_saved_network_gives_the_reported_numbers(finished, file):
    folder, results, *_ = finished
    row = mnist_row(file, SMALL.mnist)
    model = ideomotor.load(folder / "networks" / slug("MNIST 3 and 5, cascade, eq. (10)"))
    again = measures.measure(model, row.testing, warped=False)
    assert again["mean"] == pytest.approx(results["MNIST 3 and 5, cascade, eq. (10)"]["mean"], rel=1e-4)


def test_another_run_s_folder_is_refused(finished, file):
    folder, *_ = finished
    with pytest.raises(IdeomotorError, match="choose another folder"):
        reproduce("pahic2018", folder, preset="tiny", data=file, seed=1, resume=True)
    with pytest.raises(IdeomotorError, match="not empty"):
        reproduce("pahic2018", folder, preset="tiny", data=file)


def test_bad_data_are_one_sentence_and_leave_nothing(tmp_path, digits):
    file, out = tmp_path / "bad.npz", tmp_path / "out"
    np.savez(file, images=digits.images, traj=digits.paths + [3, 4], labels=digits.labels)
    args = ["reproduce", "pahic2018", "--preset", "tiny", "--data", str(file), "--out", str(out)]
    result = CliRunner().invoke(command, args)
    assert result.exit_code != 0 and "out of register by 5.0 px" in result.output
    assert "Traceback" not in result.output and result.output.strip().count("\n") == 0 and not out.exists()
    with pytest.raises(UnknownNameError, match="no row 'digit two'"):
        reproduce("pahic2018", out, preset="tiny", rows=("digit two",))
    with pytest.raises(DataError, match="needs pairs"):
        reproduce("pahic2018", out, preset="tiny", rows=("MNIST 3 and 5",))
    assert not out.exists()
    result = CliRunner().invoke(command, ["reproduce", "pahic2018", "--resume"])
    assert result.exit_code != 0 and "--out" in result.output


def test_mnist_is_held_out_by_index(file, digits):
    row = mnist_row(file, Sizes(50, 8, 0, 0))
    assert len(row.testing.images) == 8 and len(row.training.images) == 50 and row.moved
    assert row.testing.numbers.min() > row.training.numbers.max()
    apart = np.linalg.norm(row.testing.paths - digits.paths[-8:], axis=-1)
    assert apart.mean() < 0.1  # px; only the sampling was changed, which cuts a corner here and there
    one = file.with_name("one.npz")
    np.savez(one, images=digits.images, traj=digits.paths, mnist_index=np.zeros(60, int))
    with pytest.raises(DataError, match="same index"):
        mnist_row(one, Sizes(1, 8, 0, 0))


def test_the_papers_preset_has_the_papers_sizes(file, digits):
    """20,000 pairs to train on and to test on, 25,000 updates; affine copies of held-in digits at 40 × 40 px for MNIST."""
    paper = PRESETS["paper"]
    assert paper.ten[:3] == (20_000, 20_000, 25_000) and paper.mnist[0] == 2 * 1170 and paper.copies == 10
    assert (*paper.widths, paper.latent, *paper.decoder) == (1500, 1300, 1000, 600, 200, 20, 35)
    labels = np.unique(digits.labels)
    row = mnist_row(file, Sizes(2 * len(labels), 8, 0, 0), copies=3)
    assert not row.moved and row.training.images.shape == (3 * 2 * len(labels), 40, 40)
    assert sorted(row.training.labels) == sorted(np.repeat(labels, 6))
    assert row.testing.numbers.min() > row.training.numbers.max()
    assert untrained(paper, row, 0).encoder.widths == paper.widths


def test_leaps_over_bare_paper(digits):
    assert longest_leap(digits).max() < 0.5
    straight = np.linspace(digits.paths[:, :1], digits.paths[:, -1:], 50, axis=1)[:, :, 0]
    assert np.median(longest_leap(digits._replace(paths=straight))) > 5


def test_finer_networks_see_the_same(digits):
    row = mnist_row_of(digits)
    model = untrained(SMALL, row, 0)
    more = finer(model, row, basis=30, components=40)
    one, other = measures.paths_seen(model, digits.images[:10]), measures.paths_seen(more, digits.images[:10])
    assert np.linalg.norm(one - other, axis=-1).mean() < 0.05  # px
    slope, mean = _linear(model)
    outputs = np.random.default_rng(0).normal(size=slope.shape[1])
    params = model.scaling.to_params(
        model.mixing @ outputs.astype(np.float32), model.primitive.default_params()
    )
    np.testing.assert_allclose(
        model.primitive.trajectory(params, jnp.asarray(TS)).ravel(), slope @ outputs + mean, atol=1e-2
    )


def mnist_row_of(digits):
    from ideomotor_studies.pahic2018._data import Row

    return Row(digits, digits.take(slice(10)))


def test_fitted_parameters_are_the_paths(digits):
    primitive = ideomotor.make("dmp", dof=2, basis=25, duration=3.0)
    params = fitted(primitive, digits.paths[:30])
    assert params.weights.shape == (30, 2, 25)
    again = jax.vmap(lambda p: primitive.trajectory(p, jnp.asarray(TS)))(params)
    assert np.linalg.norm(np.asarray(again) - digits.paths[:30], axis=-1).mean() < 0.06


def test_moved_paths_are_fitted_as_any_path_is(digits):
    primitive = ideomotor.make("dmp", dof=2, basis=25, duration=3.0)
    params = fitted(primitive, digits.paths[:3])
    wanted = np.concatenate([np.asarray(x).reshape(3, -1) for x in jax.tree.leaves(params)], 1)
    found = digits.paths[:3].reshape(3, -1) @ _fit(primitive).T
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-3 * np.abs(wanted).max())


def test_each_step_sees_other_movements(digits):
    def seen(model, batch, key):
        return batch["images"], batch["paths"]

    batch = {"images": jnp.asarray(digits.images[:5]), "paths": jnp.asarray(digits.paths[:5])}
    images, paths = Moved(seen)(None, batch, jax.random.key(0))
    others, _ = Moved(seen)(None, batch, jax.random.key(1))
    assert np.abs(images - others).mean() > 0.01 and np.abs(paths - batch["paths"]).max() > 1
    again, _ = Moved(seen)(None, batch, jax.random.key(0))
    np.testing.assert_array_equal(again, images)


def test_deviations_across_and_along():
    """A straight path to the right, seen 3 px lower and 4 px late."""
    path = np.stack([np.linspace(0, 50, 101), np.full(101, 7.0)], -1)[None]
    across = measures._across(np.array([[[-4.0, 3.0]]]) + 0 * path, path)
    np.testing.assert_allclose(across, 3.0, atol=1e-6)


def test_disturbances(digits):
    noisy, blurred, dull = (disturbed(digits, kind).images.astype(float) for kind in KINDS[1:4])
    images = digits.images.astype(float)
    # On black paper half of the noise is clipped away, and the rest has the variance 1/2 − 1/(2π) of the whole.
    paper = images == 0
    expected = (images.var((1, 2)) / 10**0.95).mean() * (0.5 - 0.5 / np.pi)
    assert (noisy - images)[paper].var() == pytest.approx(expected, rel=0.05)
    assert blurred.sum() == pytest.approx(images.sum(), rel=0.02) and blurred.std() < 0.95 * images.std()
    assert dull.std() < 0.7 * images.std()
    turned = disturbed(digits, KINDS[4])
    scene = disturbed(digits, KINDS[5])
    assert scene.images.shape == digits.images.shape
    for pairs in (turned, scene):
        apart = [ink_distances(p, i / 255)[1] for p, i in zip(pairs.paths, pairs.images, strict=True)]
        assert np.mean(apart) < 0.3
    assert len(all_kinds(digits).images) == 60
    with pytest.raises(ValueError, match="no disturbance"):
        disturbed(digits, "rain")


def test_cropping_against_a_known_place():
    image = np.zeros((1, 60, 60), np.uint8)
    image[0, 40:51, 5:10] = 255
    pairs = Pairs(image, np.array([[[5.0, 40.0], [9.0, 50.0]]], np.float32), np.zeros(1), np.zeros(1))
    found = cropped(pairs, 40)
    assert found.images.sum() == image.sum() and found.images.shape == (1, 40, 40)
    for column, row in found.paths[0].astype(int):
        assert found.images[0, row, column] == 255
    np.testing.assert_allclose(found.paths.mean((0, 1)), 19.5, atol=0.51)


def test_motion_kernels():
    flat = motion_kernel(5, 0)
    np.testing.assert_allclose(flat[2], [0.125, 0.25, 0.25, 0.25, 0.125], atol=0.02)
    np.testing.assert_allclose(motion_kernel(5, 90), flat.T)
    assert motion_kernel(5, 15).sum() == pytest.approx(1)
