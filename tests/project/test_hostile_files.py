"""Some 200 files and addresses that are damaged or made to harm, in every format that is read.

Each ends in a result or in one sentence; nothing else in the folder changes, nothing outside is touched, no password is shown.
"""

import json
import os
import signal
import struct
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

import ideomotor
from ideomotor import Channel, Recording
from ideomotor.errors import DataError, IdeomotorError
from ideomotor_encoder_decoder import read_image
from ideomotor_movement_database import BoltStore, MovementDatabase, read_demonstrations

SECRET = "hunter2"
T = 0.01 * np.arange(40)
YS = np.stack([np.sin(3 * T), np.cos(3 * T), T], axis=1)


def recording(path):
    names = tuple("abc")
    ideomotor.write_recordings(
        Recording("reach", [Channel("arm", T, YS, "joint-position", "rad", names)]), path
    )


def recordings(path):
    return [
        channel.values[:1] for one in ideomotor.read_recordings(path) for channel in one.channels.values()
    ]


def opensim(path):
    rows = "\n".join("\t".join(f"{x:.6f}" for x in (t, *y)) for t, y in zip(T, YS, strict=True))
    path.write_text(
        f"reach\nversion=1\nnRows=40\nnColumns=4\ninDegrees=no\nendheader\ntime\ta\tb\tc\n{rows}\n"
    )


def bvh(path):
    body = "HIERARCHY\nROOT hip\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\nEnd Site\n{\nOFFSET 0 1 0\n}\n}\n"
    frames = "\n".join(" ".join(f"{x:.4f}" for x in y) for y in YS)
    path.write_text(f"{body}MOTION\nFrames: 40\nFrame Time: 0.01\n{frames}\n")


def matlab(path):
    pytest.importorskip("scipy.io").savemat(path, {"t": T, "q": YS})


def hdf5(path):
    with pytest.importorskip("h5py").File(path, "w") as file:
        demo = file.create_group("data/demo_0")
        demo["actions"], demo["obs/robot0_joint_pos"] = YS, YS
        demo.attrs["num_samples"] = 40


def database(path):
    with MovementDatabase(path, graph="memory") as made:
        made.ingest(ideomotor_demonstration())


def ideomotor_demonstration():
    from ideomotor_movement_database import Demonstration

    return Demonstration("reach", T, YS)


def open_database(path):
    with MovementDatabase(path, create=False, graph="memory") as found:
        return found.demonstrations[0].ys


def pipeline(path):
    ideomotor.save_pipeline(ideomotor.Pipeline(None, ideomotor.make("dmp", dof=2, basis=5)), path)


def weights(path):
    ideomotor.save(ideomotor.make("recurrent-policy"), path.parent / "net")
    (path.parent / "net" / "weights.safetensors").rename(path)


def load_weights(path):
    target = path.parent / "net" / "weights.safetensors"
    target.unlink(missing_ok=True)
    target.write_bytes(path.read_bytes())
    try:
        return ideomotor.load(path.parent / "net")
    finally:
        target.unlink()


def picture(path):
    image = np.full((60, 60), 255, np.uint8)
    image[10:50, 28:33] = 0
    Image.fromarray(image).save(path)


def robot(path):
    path.write_text(
        '<mujoco><worldbody><body><joint name="j"/><geom size="0.1"/></body></worldbody>'
        '<actuator><motor joint="j"/></actuator></mujoco>'
    )


def urdf(path):
    path.write_text(
        '<robot name="r"><link name="a"><inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/>'
        '</inertial></link><link name="b"><inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/>'
        '</inertial></link><joint name="j" type="revolute"><parent link="a"/><child link="b"/><axis xyz="0 0 1"/>'
        '<limit lower="-1" upper="1" effort="5" velocity="1"/></joint></robot>'
    )


def load_robot(path):
    mujoco = pytest.importorskip("ideomotor_mujoco")
    pytest.importorskip("mujoco")
    return mujoco.MujocoPlant(path, actuators="motors" if path.suffix == ".urdf" else "model").default_state()


CUBE = [(x, y, z) for z in (0, 0.04) for y in (0, 0.04) for x in (0, 0.04)]
FACES = [(0, 2, 1), (1, 2, 3), (4, 5, 6), (5, 7, 6), (0, 1, 4), (1, 5, 4),
         (2, 6, 3), (3, 6, 7), (0, 4, 2), (2, 4, 6), (1, 3, 5), (3, 7, 5)]  # fmt: skip


def obj(path):
    lines = [f"v {x} {y} {z}" for x, y, z in CUBE] + ["f " + " ".join(str(i + 1) for i in f) for f in FACES]
    path.write_text("\n".join(lines))


def stl(path):
    body = b"".join(struct.pack("<12fH", 0, 0, 0, *(c for i in f for c in CUBE[i]), 0) for f in FACES)
    path.write_bytes(bytes(80) + struct.pack("<I", len(FACES)) + body)


def load_mesh(path):
    pytest.importorskip("trimesh")
    # What a GraspObject is made of, which keeps what it has read.
    return pytest.importorskip("ideomotor_mujoco.grasping._mesh").mesh_parts(path)


# Each format: what makes a sound file, and what reads one.
FORMATS = {
    "moves.csv": (recording, recordings),
    "table.csv": (recording, read_demonstrations),
    "moves.npz": (recording, recordings),
    "archive.npz": (recording, read_demonstrations),
    "moves.mcap": (recording, recordings),
    "moves.bag": (recording, recordings),
    "moves.sto": (opensim, recordings),
    "moves.bvh": (bvh, recordings),
    "moves.mat": (matlab, recordings),
    "moves.hdf5": (hdf5, recordings),
    "moves.db": (database, open_database),
    "pipeline.yaml": (pipeline, ideomotor.load_pipeline),
    "net.safetensors": (weights, load_weights),
    "digit.png": (picture, read_image),
    "robot.xml": (robot, load_robot),
    "robot.urdf": (urdf, load_robot),
    "thing.obj": (obj, load_mesh),
    "thing.stl": (stl, load_mesh),
}
HARMS = {
    "sound": lambda data: data,
    "empty": lambda data: b"",
    "a tenth of it": lambda data: data[: len(data) // 10],
    "half of it": lambda data: data[: len(data) // 2],
    "without its end": lambda data: data[:-7],
    "zeros at the start": lambda data: bytes(32) + data[32:],
    "ones in the middle": lambda data: data[: len(data) // 2] + b"\xff" * 16 + data[len(data) // 2 + 16 :],
    "noise": lambda data: np.random.default_rng(0).bytes(2000),
    "zeros": lambda data: bytes(5000),
    "a pickle": lambda data: b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x0etouch harmed.txt\x85R.",
}


def contents(folder):
    return {
        str(path.relative_to(folder)): (path.is_symlink(), path.read_bytes() if path.is_file() else None)
        for path in sorted(folder.rglob("*"))
    }


def ends_well(read, path, *, bad=False):
    """A result, or one sentence; the message is returned."""

    def late(*_):
        raise TimeoutError(f"{path} is read without end")

    before = signal.signal(signal.SIGALRM, late) if hasattr(signal, "SIGALRM") else None
    if before is not None:
        signal.alarm(100)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)
    except IdeomotorError as error:
        text = str(error)
        if (
            type(error.__cause__).__name__ == "TypeCheckError"
        ):  # of jaxtyping, which checks types in tests only
            return text
        assert len(text) < 700 and "Traceback" not in text and SECRET not in text
        assert "\n" not in text
        return text
    finally:
        if before is not None:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
    assert not bad, f"{path} was accepted"
    return None


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The bytes of a sound file of each format, made when they are asked for."""
    made = {}

    def get(name):
        if name not in made:
            path = tmp_path_factory.mktemp("sound") / name
            FORMATS[name][0](path)
            made[name] = path.read_bytes(), path.parent
        return made[name]

    return get


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_end_in_a_sentence_and_nothing_else_changes(name, sound, tmp_path, monkeypatch):
    data, made = sound(name)
    monkeypatch.chdir(tmp_path)
    if (made / "net").exists():
        (tmp_path / "net").mkdir()
        for file in (made / "net").iterdir():
            (tmp_path / "net" / file.name).write_bytes(file.read_bytes())
    path = tmp_path / name
    for harm, change in HARMS.items():
        path.write_bytes(change(data))
        before = contents(tmp_path)
        told = ends_well(FORMATS[name][1], path, bad=harm in ("empty", "noise", "zeros", "a pickle"))
        assert harm != "sound" or told is None, told
        assert contents(tmp_path) == before, harm


@pytest.mark.parametrize("name", FORMATS)
def test_folders_and_links_in_place_of_files(name, tmp_path):
    read = FORMATS[name][1]
    (tmp_path / "net").mkdir()
    (tmp_path / "victim").write_text("precious")
    for make in (
        lambda path: path.mkdir(),
        lambda path: path.symlink_to(tmp_path / "nowhere"),
        lambda path: path.symlink_to(path.name),  # to itself
        lambda path: path.symlink_to(tmp_path / "victim"),
    ):
        path = tmp_path / name
        make(path)
        before = sorted(os.listdir(tmp_path))
        if read is not load_weights:
            ends_well(read, path, bad=True)
        assert sorted(os.listdir(tmp_path)) == before and (tmp_path / "victim").read_text() == "precious"
        path.rmdir() if not path.is_symlink() else path.unlink()


def bomb(path, names, size):
    """A compressed archive with an array of `size` zeros, which is a thousand times smaller."""
    head = (
        b"\x93NUMPY\x01\x00v\x00"
        + f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({size},), }}".encode()
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(head.ljust(127) + b"\n")
                for _ in range(size // 1_000_000):
                    member.write(bytes(8_000_000))


@pytest.mark.parametrize("read", [read_demonstrations, recordings], ids=["demonstrations", "recordings"])
def test_an_archive_that_unpacks_to_much_is_refused(read, tmp_path):
    tracemalloc = pytest.importorskip("tracemalloc")
    bomb(tmp_path / "bomb.npz", ["ts", "ys"], 25_000_000)
    tracemalloc.start()
    try:
        ends_well(read, tmp_path / "bomb.npz", bad=True)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def header(text):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    "member",
    [
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,), }\n"),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }\n"),
        header(b"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }\n") + b"\x80\x04N.",
        header(b"{'descr': __import__('os').system('touch harmed.txt')}\n"),
        header(b"{" * 5000),
        b"\x93NUMPY\x03\x00" + struct.pack("<I", 2**32 - 1) + b"{",
    ],
    ids=["huge", "negative", "objects", "code", "deep", "long"],
)
@pytest.mark.parametrize("read", [read_demonstrations, recordings], ids=["demonstrations", "recordings"])
def test_headers_that_lie(read, member, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("a.npz", "w") as file:
        file.writestr("ts.npy", member)
        file.writestr("ys.npy", member)
    ends_well(read, tmp_path / "a.npz", bad=True)
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize(
    "name", ["../../out", "/etc/x", "a\nb", "..", ".", "", "CON", "-rf", "a" * 300, "x\x1b[31m", "é" * 200]
)
@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_names_of_recordings_stay_in_the_folder(name, kind, tmp_path):
    (tmp_path / "inside").mkdir()
    made = [
        Recording(name or "x", [Channel("arm", T, YS)]),
        Recording(f"{name}x", [Channel("arm", T, YS + 1)]),
    ]
    told = ends_well(
        lambda path: ideomotor.write_recordings(made, path, format=kind), tmp_path / "inside" / "out"
    )
    assert os.listdir(tmp_path) == ["inside"] and len(os.listdir(tmp_path / "inside")) == (told is None)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "{a: " * 20_000,
        "&a [*a]",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
        "primitive: !!python/object/apply:os.system ['touch harmed.txt']",
        "primitive: {use: dmp, weights: /etc/passwd}",
        "primitive: {use: dmp, weights: ../../../outside}",
        "primitive: {use: ../dmp}",
        "primitive: {use: os:system}",
        "primitive: {use: dmp, dof: .nan}",
        "primitive: {use: dmp, dof: 1e400}",
        "primitive: {use: dmp, alpha: .inf}",
        "primitive: {use: dmp, dof: -3}",
        "primitive: {use: dmp, basis: 1}",
        "primitive: 7",
        "- 1\n- 2",
        "null",
        "\x00",
        "primitive: {use: dmp",
        f"primitive: {{use: movement-graph, demonstrations: 'bolt://ann:{SECRET}@h'}}",
    ],
    ids=str,
)
def test_yaml_that_is_no_pipeline(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "p.yaml"
    path.write_text(text)
    ends_well(ideomotor.load_pipeline, path, bad=True)
    assert os.listdir(tmp_path) == ["p.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        "NaN",
        '{"config": NaN}',
        '{"format": 1e999, "config": {}}',
        '{"config": {"use": "dmp", "dof": NaN}}',
        '{"config": {"use": "dmp", "dof": Infinity}}',
        "[" * 100_000,
        '{"config": {"use": "os.system"}}',
        '{"config": "' + "x" * 1000 + '"}',
        "\ud800",
    ],
    ids=lambda text: text[:20].encode("ascii", "replace").decode(),
)
def test_configs_that_are_none(text, tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "config.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    ends_well(ideomotor.load, tmp_path / "net", bad=True)


@pytest.mark.parametrize("length", [0, 8, 2**62, 2**64 - 1])
def test_weights_whose_header_lies(length, tmp_path):
    ideomotor.save(ideomotor.make("recurrent-policy"), tmp_path / "net")
    file = tmp_path / "net" / "weights.safetensors"
    data = file.read_bytes()
    file.write_bytes(struct.pack("<Q", length) + data[8:])
    ends_well(ideomotor.load, tmp_path / "net", bad=True)
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8 : 8 + size])
    next(value for key, value in head.items() if key != "__metadata__")["data_offsets"] = [0, 2**60]
    text = json.dumps(head).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])
    ends_well(ideomotor.load, tmp_path / "net", bad=True)


@pytest.mark.parametrize("width", [100_000, 2**31 - 1])
def test_a_picture_that_is_larger_than_its_file(width, tmp_path):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, width, 8, 0, 0, 0, 0))
    path = tmp_path / "a.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    ends_well(read_image, path, bad=True)


SCHEMES = [
    "bolt",
    "bolt+s",
    "bolt+ssc",
    "neo4j",
    "neo4j+s",
    "ray",
    "http",
    "https",
    "redis",
    "postgres",
    "ftp",
    "file",
    "ssh",
]
FORMS = ["{}://ann:{}@h:1", "{}://{}@h", "{}:///ann:{}@h", "{}://ann:a@{}@h", "{}://h?password={}", "{}://h/?token={}&x=1",
         "{}://h:1#{}", "{}://h/db?user=ann;password={}", "{}://:{}@[::1]:7"]  # fmt: skip


@pytest.mark.parametrize("scheme", SCHEMES)
def test_passwords_in_addresses_are_not_shown(scheme, tmp_path, monkeypatch):
    """As server, cluster, database, picture, pipeline, robot or recording, from Python and on the command line."""
    from click.testing import CliRunner

    from ideomotor.cli import command

    monkeypatch.chdir(tmp_path)
    for form in FORMS:
        address = form.format(scheme, SECRET)
        with pytest.raises(DataError) as info:
            BoltStore(address)
        assert SECRET not in str(info.value)
        for words in (
            ["db", "stats", "-d", "moves.db", "--graph", address],
            ["db", "stats", "-d", address],
            ["run", "digits", "--input", address],
            ["describe", address],
        ):
            result = CliRunner().invoke(command, words)
            assert result.exit_code != 0 and SECRET not in result.output, (words, result.output)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "address", ["ann:{}@host:1", "host:1?password={}", "host;pwd={}", "user=ann secret={}"]
)
def test_passwords_without_a_scheme_are_not_shown(address):
    from click.testing import CliRunner

    from ideomotor.cli import command

    result = CliRunner().invoke(command, ["db", "stats", "-d", address.format(SECRET)])
    assert result.exit_code != 0 and SECRET not in result.output, result.output
