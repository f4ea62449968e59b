"""Where robot models come from: files as ROS writes them, and robots by name."""

import importlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ideomotor.errors import DataError, did_you_mean

_NAMED = ("menagerie:", "robot-descriptions:")


def is_named(model: Any) -> bool:
    """Whether a model is given by the name of a robot."""
    return isinstance(model, str) and model.startswith(_NAMED)


def robot_file(name: str) -> Path:
    """The file of a robot by its name, for example `menagerie:franka_emika_panda` or `robot-descriptions:panda_mj_description`.

    `menagerie:ROBOT` or `menagerie:ROBOT/FILE` (without `.xml`) is looked for in the folder MENAGERIE_ROOT, a copy of MuJoCo
    Menagerie, or comes by the package mujoco-menagerie; the other kind comes by the package robot_descriptions.

    Raises a `DataError` where neither is there or the robot is unknown.
    """
    source, _, robot = name.partition(":")
    if source != "menagerie":
        return _described(name, robot)
    robot, _, entry = robot.partition("/")
    root = os.environ.get("MENAGERIE_ROOT")
    if root:
        known = sorted(p.parent.name for p in Path(root).glob("*/*.xml"))
        folder = Path(root) / robot
        if robot not in known:
            raise DataError(
                f"The folder MENAGERIE_ROOT={root} has no robot {robot!r}.{did_you_mean(robot, known)}"
            )
    else:
        menagerie = _package(
            "mujoco_menagerie",
            "mujoco-menagerie",
            name,
            "or set MENAGERIE_ROOT to a copy of MuJoCo Menagerie",
        )
        if robot not in menagerie.names():
            raise DataError(
                f"MuJoCo Menagerie has no robot {robot!r}.{did_you_mean(robot, menagerie.names())}"
            )
        try:
            folder = Path(menagerie.get(robot).path())
        except Exception as error:  # whatever a download raises
            raise DataError(
                f"{name} cannot be downloaded ({_line(error)}); set MENAGERIE_ROOT to a copy of it."
            ) from error
    return _entry(folder, robot, entry)


def _entry(folder: Path, robot: str, entry: str) -> Path:
    """A robot's file: the one named, or what its scene includes, or the only one that is no scene."""
    files = {path.stem: path for path in sorted(folder.glob("*.xml"))}
    if entry:
        if entry not in files:
            raise DataError(f"The robot {robot!r} has no file {entry}.xml.{did_you_mean(entry, files)}")
        return files[entry]
    if "scene" in files:
        for part in ElementTree.parse(files["scene"]).getroot().iter("include"):
            if (path := folder / part.get("file", "")).is_file():
                return path
    robots = [stem for stem in files if not stem.startswith(("scene", "mjx"))]
    if len(robots) != 1:
        raise DataError(
            f"The robot {robot!r} has several files; name one: {', '.join(f'menagerie:{robot}/{r}' for r in robots)}."
        )
    return files[robots[0]]


def _described(name: str, robot: str) -> Path:
    _package("robot_descriptions", "robot_descriptions", name, "or give the path of a file")
    try:
        module = importlib.import_module(f"robot_descriptions.{robot}")
    except ModuleNotFoundError as error:
        raise DataError(
            f"The package robot_descriptions has no {robot!r}; its list says which there are."
        ) from error
    except Exception as error:  # whatever a download raises
        raise DataError(
            f"{name} cannot be downloaded ({_line(error)}); put it into the folder ROBOT_DESCRIPTIONS_CACHE."
        ) from error
    return Path(getattr(module, "MJCF_PATH", None) or module.URDF_PATH)


def _package(module: str, package: str, name: str, otherwise: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DataError(
            f"{name} requires the package {package}: pip install {package}, {otherwise}."
        ) from error


def urdf(text: str, name: str, folder: Path, packages: Sequence[Path | str] = ()) -> str:
    """A URDF whose meshes MuJoCo finds, and whose links on fixed joints keep their names.

    - `folder`: the file's. `packages`: folders that hold ROS packages, before those that ROS would search: those beside and above the
      file, ROS_PACKAGE_PATH, AMENT_PREFIX_PATH.

    Raises a `DataError` for what is left of xacro, and for a mesh that is not found.
    """
    if left := re.search(r"\$\{[^}]*\}|\$\([^)]*\)|<xacro:\w+", text):
        raise DataError(
            f"{name} holds {left[0]!r}, which xacro has not expanded yet; expand it with `xacro {Path(name).name} > robot.urdf`, "
            f"or give the .xacro file with the package xacrodoc installed."
        )
    root = ElementTree.fromstring(text)
    settings = root.find("mujoco/compiler")
    if settings is None:
        parent = root.find("mujoco")
        settings = ElementTree.SubElement(
            ElementTree.SubElement(root, "mujoco") if parent is None else parent, "compiler"
        )
    if "fusestatic" not in settings.attrib:
        settings.set("fusestatic", "false")
    if "meshdir" not in settings.attrib:
        for mesh in root.iter("mesh"):
            mesh.set("filename", str(_mesh(mesh.get("filename", ""), name, folder, packages)))
        settings.set("strippath", "false")
    else:
        settings.set("meshdir", str(folder / settings.attrib["meshdir"]))
    return ElementTree.tostring(root, encoding="unicode")


def _mesh(given: str, name: str, folder: Path, packages: Sequence[Path | str]) -> Path:
    scheme, _, rest = given.rpartition("://") if "://" in given else ("", "", given)
    if scheme == "file":
        tried = [Path(re.sub(r"^localhost(?=/)", "", rest))]
    elif scheme in ("package", "model"):
        package, _, inside = rest.partition("/")
        tried = [root / inside for root in _roots(package, folder, packages)]
        tried += [folder / rest, folder / inside]
    else:
        tried = [folder / rest]
    tried.append(folder / Path(rest).name)
    for path in tried:
        if path.is_file():
            return path.resolve()
    where = "it is looked for beside the model too"
    if scheme in ("package", "model"):
        where = (
            f"the package is looked for beside and above the model, in ROS_PACKAGE_PATH and AMENT_PREFIX_PATH, and in "
            f"packages=['FOLDER'], a folder that holds {rest.partition('/')[0]!r}"
        )
    raise DataError(f"{name} needs the mesh {given!r}, which was not found; {where}.")


def _roots(package: str, folder: Path, packages: Sequence[Path | str]) -> Iterator[Path]:
    """Folders that may be a ROS package, the likeliest first."""
    ros = [Path(p) for p in os.environ.get("ROS_PACKAGE_PATH", "").split(os.pathsep) if p]
    ament = [Path(p) / "share" for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    folder = folder.resolve()
    for place in (*map(Path, packages), folder, *folder.parents, *ros, *ament):
        if place.name == package or _declares(place, package):
            yield place
        yield place / package
    for place in (*map(Path, packages), *ros):
        yield from place.glob(f"*/{package}")


def _declares(place: Path, package: str) -> bool:
    """Whether a folder's package.xml has this name: a package need not lie in a folder of its name."""
    file = place / "package.xml"
    try:
        return (
            file.is_file() and (ElementTree.parse(file).getroot().findtext("name") or "").strip() == package
        )
    except (ElementTree.ParseError, OSError):
        return False


def expanded(path: Path) -> str:
    """The URDF that a xacro file makes."""
    try:
        from xacrodoc import XacroDoc  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise DataError(
            f"{path} is a xacro file, which makes a URDF: `pip install xacrodoc` lets it be read here, or expand it with "
            f"`xacro {path.name} > robot.urdf`."
        ) from error
    try:
        return XacroDoc.from_file(str(path), resolve_packages=False).to_urdf_string()
    except Exception as error:  # whatever a macro raises
        raise DataError(f"{path} cannot be expanded by xacro ({_line(error)}).") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
