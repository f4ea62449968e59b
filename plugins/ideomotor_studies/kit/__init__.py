"""The study kit: what every paper and every command shares, below all of them.

A study is a few stages in a folder, a table and figures:

    run = Run("smith2020", folder, {"preset": preset, "seed": seed}, resume=resume, say=click.echo)
    found = run.stage("training", lambda: {"error": train()})    # made once, read from the folder afterwards
    run.figure("figure_1", draw(found))

    rows = Comparison()
    rows.add("error (cm)", ours=found["error"], paper=0.4, bar="≤ 0.3")
    run.finish(rows, text)                                        # table.md and results.json

`options` declares the options of its command once, `report` formats numbers and tables, `figures` gives figures one style.
"""

from .report import Comparison as Comparison
from .run import Run as Run
