"""`{components} dmp` lists what a plug-in registers, `{components} :primitive` all of a kind."""

from typing import Any

from sphinx.util.docutils import SphinxDirective

import ideomotor


class Components(SphinxDirective):
    """A table of registered components."""

    required_arguments = 1

    def run(self) -> list[Any]:
        """The table's nodes."""
        wanted, registry = self.arguments[0], ideomotor.registry()
        records = [c for c in registry.components() if c.kind != "command"]
        if wanted.startswith(":"):
            rows = [(c, registry.source(c.name).name) for c in records if c.kind == wanted[1:]]
            head, text = (
                "| name | plug-in | what it is |",
                [f"| `{c.name}` | {p} | {c.summary} |" for c, p in rows],
            )
        else:
            rows = [c for c in records if registry.source(c.name).name == wanted]
            head, text = (
                "| name | kind | what it is |",
                [f"| `{c.name}` | {c.kind} | {c.summary} |" for c in rows],
            )
        if not text:
            raise self.error(f"Nothing is registered for {wanted!r}.")
        return self.parse_text_to_nodes("\n".join([head, "|---|---|---|", *text]))


class Commands(SphinxDirective):
    """A table of the commands that plug-ins add."""

    def run(self) -> list[Any]:
        """The table's nodes."""
        rows = [f"| `ideomotor {c.name}` | {c.summary} |" for c in ideomotor.components("command")]
        return self.parse_text_to_nodes("\n".join(["| command | what it does |", "|---|---|", *rows]))


def setup(app: Any) -> dict[str, Any]:
    """Add the directives."""
    app.add_directive("components", Components)
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
