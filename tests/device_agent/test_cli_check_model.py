"""``hpbox check-model`` as a stranger meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from device_agent.cli import main

SHIPPED = Path(__file__).parents[2] / "config" / "heatpump-box.icd"
QT = '<DA name="q" fc="ST" bType="Quality" qchg="true"/><DA name="t" fc="ST" bType="Timestamp"/>'
NOTED = '<EnumType id="Nobody"><EnumVal ord="1">a</EnumVal></EnumType>'
MODEL = f"""<SCL xmlns="http://www.iec.ch/61850/2003/SCL" version="2007" revision="B" release="4">
<IED name="BOX"><AccessPoint name="AP1"><Server><Authentication/><LDevice inst="LD0" ldName="LD0">
<LN0 lnClass="LLN0" inst="" lnType="LLN0_sub"/>
<LN lnClass="LPHD" inst="1" lnType="LPHD"/>
</LDevice></Server></AccessPoint></IED>
<DataTypeTemplates>
<LNodeType id="LLN0_sub" lnClass="LLN0">
<DO name="Beh" type="ENS"/>
<DO name="GrRef" type="ORG"/>
</LNodeType>
<LNodeType id="LPHD" lnClass="LPHD">
<DO name="PhyNam" type="DPL"/><DO name="PhyHealth" type="Good"/><DO name="Proxy" type="SPS"/>
</LNodeType>
<DOType id="ENS" cdc="ENS"><DA name="stVal" fc="ST" bType="Enum" type="Mode" dchg="true"/>{QT}</DOType>
<DOType id="Good" cdc="ENS"><DA name="stVal" fc="ST" bType="Enum" type="Health" dchg="true"/>{QT}</DOType>
<DOType id="SPS" cdc="SPS"><DA name="stVal" fc="ST" bType="BOOLEAN" dchg="true"/>{QT}</DOType>
<DOType id="ORG" cdc="ORG"><DA name="setSrcRef" fc="SP" bType="ObjRef"/></DOType>
<DOType id="DPL" cdc="DPL">
<DA name="vendor" fc="DC" bType="VisString255"/>
<DA name="model" fc="DC" bType="VisString255"/>
</DOType>
<EnumType id="Mode"><EnumVal ord="1">on</EnumVal></EnumType>
<EnumType id="Health"><EnumVal ord="1">Ok</EnumVal></EnumType>
</DataTypeTemplates>
</SCL>
"""


def run(*arguments: object, color: bool = False) -> Result:
    return CliRunner().invoke(main, ["check-model", *map(str, arguments)], color=color)


def model(tmp_path: Path, old: str = "", new: str = "") -> Path:
    """A file with the small model, one text of it replaced."""
    assert not old or MODEL.count(old) == 1
    path = tmp_path / "my-box.icd"
    path.write_text(MODEL.replace(old, new) if old else MODEL, "utf-8")
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A model with an error, a name plate without vendor, and a note, a type that nothing uses."""
    path = model(tmp_path, '<DA name="vendor" fc="DC" bType="VisString255"/>\n')
    path.write_text(
        path.read_text().replace('<EnumType id="Mode">', f'{NOTED}\n<EnumType id="Mode">'),
    )
    return path


def line_of(path: Path, part: str) -> int:
    text = path.read_text("utf-8")
    return text[: text.index(part)].count("\n") + 1


def test_the_shipped_model_is_in_order() -> None:
    done = run(SHIPPED)
    assert done.exit_code == 0, done.output
    assert "logical nodes: no errors" in done.output.splitlines()[-1]


def test_a_finding_names_file_line_and_place_and_says_what_to_do(faulty: Path) -> None:
    done = run(faulty)
    assert done.exit_code == 1
    lines = done.output.splitlines()
    at = line_of(faulty, '<DOType id="DPL"')
    assert lines[0] == f"{faulty}:{at}: error: DOType DPL: vendor is missing: it is mandatory"
    assert lines[1] == "    add vendor (fc DC, VisString255)"
    at = line_of(faulty, '<EnumType id="Nobody"')
    assert lines[2] == f"{faulty}:{at}: note: EnumType Nobody: no logical node uses it"
    assert lines[4:] == [f"{faulty}: 1 logical device, 2 logical nodes: 1 error, 1 note"]


def test_colour_on_a_terminal_only(faulty: Path) -> None:
    assert "\x1b[" in run(faulty, color=True).output
    assert "\x1b[" not in run(faulty).output


def test_with_json_each_line_is_a_finding(faulty: Path) -> None:
    done = run(faulty, "--json")
    assert done.exit_code == 1
    found = [json.loads(line) for line in done.output.splitlines()]
    assert [one["severity"] for one in found] == ["error", "note"]
    assert found[0] == {
        "line": line_of(faulty, '<DOType id="DPL"'),
        "severity": "error",
        "rule": "attributes",
        "place": "DOType DPL",
        "problem": "vendor is missing: it is mandatory",
        "remedy": "add vendor (fc DC, VisString255)",
    }


def test_notes_alone_are_no_failure(tmp_path: Path) -> None:
    done = run(model(tmp_path, "</DataTypeTemplates>", f"{NOTED}</DataTypeTemplates>"))
    assert done.exit_code == 0, done.output
    assert "no errors, 1 note" in done.output


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory: give the path of an ICD or CID"),
        (b"<SCL", "not well-formed XML"),
        (b"<SCL/>", "the root element is SCL, not SCL of http"),
        (b" " * (5 << 20), "at most 4194304 are read"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "model.icd"
    if content is not None:
        path.write_bytes(content)
    done = run(path)
    assert done.exit_code == 2
    assert f"hpbox: {path}: " in done.stderr
    assert said in done.stderr
    assert done.stdout == ""


def test_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    done = run(model(tmp_path, 'lnType="LLN0_sub"/>', 'lnType="&#155;2J&#10;x"/>'))
    assert done.exit_code == 1
    assert "\x9b" not in done.output
    assert "LNodeType \\x9b2J\\nx is not defined" in done.output


def test_help_teaches() -> None:
    done = run("--help")
    assert done.exit_code == 0
    for part in (
        "ICD or CID",
        "my-box.icd:17: error:",
        "--json",
        "Exit codes:",
        "data sets and their members",
    ):
        assert part in done.output
    assert "check-model my-box.icd" in CliRunner().invoke(main, ["--help"]).output
