"""What Ideomotor claims, and what each claim was measured with: one small JSON file per claim in `claims`.

The tables of the README and of the documentation are rendered from these files (`docs/tables.py`), `ideomotor evidence` lists
them, and `ideomotor evidence --run NAME` measures one again and writes its file.
"""
