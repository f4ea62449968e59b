import keyword
import re
from pathlib import Path

import click

from ..errors import IdeomotorError, UnknownNameError
from ..kinds import KINDS
from ..registry import BUILTIN_COMMANDS, registry

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PREFIX = "ideomotor-"
# Names that the example code itself imports.
_USED = ("Array", "Float")


def examples() -> dict[str, str]:
    """What each example does, by the name of its templates: the kinds that have one, and their variants."""
    own = {kind.name: kind.example for kind in KINDS.values() if kind.example}
    return own | {name: text for kind in KINDS.values() for name, text in kind.variants}


@click.command()
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(tuple(examples())),
    default="primitive",
    show_default=True,
    help="What it will be.",
)
@click.option("--into", metavar="FOLDER", default=".", help="Where to write it. [default: here]")
def new_plugin(name: str, kind: str, into: str) -> None:
    """Write a plug-in package, ideomotor-NAME: six files, with tests that pass at once.

    NAME is lower case words joined by hyphens. The package holds one small example of the kind you choose,
    for you to change.
    """
    folder = write_plugin(name, kind, Path(into))
    click.echo(f"Wrote {folder}/. Next:\n")
    click.echo(f'  cd {folder}\n  pip install -e ".[test]"\n  pytest')


def write_plugin(name: str, kind: str, into: Path) -> Path:
    """Write the package into a new folder below `into`; returns the folder."""
    from .. import _files

    name = name.removeprefix(_PREFIX)
    _check_name(name)
    variant_of = {variant: k.name for k in KINDS.values() for variant, _ in k.variants}
    words = {
        **_words(name, kind),
        "kind": variant_of.get(kind, kind),
        "name": name,
        "summary": examples()[kind],
    }
    folder = into / f"{_PREFIX}{name}"
    if folder.exists():
        raise IdeomotorError(f"{folder} exists; choose another name, or remove it.")
    package = Path("src", words["module"])
    files = {
        Path("pyproject.toml"): "pyproject.toml",
        Path("README.md"): "README.md",
        package / "__init__.py": "init.py",
        package / "plugin.py": "plugin.py",
        package / f"_{words['snake']}.py": f"{kind}.py",
        Path("tests", f"test_{words['snake']}.py"): f"test_{kind}.py",
    }
    with _files.new_folder(folder) as temporary:
        for path, template in files.items():
            _files.write_text(temporary / path, _template(template).substitute(words))
    return folder


def _template(name: str):
    import importlib.resources
    import string

    return string.Template(
        (importlib.resources.files("ideomotor") / "templates" / f"{name}.tmpl").read_text("utf-8")
    )


def _words(name: str, kind: str) -> dict[str, str]:
    snake = name.replace("-", "_")
    cls = "".join(word.capitalize() for word in name.split("-"))
    if keyword.iskeyword(cls) or cls in _USED:
        cls += kind.capitalize()
    return {"snake": snake, "module": f"ideomotor_{snake}", "cls": cls}


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        better = re.sub(r"[^a-z0-9]+", "-", re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", name).lower()).strip(
            "-0123456789"
        )
        hint = f", such as {better!r}" if _NAME.fullmatch(better) else ", such as 'cart-pole'"
        raise IdeomotorError(f"The name {name!r} must be lower case words joined by single hyphens{hint}.")
    if name in BUILTIN_COMMANDS:
        raise IdeomotorError(f"{name!r} is a command of ideomotor; choose another name.")
    for plugin in registry().plugins:
        if _normal(plugin.name) == name or _normal(plugin.distribution) == f"{_PREFIX}{name}":
            raise IdeomotorError(
                f"The name {name!r} is taken by plug-in {plugin.name!r} of {plugin.distribution} {plugin.version}; "
                f"choose another."
            )
    try:
        taken = registry().get(name)
    except UnknownNameError:
        pass
    else:
        source = registry().source(name)
        raise IdeomotorError(
            f"The name {name!r} is taken by a {taken.kind} of plug-in {source.name!r}; choose another."
        )
    import importlib.util

    module = f"ideomotor_{name.replace('-', '_')}"
    if importlib.util.find_spec(module) is not None:
        raise IdeomotorError(f"A module {module} is installed already; choose another name.")


def _normal(name: str) -> str:
    """The name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()
