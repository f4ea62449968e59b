"""A user's own mesh, and whether a hand can hold a thing at all."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull, Delaunay

import ideomotor
from ideomotor.errors import DataError

pytest.importorskip("mujoco")
trimesh = pytest.importorskip("trimesh")
pytest.importorskip("coacd")
creation = pytest.importorskip("trimesh.creation")

# The cache of parts in this process, which the tests clear.
from ideomotor_mujoco.grasping import TRAINING, UNSEEN, GraspObject, PickingScene, _mesh  # noqa: E402
from ideomotor_mujoco.grasping._mesh import mesh_parts  # noqa: E402 (what a GraspObject is made of)

INNER, OUTER, HEIGHT = 0.030, 0.036, 0.09


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("IDEOMOTOR_CACHE", str(tmp_path / "cache"))
    _mesh._parts.cache_clear()


def box(*sides):
    """A box that stands on the table."""
    return creation.box(sides).apply_translation((0, 0, sides[2] / 2))


def written(mesh, path):
    """The path of a mesh's file."""
    mesh.export(path)
    return path


@pytest.fixture(scope="module")
def pipe():
    """A thick pipe that stands on the table."""
    return creation.annulus(INNER, OUTER, HEIGHT, sections=24).apply_translation((0, 0, HEIGHT / 2))


@pytest.mark.parametrize("suffix", [".obj", ".stl", ".ply"])
def test_a_convex_mesh_is_one_part_with_its_own_corners(tmp_path, suffix):
    (part,) = mesh_parts(written(box(0.05, 0.06, 0.07), tmp_path / f"box{suffix}"))
    np.testing.assert_allclose(
        [part.min(0), part.max(0)], [[-0.025, -0.03, 0], [0.025, 0.03, 0.07]], atol=1e-6
    )
    assert len(part) == 8


def test_a_pipe_is_cut_into_convex_parts_that_fill_it_and_leave_it_hollow(tmp_path, pipe, monkeypatch):
    path = written(pipe, tmp_path / "pipe.stl")
    parts = mesh_parts(path)
    volume = sum(ConvexHull(part).volume for part in parts)
    # A regular polygon of 24 corners has the area n/2 r² sin(2π/n).
    true = 12 * np.sin(2 * np.pi / 24) * (OUTER**2 - INNER**2) * HEIGHT
    assert abs(volume / true - 1) < 0.25
    middle = np.array([[0.0, 0.0, z] for z in (0.01, 0.045, 0.08)])
    assert all((Delaunay(part).find_simplex(middle) < 0).all() for part in parts)

    # What was cut once is not cut again, not even by another process.
    monkeypatch.setattr("subprocess.run", None)
    _mesh._parts.cache_clear()
    for part, again in zip(parts, mesh_parts(path), strict=True):
        np.testing.assert_array_equal(part, again)

    thing = GraspObject(str(path), mass=0.4)
    np.testing.assert_allclose(thing.spec().compile().body("object").mass, 0.4)
    assert thing.settled().pose[2] == pytest.approx(0.0, abs=2e-3)
    assert thing.rgba != GraspObject(str(path), 1).rgba


def test_a_mesh_inside_out_or_with_triangles_turned_over_is_mended(tmp_path, pipe):
    inverted, mixed = pipe.copy(), pipe.copy()
    inverted.invert()
    mixed.faces[::3] = mixed.faces[::3, ::-1]
    for mesh in (inverted, mixed):
        assert mesh.volume < 0.9 * pipe.volume
        found = _mesh._solid(trimesh, written(mesh, tmp_path / "mesh.ply"), 1.0)
        np.testing.assert_allclose(found.volume, pipe.volume, rtol=1e-5)


def test_a_small_hole_is_filled_and_an_open_mesh_is_refused(tmp_path):
    mesh = box(0.05, 0.06, 0.07)
    mesh.update_faces(np.arange(12) != 3)
    (part,) = mesh_parts(written(mesh, tmp_path / "hole.stl"))
    np.testing.assert_allclose(ConvexHull(part).volume, 0.05 * 0.06 * 0.07, rtol=1e-5)
    sheet = creation.icosphere(subdivisions=2, radius=0.04)
    sheet.update_faces(sheet.triangles_center[:, 2] < 0)
    with pytest.raises(
        DataError, match=r"open\.stl is open \(\d+ edges belong to one triangle only\).*close it"
    ):
        mesh_parts(written(sheet, tmp_path / "open.stl"))


@pytest.mark.parametrize(("unit", "name"), [(0.001, "millimetres"), (0.0254, "inches")])
def test_lengths_that_cannot_be_metres_are_refused_and_the_scale_is_named(tmp_path, unit, name):
    mesh = box(0.05, 0.06, 0.07).apply_scale(1 / unit)
    path = written(mesh, tmp_path / "box.obj")
    with pytest.raises(
        DataError, match=rf"box\.obj would be {0.07 / unit:.3g} m long.*look like {name}: give scale={unit:g}"
    ):
        mesh_parts(path)
    (part,) = mesh_parts(path, unit)
    np.testing.assert_allclose(np.ptp(part, 0), [0.05, 0.06, 0.07], rtol=1e-4)
    np.testing.assert_allclose(
        np.ptp(GraspObject(str(path), scale=unit).parts[0], 0), [0.05, 0.06, 0.07], rtol=1e-4
    )


@pytest.mark.parametrize(
    ("sides", "unit", "name"), [((7, 6, 10), 0.01, "centimetres"), ((70, 60, 100), 0.001, "millimetres")]
)
def test_of_units_that_fit_the_likeliest_comes_first_and_its_advice_works(tmp_path, sides, unit, name):
    path = written(box(*sides), tmp_path / "box.obj")
    with pytest.raises(DataError, match=rf"look like {name}: give scale={unit:g} \(--scale {unit:g}\)"):
        mesh_parts(path)
    (part,) = mesh_parts(path, unit)
    np.testing.assert_allclose(np.ptp(part, 0), [0.07, 0.06, 0.1], rtol=1e-4)


SEAMS = """vt 0 0
vt 1 0
vt 1 1
vt 0 1
vn 0 0 -1
vn 0 0 1
vn 0 -1 0
vn 0 1 0
vn -1 0 0
vn 1 0 0
f 1/1/1 3/2/1 4/3/1 2/4/1
f 5/1/2 6/2/2 8/3/2 7/4/2
f 1/1/3 2/2/3 6/3/3 5/4/3
f 3/1/4 7/2/4 8/3/4 4/4/4
f 1/1/5 5/2/5 7/3/5 3/4/5
f 2/1/6 4/2/6 8/3/6 6/4/6
"""


def test_seams_of_textures_and_normals_are_no_openings(tmp_path):
    corners = [(x, y, z) for z in (0, 0.04) for y in (0, 0.04) for x in (0, 0.04)]
    path = tmp_path / "cube.obj"
    path.write_text("".join(f"v {x} {y} {z}\n" for x, y, z in corners) + SEAMS)
    (part,) = mesh_parts(path)
    assert len(part) == 8 and ConvexHull(part).volume == pytest.approx(0.04**3)


def test_what_exporters_leave_behind_is_dropped(tmp_path):
    """Triangles twice over or without area, and an inner wall of two sides."""
    mesh = box(0.05, 0.06, 0.07)
    mesh.faces = np.vstack([mesh.faces, mesh.faces[:5], [[0, 0, 1]] * 3])
    (part,) = mesh_parts(written(mesh, tmp_path / "twice.obj"))
    assert ConvexHull(part).volume == pytest.approx(0.05 * 0.06 * 0.07, rel=1e-5)


def test_a_scan_without_a_bottom_is_closed_where_it_stands(tmp_path, caplog):
    can = creation.cylinder(0.035, 0.1, sections=40)
    can.update_faces(can.triangles_center[:, 2] > -0.0499)
    (part,) = mesh_parts(written(can, tmp_path / "can.stl"))
    assert "can.stl is open where it stands; its bottom was closed" in caplog.text
    # A polygon of 40 corners has the area n/2 r² sin(2π/n).
    assert ConvexHull(part).volume == pytest.approx(20 * np.sin(np.pi / 20) * 0.035**2 * 0.1, rel=1e-4)
    can.apply_transform(trimesh.transformations.rotation_matrix(np.pi, [1, 0, 0]))
    with pytest.raises(DataError, match=r"open \(40 edges belong to one triangle only\)"):
        mesh_parts(written(can, tmp_path / "sheet.stl"))


def test_shells_that_touch_are_one_thing(tmp_path):
    boxes = [creation.box((0.05, 0.05, 0.05)).apply_translation((x, x, 0)) for x in (0, 0.05)]
    path = written(trimesh.util.concatenate(boxes), tmp_path / "two.stl")
    parts = mesh_parts(path)
    assert len(parts) > 1 and sum(ConvexHull(p).volume for p in parts) == pytest.approx(2 * 0.05**3, rel=0.25)


def test_cutting_is_limited_in_time_and_says_what_it_simplified(tmp_path, pipe, monkeypatch, caplog):
    fine, _, coarse = _mesh._LEVELS
    monkeypatch.setattr(_mesh, "_LEVELS", ((fine[0], 0), coarse))
    parts = mesh_parts(written(pipe, tmp_path / "pipe.stl"))
    assert (
        "pipe.stl has 192 triangles: its parts are cut from a coarser mesh, which differs by up to 4.5 mm"
        in caplog.text
    )
    assert 0.5 < sum(ConvexHull(part).volume for part in parts) / pipe.volume < 2
    monkeypatch.setattr(_mesh, "_LEVELS", ((fine[0], 0),))
    with pytest.raises(DataError, match=r"could not be cut into convex parts in 0 s; simplify it"):
        mesh_parts(written(pipe, tmp_path / "again.ply"))


def test_a_convex_mesh_of_many_triangles_is_taken_with_few_corners(tmp_path, caplog):
    path = written(creation.icosphere(subdivisions=6, radius=0.04), tmp_path / "ball.stl")
    (part,) = mesh_parts(path)
    assert "ball.stl has 40962 corners: 400 of them are used, with 1.5 % less volume" in caplog.text
    assert ConvexHull(part).volume == pytest.approx(4 / 3 * np.pi * 0.04**3, rel=0.02)
    PickingScene(
        GraspObject(str(path)).settled(), ideomotor.make("three-finger-hand")
    ).check_graspable()  # 25 GiB with all corners


@pytest.mark.thorough
def test_a_scan_of_many_triangles_is_cut_on_a_coarser_mesh(tmp_path, caplog):
    mesh = creation.icosphere(subdivisions=6, radius=0.04)
    v = mesh.vertices
    waves = 0.25 * np.sin(5 * np.arctan2(v[:, 1], v[:, 0])) * (1 - (v[:, 2] / 0.04) ** 2)
    noise = np.random.default_rng(0).normal(scale=2e-4, size=v.shape)
    scan = trimesh.Trimesh(v * (1 + waves[:, None]) + noise, mesh.faces, process=False)
    path = written(scan, tmp_path / "scan.stl")
    parts = mesh_parts(path)
    assert "scan.stl has 81920 triangles: its parts are cut from a coarser mesh" in caplog.text
    assert sum(ConvexHull(part).volume for part in parts) == pytest.approx(scan.volume, rel=0.1)


def test_a_damaged_cache_is_made_again(tmp_path, pipe):
    path = written(pipe, tmp_path / "pipe.stl")
    parts = mesh_parts(path)
    (kept,) = (tmp_path / "cache" / "meshes").glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:100])
    _mesh._parts.cache_clear()
    for part, again in zip(parts, mesh_parts(path), strict=True):
        np.testing.assert_array_equal(part, again)
    np.load(kept).close()


def test_a_pose_does_not_depend_on_how_the_path_is_written(tmp_path, monkeypatch):
    path = written(box(0.05, 0.06, 0.07), tmp_path / "box.obj")
    monkeypatch.chdir(tmp_path)
    assert GraspObject("box.obj").settled(seed=3).pose == GraspObject(str(path)).settled(seed=3).pose


def test_a_file_without_a_mesh_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"There is no mesh .*nothing\.obj"):
        mesh_parts(tmp_path / "nothing.obj")
    (tmp_path / "noise.stl").write_bytes(b"\x00\x01\x02")
    with pytest.raises(DataError, match=r"noise\.stl (cannot be read as a mesh|has no triangles)"):
        mesh_parts(tmp_path / "noise.stl")
    trimesh.PointCloud(np.random.default_rng(0).normal(size=(9, 3))).export(tmp_path / "points.ply")
    with pytest.raises(DataError, match=r"points\.ply has no triangles"):
        mesh_parts(tmp_path / "points.ply")
    (tmp_path / "odd.obj").write_text("v 0 0 0\nv 0.1 0 0\nv 0 nan 0\nv 0 0 0.1\nf 1 2 3\nf 1 2 4\n")
    with pytest.raises(DataError, match=r"odd\.obj is open"):
        mesh_parts(tmp_path / "odd.obj")
    with pytest.raises(DataError, match=r"scale of 'mug' must be positive"):
        GraspObject("mug", scale=0.0)


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "coacd", None)
    with pytest.raises(Exception, match=r"pip install 'ideomotor\[grasp\]'"):
        mesh_parts(written(box(0.05, 0.06, 0.07), tmp_path / "box.stl"))


@pytest.mark.parametrize("name", ["three-finger-hand", "parallel-jaw"])
def test_what_is_too_flat_or_too_large_is_refused_before_anything_is_tried(tmp_path, name):
    hand = ideomotor.make(name)
    for sides, words in (
        ((0.1, 0.08, 0.006), "6 mm high, too flat for the finger tips"),
        ((0.4, 0.4, 0.4), "at least 400 mm wide wherever it is gripped"),
    ):
        thing = GraspObject(str(written(box(*sides), tmp_path / f"{sides[2]}.stl")))
        with pytest.raises(DataError, match=words):
            PickingScene(thing, hand).check_graspable()
    # The plate on its edge is not flat.
    on_edge = GraspObject(str(tmp_path / "0.006.stl"), pose=(0, 0, 0.04, 0.5**0.5, 0.5**0.5, 0, 0))
    PickingScene(on_edge, hand).check_graspable()


def test_every_family_is_for_the_three_finger_hand():
    hand = ideomotor.make("three-finger-hand")
    for family in (*TRAINING, *UNSEEN):
        PickingScene(GraspObject(family), hand).check_graspable()
