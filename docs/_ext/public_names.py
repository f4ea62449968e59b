"""`{public} ideomotor_dmp` documents all public names of a package, from its docstrings, which are Markdown.

Signatures are written as in the source (`Float[Array, "time dof"]`), not as Python shows them when they are inspected.
"""

import ast
import importlib
import inspect
import re
from types import ModuleType
from typing import Any

from sphinx.util.docutils import SphinxDirective


class Public(SphinxDirective):
    """All public names of a package."""

    required_arguments = 1

    def run(self) -> list[Any]:
        """The nodes of one description for each name."""
        package = importlib.import_module(self.arguments[0])
        parts = [f"```{{py:currentmodule}} {package.__name__}\n```"]
        for name in sorted(_names(package), key=str.lower):
            parts.append(_described(name, getattr(package, name), _said_below(package, name)))
        return self.parse_text_to_nodes("\n\n".join(parts))


def _names(package: ModuleType) -> list[str]:
    """Its own public names; what the package above offers, too, is described there.

    A module, other than a package, has only the names that it defines itself.
    """
    above = importlib.import_module(package.__name__.partition(".")[0])
    found = {n: getattr(package, n) for n in dir(package) if not n.startswith("_")}
    if not hasattr(package, "__path__"):
        found = {
            n: x for n, x in found.items() if getattr(x, "__module__", package.__name__) == package.__name__
        }
    return [n for n, thing in found.items() if not inspect.ismodule(thing) and _ours(thing, package)
            and (above is package or getattr(above, n, None) is not thing)]  # fmt: skip


def _ours(thing: Any, package: ModuleType) -> bool:
    module = getattr(thing, "__module__", None)
    return not isinstance(module, str) or module.partition(".")[0] == package.__name__.partition(".")[0]


def _described(name: str, thing: Any, about: str) -> str:
    if inspect.isclass(thing):
        return _class(name, thing)
    if callable(thing):
        return _block(3, "py:function", name + _signature(thing), _text(thing))
    return _block(3, "py:data", name, about)


def _class(name: str, cls: type) -> str:
    methods = []
    for key, member in vars(cls).items():
        if key.startswith("_") and key != "__call__":
            continue
        function = member.__func__ if isinstance(member, staticmethod | classmethod) else member
        if isinstance(function, property):
            methods.append(_block(3, "py:property", key, _text(function)))
        elif hasattr(function, "__get__") and callable(getattr(function, "__wrapped__", function)):
            text = _text(function)
            if text:
                methods.append(_block(3, "py:method", key + _signature(function, method=True), text))
    bases = [base.__name__ for base in cls.__bases__ if base.__name__.startswith("Abstract")]
    about = f"*A kind of* {', '.join(f'`{base}`' for base in bases)}.\n\n" if bases else ""
    kind = "py:exception" if issubclass(cls, BaseException) else "py:class"
    return _block(4, kind, name + _signature(cls), about + _text(cls) + "\n\n" + "\n\n".join(methods))


def _block(colons: int, directive: str, head: str, text: str) -> str:
    fence = ":" * colons
    return f"{fence}{{{directive}}} {head}\n\n{text}\n{fence}"


def _text(thing: Any) -> str:
    """A docstring as Markdown, for a method without one that of the method it overrides.

    What is indented in it is code or an equation.
    """
    doc = inspect.getdoc(thing) or ""
    if inspect.isclass(thing) and doc.startswith(f"{thing.__name__}("):
        return ""  # what dataclasses write by themselves
    blocks: list[str] = []
    for paragraph in doc.split("\n\n"):
        code = paragraph.startswith("    ")
        fenced = blocks and blocks[-1].count("```") % 2
        if blocks and (fenced or (code and blocks[-1].startswith("    "))):
            blocks[-1] += f"\n\n{paragraph}"  # of a piece of code with an empty line
        else:
            blocks.append(paragraph)
    for i, block in enumerate(blocks):
        if i and block.startswith("    "):
            plain = inspect.cleandoc("\n" + block)
            blocks[i] = f"```{_language(plain)}\n{plain}\n```"
    return "\n\n".join(blocks)


def _language(code: str) -> str:
    if code.startswith(">>>"):
        return "pycon"
    try:
        ast.parse(code)
    except SyntaxError:
        return "text"
    return "python" if re.search(r"[(=]", code) else "text"


def _signature(thing: Any, method: bool = False) -> str:
    """The arguments as they are written in the source."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return "()"
    shown, starred = [], False
    for parameter in list(signature.parameters.values())[1 if method else 0 :]:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown.append("*")
            starred = True
        starred |= parameter.kind is parameter.VAR_POSITIONAL
        text = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(
            parameter.kind, ""
        ) + parameter.name
        if parameter.annotation is not parameter.empty:
            text += f": {_type(parameter.annotation)}"
        if parameter.default is not parameter.empty:
            text += f" = {_default(parameter.default)}"
        shown.append(text)
    gives = signature.return_annotation
    end = "" if inspect.isclass(thing) or gives is signature.empty else f" -> {_type(gives)}"
    return f"({', '.join(shown)}){end}"


_KEY = re.compile(
    r"Union\[(?:jax)?Key\[Array, ''\], UInt32\[Array, '2'\], UInt32\[Array, '4'\](, NoneType)?\]"
)


def _type(annotation: Any) -> str:
    text = inspect.formatannotation(annotation) if not isinstance(annotation, str) else annotation
    text = re.sub(r"<class '([^']+)'>|<function ([^ ]+) at [^>]+>", lambda m: m[1] or m[2], text)
    text = re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", text)  # modules
    text = re.sub(r"\b(?:jax)(?=(?:Key|UInt32)\[)", "", text)
    text = _KEY.sub(lambda m: "PRNGKey | None" if m[1] else "PRNGKey", text)
    # An array of either library is an array.
    text = re.sub(
        r"Union\[(\w+)\[Array, ('[^']*')\], \1\[ndarray, \2\](, number, float|, number, int)?\]",
        r"\1[Array, \2]",
        text,
    )
    return text.replace("NoneType", "None")


def _default(value: Any) -> str:
    if isinstance(value, bool | int | float | str | type(None)):
        return repr(value)
    if (
        isinstance(value, tuple)
        and all(isinstance(v, bool | int | float | str | tuple) for v in value)
        and len(value) < 8
    ):
        return repr(value)
    name = type(value).__name__
    return (
        f"{name}()"
        if name.isidentifier() and not name.startswith("_") and name not in ("function", "dict", "list")
        else "..."
    )


def _said_below(package: ModuleType, name: str) -> str:
    """The string that stands below a constant in its source."""
    for module in [
        package,
        *(m for n, m in vars(package).items() if inspect.ismodule(m) and n.startswith("_")),
    ]:
        if name not in vars(module) or not getattr(module, "__file__", None):
            continue
        body = ast.parse(inspect.getsource(module)).body
        for here, below in zip(body, body[1:], strict=False):
            named = isinstance(here, ast.Assign) and any(getattr(t, "id", None) == name for t in here.targets)
            if named and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                return str(below.value.value)
    return ""


def setup(app: Any) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("public", Public)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
