"""Every claim has a figure from what was measured; the tables show it; measuring again replaces it."""

import importlib.util
import json
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ideomotor.cli import command
from ideomotor.errors import DataError, IdeomotorError

# Claims have no public face but a command, which writes into the package.
from ideomotor_studies.evidence._claims import Claim, claims, fingerprint
from ideomotor_studies.evidence._command import measure

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_claims(tables):
    shown = set()
    for path in tables.documents():
        text = path.read_text(encoding="utf-8")
        assert tables.rendered(text) == text, f"{path.name}: render its tables with python docs/tables.py"
        shown |= {name for found in tables.BLOCK.finditer(text) for name in found[2].split()}
    assert shown == set(claims())


def test_a_figure_changed_by_hand_is_found(tables):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    row = next(iter(claims().values())).text()
    assert tables.rendered(text.replace(f"| {row} |", "| much better |", 1)) == text


def test_claims_are_complete():
    for claim in claims().values():
        assert claim.text() and claim.days >= 0 and claim.made["machine"] == "2 cores", claim.name
        assert {"ideomotor", "jax"} <= set(claim.made["versions"]) and claim.uses, claim.name
        assert ("FILE" in claim.command) == bool(claim.data), claim.name


def test_commands_of_claims_exist():
    commands = {tuple(shlex.split(claim.command)) for claim in claims().values()}
    for words in commands:
        if words[0] != "ideomotor":
            assert words[:3] == ("python", "-m", "pytest") and (ROOT / words[-1]).exists()
    for name in {words[1:3] for words in commands if words[0] == "ideomotor"}:
        result = CliRunner().invoke(command, [*name, "--help"])
        assert result.exit_code == 0
        given = {word for words in commands if words[1:3] == name for word in words if word.startswith("--")}
        assert all(word in result.output for word in given)


def made(tmp_path, **changes):
    script = (
        "import json, os; open(os.environ['IDEOMOTOR_RESULTS'], 'w').write(json.dumps({'stages': STAGES}))"
    )
    stages = {"try-0": {"end": [1.0, 3.0]}, "try-1": {"end": [2.0, 5.0]}}
    claim = Claim(
        "made",
        "a movement",
        "{end[0]:.1f} ± {end[0].spread:.1f} / {end[1].low:.0f} to {end[1].high:.0f} cm",
        f"{shlex.quote(sys.executable)} -c {shlex.quote(script.replace('STAGES', json.dumps(stages)))}",
        {"end": {"value": [9.0, 9.0], "at": ["try-*", "end"]}},
        {"date": "2020-01-01", "machine": "2 cores", "versions": {"ideomotor": "0.0"}},
        uses=("ideomotor",),
    )._replace(**changes)
    claim.write(tmp_path)
    return claim


def test_measuring_again_writes_values_versions_and_date(tmp_path):
    old = made(tmp_path)
    assert old.changed() == ["ideomotor"] and old.days > 2000
    measure(old, folder=tmp_path)
    new = claims(tmp_path)["made"]
    assert new.text() == "1.5 ± 0.7 / 3 to 5 cm"
    assert new.changed() == [] and new.days <= 1
    assert new.made["sources"] == {"ideomotor": fingerprint("ideomotor")}


def test_a_failed_or_incomplete_measurement_leaves_the_file(tmp_path):
    for changes, message in (
        ({"command": f"{shlex.quote(sys.executable)} -c 'raise SystemExit(3)'"}, "failed"),
        ({"measures": {"end": {"value": 1.0, "at": ["try-0", "start"]}}, "figure": "{end}"}, "try-0 > start"),
        ({"data": "a file"}, "--data"),
    ):
        old = made(tmp_path, **changes)
        before = (tmp_path / "made.json").read_bytes()
        with pytest.raises(IdeomotorError, match=message):
            measure(old, folder=tmp_path)
        assert (tmp_path / "made.json").read_bytes() == before


def test_a_file_that_is_no_claim_is_named(tmp_path):
    (tmp_path / "odd.json").write_text('{"colour": "red"}')
    with pytest.raises(DataError, match=r"odd\.json is no claim"):
        claims(tmp_path)


def test_the_command_lists_every_claim():
    result = CliRunner().invoke(command, ["evidence"])
    assert result.exit_code == 0
    for claim in claims().values():
        assert claim.text() in result.output and claim.command in result.output
    result = CliRunner().invoke(command, ["evidence", "--run", "huh-rech"])
    assert result.exit_code != 0 and "Did you mean 'huh-reach'" in result.output
