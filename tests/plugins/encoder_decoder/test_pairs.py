"""Files of pairs: what is read, what is refused, and what moves with what."""

import gzip

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ideomotor.errors import DataError
from ideomotor_encoder_decoder import ink_distances
from ideomotor_encoder_decoder.digits import (
    Augmentation,
    Characters,
    Pairs,
    mnist_pairs,
    synthetic_digits,
)
from ideomotor_encoder_decoder.digits._strokes import (  # the files that are read hold no such cases
    pen_path,
    read_strokes,
)


@pytest.fixture(scope="module")
def digits():
    made = synthetic_digits(24, seed=3, samples=101, noise=0)
    return Pairs(made.images, made.paths, made.labels, np.arange(24))


def arrays(pairs):
    return {"images": pairs.images, "traj": pairs.paths, "labels": pairs.labels, "mnist_index": pairs.numbers}


def write(tmp_path, **changed):
    file = tmp_path / "pairs.npz"
    np.savez(file, **{k: v for k, v in changed.items() if v is not None})
    return file


def test_what_is_written_comes_back(tmp_path, digits):
    found = Pairs.load(write(tmp_path, **arrays(digits)))
    for one, other in zip(found, digits, strict=True):
        np.testing.assert_array_equal(one, other)
    scaled = Pairs.load(write(tmp_path, **arrays(digits) | {"images": digits.images / 255.0}))
    np.testing.assert_array_equal(scaled.images, digits.images)
    assert len(found.take(slice(5)).images) == 5


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda a: {"traj": None}, "no array 'traj', only images, labels"),
        (
            lambda a: {"images": a["images"][..., None]},
            r"images must be numbers of shape \(n, height, width\)",
        ),
        (lambda a: {"traj": a["traj"][..., :1]}, r"traj must be numbers of shape \(n, time, 2\)"),
        (lambda a: {"traj": a["traj"][:-1]}, "same length"),
        (lambda a: {name: value[:1] for name, value in a.items()}, r"1 pair\(s\).*at least two"),
        (lambda a: {"traj": nan_at(a["traj"], 7)}, r"traj\[7\] holds NaN or infinity, as 1 of 24"),
        (lambda a: {"images": nan_at(a["images"] / 255.0, 4)}, r"images\[4\] holds NaN"),
        (lambda a: {"images": -a["images"].astype(float)}, "outside 0 to 1"),
        (lambda a: {"images": a["images"] * (np.arange(24) != 9)[:, None, None]}, r"images\[9\] is blank"),
        (
            lambda a: {"traj": a["traj"] + [4, -3]},
            "5.0 px: the paths lie 4 px to the right of and 3 px above",
        ),
        (lambda a: {"traj": a["traj"] + [0, 2]}, "2.0 px: .* 2 px below"),
        (lambda a: {"traj": a["traj"][:, :, ::-1]}, r"as \(row, column\), and \(column, row\) is needed"),
        (lambda a: {"traj": np.random.default_rng(0).uniform(0, 39, a["traj"].shape)}, "same order"),
    ],
)
def test_bad_files_are_refused(tmp_path, digits, change, words):
    whole = arrays(digits)
    file = write(tmp_path, **whole | change(whole))
    with pytest.raises(DataError, match=words) as caught:
        Pairs.load(file)
    assert str(file) in str(caught.value) and "\n" not in str(caught.value)


def nan_at(array, i):
    array = np.array(array, float)
    array[i].flat[0] = np.nan
    return array


def test_no_file_and_no_archive(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        Pairs.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("three")
    with pytest.raises(DataError, match="is not a readable .npz file"):
        Pairs.load(tmp_path / "text.npz")


def test_the_development_data(shared_data):
    pairs = Pairs.load(shared_data / "mnist35_train.npz")
    assert pairs.images.shape == (7330, 28, 28) and set(np.unique(pairs.labels)) == {3, 5}


@pytest.mark.parametrize(
    "move", [{"rotation": 40}, {"scale": 0.3, "shear": 0.2}, {"translation": 5}, {"elastic": 1.0}]
)
def test_paths_move_with_their_ink(digits, move):
    moved = digits.transformed(seed=1, copies=2, **move)
    assert len(moved.images) == 48 and np.abs(moved.paths[:24] - digits.paths).max() > 1
    apart = [
        ink_distances(path, image / 255)[1] for path, image in zip(moved.paths, moved.images, strict=True)
    ]
    before = [ink_distances(p, i / 255)[1] for p, i in zip(digits.paths, digits.images, strict=True)]
    assert np.mean(apart) < np.mean(before) + 0.1
    same = digits.transformed(seed=1, copies=2, **move)
    np.testing.assert_array_equal(same.images, moved.images)


@pytest.mark.parametrize(
    "move", [{"rotation": 40}, {"scale": 0.3, "shear": 0.2}, {"translation": 5}, {"elastic": 1.0}]
)
def test_paths_move_with_their_ink_inside_a_compiled_step(digits, move):
    movement = Augmentation(**dict.fromkeys(Augmentation._fields, 0.0) | move)
    keys = jax.random.split(jax.random.key(2), 24)
    move_all = jax.jit(jax.vmap(lambda image, path, key: movement(image, path, key=key)))
    images, paths = (np.asarray(x) for x in move_all(digits.images / 255.0, digits.paths, keys))
    assert np.abs(paths - digits.paths).max() > 1 and len(np.unique(paths[:, 0, 0])) > 20
    apart = [ink_distances(path, image)[1] for path, image in zip(paths, images, strict=True)]
    before = [ink_distances(p, i / 255)[1] for p, i in zip(digits.paths, digits.images, strict=True)]
    assert np.mean(apart) < np.mean(before) + 0.1


def test_no_movement_moves_nothing(digits):
    still = Augmentation(0, 0, 0, 0, 0)
    image, path = still(
        jnp.asarray(digits.images[0] / 255.0), jnp.asarray(digits.paths[0]), key=jax.random.key(0)
    )
    np.testing.assert_allclose(image, digits.images[0] / 255.0, atol=1e-4)
    np.testing.assert_allclose(path, digits.paths[0], atol=1e-4)


def test_a_change_of_size(digits):
    """Against the closed form: centres of pixels go to (x − 19.5) · 1.5 + 29.5."""
    larger = digits.transformed(size=60)
    np.testing.assert_allclose(larger.paths, (digits.paths - 19.5) * 1.5 + 29.5, atol=1e-4)
    same = digits.transformed()
    np.testing.assert_array_equal(same.images, digits.images)
    framed = digits.transformed(size=60, zoom=1.0)
    np.testing.assert_array_equal(framed.images[:, 10:50, 10:50], digits.images)


def test_a_pen_path():
    path = pen_path([np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([[10.0, 5.0], [0.0, 5.0]])], samples=401)
    assert path.shape == (401, 3) and np.all(np.diff(path[:, 0])[:150] >= 0)
    np.testing.assert_allclose(path[[0, -1]], [[0, 0, Characters.PEN], [0, 5, Characters.PEN]])
    written = path[path[:, 2] == Characters.PEN]
    assert np.all(np.isin(np.round(written[:, 1], 6), [0, 5]))
    flown = path[path[:, 2] < Characters.PEN / 2]
    assert len(flown) and np.allclose(flown[:, 0], 10) and np.all((flown[:, 1] > 0) & (flown[:, 1] < 5))


def idx(array):
    head = np.array([0x0800 + array.ndim, *array.shape], ">i4")
    return head.tobytes() + array.astype(np.uint8).tobytes()


def test_the_public_files(tmp_path):
    """A bar from (18, 4) downwards, first as one stroke, then cut in two that meet, then in two that do not."""
    images = np.zeros((4, 28, 28), np.uint8)
    images[:, 3:26, 17:20] = 255
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.array([3, 5, 3, 7]))))
    (tmp_path / "sequences").mkdir()
    down = ["0 1 0 0"] * 20
    cut = {1: down[:9] + ["0 1 1 0"] + down[:10], 2: down[:5] + ["0 1 1 0", "0 8 0 0"] + down[:6]}
    for i in range(4):
        rows = ["18 4 0 0", *cut.get(i, down), "0 0 0 1"]
        (tmp_path / "sequences" / f"trainimg-{i}-inputdata.txt").write_text("\n".join(rows))
    strokes = read_strokes(tmp_path / "sequences" / "trainimg-1-inputdata.txt")
    assert [s[0].tolist() for s in strokes][:1] == [[18, 4]] and len(strokes) == 2
    pairs = mnist_pairs(tmp_path)
    assert (
        pairs.numbers.tolist() == [0, 1]
        and pairs.labels.tolist() == [3, 5]
        and pairs.paths.shape == (2, 100, 2)
    )
    np.testing.assert_allclose(pairs.paths[:, [0, -1]], [[[18, 4], [18, 24]]] * 2, atol=1e-3)
    with pytest.raises(DataError, match="two are needed"):
        mnist_pairs(tmp_path, digits=(7,))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(b"no")
    with pytest.raises(DataError, match="not a file of MNIST"):
        mnist_pairs(tmp_path)
    with pytest.raises(DataError, match="There is no file"):
        mnist_pairs(tmp_path / "sequences")


def test_real_characters(shared_data):
    """Omniglot's strokes lie on the ink of its images after both are brought to 40 px."""
    found = Characters.load(shared_data / "omniglot_part.npz")
    assert found.images.shape == (2340, 40, 40) and found.paths.shape == (2340, 151, 3)
    assert len(np.unique(found.labels)) == 117 and found.strokes.max() > 3
    apart = []
    for image, path in zip(found.images[::90], found.paths[::90], strict=True):
        apart.append(ink_distances(path[path[:, 2] == Characters.PEN, :2], image / 255)[0])
    assert np.mean(apart) < 1.0


def test_characters_of_another_shape(tmp_path, digits):
    file = write(tmp_path, **arrays(digits))
    with pytest.raises(DataError, match="no array 'data'"):
        Characters.load(file)
    keys = dict(alphabet=np.array(["a"] * 3), character=np.array(["b"] * 3), drawer=np.arange(3))
    good = dict(
        data=np.tile([[10.0, -10, 0], [20.0, -20, 9]], (3, 1)),
        pen_up=np.array([False, True] * 3),
        offsets=np.arange(0, 7, 2),
        images_packed=np.full((3, 1379), 255, np.uint8),
    )
    assert Characters.load(write(tmp_path, **good, **keys)).strokes.tolist() == [1, 1, 1]
    with pytest.raises(DataError, match="do not fit"):
        Characters.load(write(tmp_path, **good | {"data": good["data"][:, :2]}, **keys))
    with pytest.raises(DataError, match=r"data\[0\] holds NaN"):
        Characters.load(write(tmp_path, **good | {"data": nan_at(good["data"], 0)}, **keys))
