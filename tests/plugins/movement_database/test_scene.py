import numpy as np
import pytest

from ideomotor.errors import DataError
from ideomotor_movement_database import ShelfScene, shelf_demonstrations


@pytest.mark.parametrize("fan", [0.0, 0.3, 1.0])
def test_thirty_reaches_from_six_cells_into_six_compartments(fan):
    scene = ShelfScene()
    made = shelf_demonstrations(3, fan=fan)
    assert len(made) == 30
    low = np.array(scene.table[:2]) - np.array(scene.area) / 2
    for item in made:
        compartment = int(item.metadata["compartment"])
        cell = np.floor((item.ys[0, :2] - low) / (np.array(scene.area) / [2, 3])).astype(int)
        assert cell[0] + 2 * cell[1] == compartment  # each cell has its own compartment
        assert np.linalg.norm(item.ys[-1] - scene.goals[compartment]) < 1e-9
        assert np.allclose(np.diff(item.ts), 0.01)
        # Places between two samples, against the boards directly
        dense = np.concatenate([item.ys[:-1] + f * np.diff(item.ys, axis=0) for f in (0, 0.25, 0.5, 0.75)])
        outside = np.maximum(scene.boards[:, 0] - dense[:, None], dense[:, None] - scene.boards[:, 1])
        assert np.min(outside.max(axis=-1)) >= 0.05 - 1e-4


def test_the_shelf_has_the_size_of_the_paper():
    scene = ShelfScene()
    assert scene.area == (0.62, 0.76) and len(scene.goals) == 6
    for goal in scene.goals:  # a board begins 15 cm from each centre, up, down and to both sides
        sides = [goal + step for step in ([0, 0.149, 0], [0, -0.149, 0], [0, 0, 0.149], [0, 0, -0.149])]
        assert not scene.hits(np.tile(goal, (4, 1)), np.array(sides)).any()
        sides = goal + 0.151 / 0.149 * (np.array(sides) - goal)
        assert scene.hits(np.tile(goal, (4, 1)), sides).all()


def test_hits_are_those_of_many_places_between():
    scene, rng = ShelfScene(), np.random.default_rng(0)
    a, b = rng.uniform([0.3, -0.4, 0], [0.9, 0.6, 1.2], (2, 300, 3))
    between = a[:, None] + np.linspace(0, 1, 2000)[:, None] * (b - a)[:, None]
    inside = np.zeros(300, bool)
    for low, high in scene.boards:
        inside |= np.all((between >= low - 0.01) & (between <= high + 0.01), axis=-1).any(axis=1)
    assert 50 < inside.sum() < 290
    assert np.mean(scene.hits(a, b, 0.01) == inside) > 0.99  # a corner may lie between two places


def test_same_seed_same_demonstrations():
    one, two, other = shelf_demonstrations(1), shelf_demonstrations(1), shelf_demonstrations(2)
    assert np.array_equal(one.ys, two.ys) and not np.array_equal(one.ys[:50], other.ys[:50])
    with pytest.raises(DataError, match="keeps 0.2 m from the boards"):
        shelf_demonstrations(clearance=0.2)
    with pytest.raises(DataError, match="per_cell = 0"):
        shelf_demonstrations(per_cell=0)
