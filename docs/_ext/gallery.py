"""`{gallery}` shows all notebooks, each with one of the pictures that are stored in it."""

import base64
import json
from pathlib import Path
from typing import Any

from sphinx.util.docutils import SphinxDirective

# Which of a notebook's pictures stands for it.
PICTURES = {
    "01_image_to_movement": 4,
    "02_grasp_imagery": 4,
    "03_movement_database": 4,
    "05_recurrent_controller": 1,
    "06_assemble_your_own": 1,
}


class Gallery(SphinxDirective):
    """Pictures and titles that lead to the notebooks."""

    def run(self) -> list[Any]:
        """Write the pictures beside the pages; the cards' nodes."""
        source = Path(self.env.srcdir)
        cards = []
        for path in sorted((source / "notebooks").glob("*.ipynb")):
            notebook = json.loads(path.read_text(encoding="utf-8"))
            title, _, rest = "".join(notebook["cells"][0]["source"]).partition("\n")
            picture = _picture(notebook, PICTURES.get(path.stem, 0))
            if picture is None:
                raise self.error(
                    f"{path.name} holds no picture; run `python docs/store_notebooks.py {path.stem}`."
                )
            out = Path(self.env.app.outdir) / "_images" / f"gallery-{path.stem}.png"
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(picture)
            depth = "../" * self.env.docname.count("/")
            image = f'<img src="{depth}_images/{out.name}" alt="" loading="lazy">'
            about = rest.strip().partition("\n\n")[0].replace("\n", " ").rstrip(":.") + "."
            cards.append(
                f":::{{container}} card\n<span class='thumb'>{image}</span>\n\n"
                f"[{title.lstrip('# ')}]({depth}notebooks/{path.name})\n\n{about}\n:::"
            )
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes("::::{container} gallery\n" + "\n".join(cards) + "\n::::")


def _picture(notebook: dict[str, Any], number: int) -> bytes | None:
    found = [
        output["data"]["image/png"]
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    return base64.b64decode("".join(found[min(number, len(found) - 1)])) if found else None


def setup(app: Any) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
