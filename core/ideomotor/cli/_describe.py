import inspect
from collections.abc import Iterator
from typing import Any

import click

from ..kinds import KINDS, _find
from ..registry import registry
from ..spec import Component


@click.command()
@click.argument("name", nargs=-1, required=True)
def describe(name: tuple[str, ...]) -> None:
    """Show what a component is: its arguments, units, and what it takes and gives.

    NAME is one that `ideomotor plugins --components` lists; for a command it may be several words.
    """
    record = registry().get(" ".join(name))
    source = registry().source(record.name)
    click.echo(f"{record.name}: {record.summary}")
    about = f"{source.distribution} {source.version}".rstrip()
    click.echo(f"{record.kind} of plug-in {source.name} ({about}), {record.factory}")
    for title, lines in _sections(record):
        click.echo(f"\n{title}")
        for line in lines:
            click.echo(f"  {line}".rstrip())


def _sections(record: Component) -> Iterator[tuple[str, list[str]]]:
    factory = registry().factory(record.name)
    if isinstance(factory, click.Command):
        words = ["ideomotor", *record.name.split(" ")]
        with click.Context(factory, info_name=" ".join(words)) as context:
            yield "Help", factory.get_help(context).splitlines()
        return
    if doc := inspect.getdoc(factory):
        yield "Description", doc.splitlines()
    yield "Arguments", _arguments(factory) or ["none"]
    if KINDS[record.kind].flows:
        yield from _made(record)


def _arguments(factory: Any) -> list[str]:
    from .._quantity import quantities

    known, parameters = quantities(factory), inspect.signature(factory).parameters
    rows = [(_argument(parameter), _about(known.get(name))) for name, parameter in parameters.items()]
    rows += [(f"({name})", _about(q)) for name, q in known.items() if name not in parameters]
    width = max((len(left) for left, right in rows if right), default=0)
    return [f"{left.ljust(width)}  {right}" if right else left for left, right in rows]


def _argument(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(
        parameter.kind, ""
    )
    kind = "" if parameter.annotation in (parameter.empty, Any) else f": {_type(parameter.annotation)}"
    default = "" if parameter.default is parameter.empty else f" = {_short(parameter.default)}"
    return f"{stars}{parameter.name}{kind}{default}"


def _about(quantity: Any) -> str:
    if quantity is None:
        return ""
    low, high = quantity.bounds
    bounds = (
        ""
        if low is None and high is None
        else f"{'(' if quantity.positive else '['}{_open(low, '-inf')}, {_open(high, 'inf')}]"
    )
    return "  ".join(word for word in (quantity.unit, bounds, quantity.label) if word)


def _open(bound: float | None, infinity: str) -> str:
    return infinity if bound is None else f"{bound:g}"


def _type(annotation: Any) -> str:
    if isinstance(annotation, type) and not getattr(annotation, "__args__", None):
        return annotation.__name__
    return str(annotation).replace("typing.", "").replace("jaxtyping.", "")


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:59] + "…"


def _made(record: Component) -> Iterator[tuple[str, list[str]]]:
    """What an instance made without arguments takes, gives and can do, as far as it can be known without running it."""
    from .._structure import describe as shapes
    from ..capabilities import capabilities

    try:
        made = registry().make(record.name)
    except (TypeError, ValueError) as error:
        yield "Takes and gives", [f"Not known, because it cannot be made without arguments: {error}"]
        return
    lines = []
    for name, tree in _find(KINDS[record.kind].flows)(made).items():
        lines += [f"{name.ljust(14)}{shapes(tree)}", *_units(tree)]
    yield "Takes and gives", lines
    if found := capabilities(made):
        yield "Capabilities", found


def _units(tree: Any) -> list[str]:
    from .._quantity import iter_leaf_quantities

    rows = [(path, _about(q)) for path, q in iter_leaf_quantities(tree)]
    width = max((len(path) for path, about in rows if about), default=0)
    return [f"  {path.ljust(width)}  {about}" for path, about in rows if about]
