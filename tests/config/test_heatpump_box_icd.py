"""The shipped information model obeys the tables of IEC 61850-7-3, 7-4 and 6 it is built on.

Reads `config/heatpump-box.icd` with lxml alone: a fault of our own SCL reader cannot hide one of the file.
Its data sets and control blocks are tested with that reader in `tests/iec61850_model/test_scl_blocks.py`.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree

from iec61850_model.server.data_sets import MAX_CREATED, MAX_MEMBERS

ROOT = Path(__file__).parents[2]
ICD = ROOT / "config" / "heatpump-box.icd"
NS = "{http://www.iec.ch/61850/2003/SCL}"
MAX_ITEM_NAME = 64  # characters of LN$FC$DO$DA..., IEC 61850-6 Services nameLength="64"
MAX_PREFIX_AND_INST = 12  # characters, IEC 61850-7-2 Ed. 2.1
MAX_VISIBLE_STRING = 255  # characters of a VisString255
ROOT_LD = "LD0"

# The mandatory data attributes of each common data class in use, with their functional constraints (7-3; ldNs
# and configRev as every LPL here is in an LLN0). Oper (8-1) is judged apart, it depends on ctlModel.
MANDATORY_ATTRIBUTES: dict[str, dict[str, str]] = {
    "SPS": {"stVal": "ST", "q": "ST", "t": "ST"},
    "INS": {"stVal": "ST", "q": "ST", "t": "ST"},
    "ENS": {"stVal": "ST", "q": "ST", "t": "ST"},
    "VSS": {"stVal": "ST", "q": "ST", "t": "ST"},
    "MV": {"mag": "MX", "q": "MX", "t": "MX"},
    "CMV": {"cVal": "MX", "q": "MX", "t": "MX"},
    "WYE": {"phsA": "", "phsB": "", "phsC": ""},
    "BCR": {"actVal": "ST", "q": "ST", "t": "ST", "pulsQty": "CF"},
    "TCS": {"stVal": "ST", "q": "ST", "t": "ST"},
    "ORS": {"stVal": "ST", "q": "ST", "t": "ST"},
    "SPC": {"stVal": "ST", "q": "ST", "t": "ST", "ctlModel": "CF"},
    "INC": {"stVal": "ST", "q": "ST", "t": "ST", "ctlModel": "CF"},
    "ENC": {"stVal": "ST", "q": "ST", "t": "ST", "ctlModel": "CF"},
    "APC": {"mxVal": "MX", "q": "MX", "t": "MX", "ctlModel": "CF"},
    "ENG": {"setVal": "SP"},
    "ING": {"setVal": "SP"},
    "SPG": {"setVal": "SP"},
    "VSG": {"setVal": "SP"},
    "ASG": {"setMag": "SP"},
    "ORG": {"setSrcRef": "SP"},
    "TSG": {"setTm": "SP", "setCal": "SP"},
    "CSG": {
        "numPts": "SP",
        "crvPts": "SP",
        "xUnits": "CF",
        "yUnits": "CF",
        "maxPts": "CF",
        "xD": "DC",
        "yD": "DC",
    },
    "DPL": {"vendor": "DC"},
    "LPL": {"vendor": "DC", "swRev": "DC", "configRev": "DC", "ldNs": "EX"},
}
FREEZE_ATTRIBUTES = {"frVal", "frTm", "frEna", "frPd", "frRs", "strTm"}  # BCR: not served, so not offered

# The mandatory data objects of each logical node class in use (7-4). A set in a row: at least one of them.
MANDATORY_OBJECTS: dict[str, list[set[str]]] = {
    "LLN0": [{"NamPlt"}, {"Beh"}, {"Health"}, {"Mod"}],
    "LPHD": [{"PhyNam"}, {"PhyHealth"}, {"Proxy"}],
    "LTMS": [{"Beh"}, {"TmSrc"}, {"TmSrcTyp"}],
    "LCCH": [{"Beh"}, {"ChLiv"}],
    "CALH": [{"Beh"}, {"GrAlm", "GrWrn", "GrInd"}],
    "STMP": [{"Beh"}],
    "MMET": [{"Beh"}],
    "MFLW": [{"Beh"}, {"VlmCnt", "FlwRte"}, {"MatTyp"}, {"MatSt"}],
    "MHET": [{"Beh"}, {"MatTyp"}],
    "GGIO": [{"Beh"}],
    "MMXU": [{"Beh"}],
    "MMTR": [{"Beh"}],
    "KPMP": [{"Beh"}, {"OpCtl", "SpdSpt"}],
    "KVLV": [{"Beh"}, {"ClsPos", "OpnPos"}],
    "FSPT": [{"Beh"}],
    "FCSD": [{"Beh"}, {"Crv"}],
    "DLOD": [
        *({"Beh"}, {"OutEcpRef"}, {"PhsConnTyp"}, {"DERTyp"}, {"DEROpSt"}, {"WMax"}, {"WRmp"}, {"VMax"}),
        *({"WMaxRtg"}, {"WOvPFRtg"}, {"WUnPFRtg"}, {"VMaxRtg"}, {"VMinRtg"}),
    ],
    "DWMX": [{"Beh"}, {"InEcpRef"}, {"RmpRteUse"}, {"WMaxSpt", "WMaxSptPct"}],
    "DCTS": [{"Beh"}, {"ThmStoTyp"}],
    "DECP": [{"Beh"}, {"ElcRefId"}, {"VRef"}, {"RefFrm"}],
    "FSCC": [{"Beh"}, {"ActSchdRef"}, {"CtlEnt"}, {"Schd1"}],
    "FSCH": [
        *({"Beh"}, {"SchdSt"}, {"NxtStrTm"}, {"SchdEnaErr"}, {"EnaReq"}, {"DsaReq"}, {"NumEntr"}),
        *({"SchdIntv"}, {"SchdReuse"}, {"ValSPG001", "ValING001", "ValASG001"}),
    ],
}
# A node of statistics says by which method, over which interval and from which node (7-4).
STATISTICS = {
    "ClcMth": "AVG",
    "ClcMod": "PERIOD",
    "ClcIntvTyp": "MS",
    "ClcIntvPer": "300000",
}
NOT_STARTED = "DER/"  # nodes that are off until the configuration of the box says what they are about

# Which relay (or set point) each controllable data object moves: all there are, each once.
CONTROLLED = {
    "HP/EvuGGIO1.SPCSO1": "EVU block relay",
    "HP/SgrGGIO1.ISCSO1": "SG Ready relays",
    "HP/RlyGGIO1.SPCSO1": "spare relay 1",
    "HP/RlyGGIO1.SPCSO2": "spare relay 2",
    "HP/RmFSPT1.SptVal": "room set point",
    "HP/DhwFSPT1.SptVal": "hot water set point",
    "DER/DWMX1.WMaxSpt": "limit of the power",
}
OPER_ORDER = ["ctlVal", "operTm", "origin", "ctlNum", "T", "Test", "Check"]  # 8-1, 8-2 clause 20

MEASURED_UNITS = {
    "LD0/BoxSTMP1.Tmp": "°C",
    "MET/OutMMET1.EnvHum": "c",
    "MET/ShMFLW1.FlwRte": "l/s",
    "MET/ShMFLW1.VlmCnt": "m³",
    "MET/ShMHET1.HeatOut": "W",
    "MET/ShMHET1.AccmHeatOut": "kWh",
    "MET/ShGGIO1.CntVal1": "Wh",
    "MET/MMXU1.TotW": "Watts",
    "MET/MMXU1.PhV.phsB": "V",
    "MET/MMXU1.A.phsC": "A",
    "MET/MMTR1.DmdWh": "Wh",
    "HP/ShKPMP1.Spd": "c",
    "HP/RmFSPT1.SptVal": "°C",
}


@dataclass(frozen=True)
class Leaf:
    """One basic attribute of one instance: its path below the data object, FC, type and Val."""

    path: tuple[str, ...]
    fc: str
    basic_type: str
    enum: str
    value: str | None


@dataclass(frozen=True)
class Instance:
    """One data object (or sub data object) of one logical node."""

    reference: str
    cdc: str
    attributes: tuple[str, ...]
    leaves: tuple[Leaf, ...]

    def value(self, *path: str) -> str | None:
        return next(leaf.value for leaf in self.leaves if leaf.path == path)


def tag(element: etree._Element) -> str:
    return str(element.tag).removeprefix(NS)


class Model:
    """The file, with its types and configured values resolved."""

    def __init__(self, root: etree._Element) -> None:
        self.root = root
        self.types = {t.get("id", ""): t for t in root.iterfind(f"{NS}DataTypeTemplates/*")}
        self.enums = {t.get("id", ""): [v.text or "" for v in t] for t in root.iter(f"{NS}EnumType")}
        self.instances = {i.reference: i for i in self._instances()}

    def nodes(self) -> Iterator[tuple[str, etree._Element]]:
        for device in self.root.iter(f"{NS}LDevice"):
            for node in device:
                name = node.get("prefix", "") + node.get("lnClass", "") + node.get("inst", "")
                yield f"{device.get('ldName')}/{name}", node

    def _instances(self) -> Iterator[Instance]:
        for reference, node in self.nodes():
            for data_object in self.types[node.get("lnType", "")]:
                name = data_object.get("name", "")
                configured = configured_values(node.find(f"{NS}DOI[@name='{name}']"))
                yield from self._objects(f"{reference}.{name}", data_object.get("type", ""), configured)

    def _objects(
        self, reference: str, type_id: str, configured: dict[tuple[str, ...], str]
    ) -> Iterator[Instance]:
        do_type = self.types[type_id]
        leaves: list[Leaf] = []
        for member in do_type:
            name = member.get("name", "")
            if tag(member) == "SDO":
                inner = {path[1:]: value for path, value in configured.items() if path[0] == name}
                yield from self._objects(f"{reference}.{name}", member.get("type", ""), inner)
            else:
                leaves += self._leaves((name,), member.get("fc", ""), member, configured)
        names = tuple(member.get("name", "") for member in do_type)
        yield Instance(reference, do_type.get("cdc", ""), names, tuple(leaves))

    def _leaves(
        self, path: tuple[str, ...], fc: str, member: etree._Element, configured: dict[tuple[str, ...], str]
    ) -> Iterator[Leaf]:
        basic_type = member.get("bType", "")
        if basic_type == "Struct":
            for inner in self.types[member.get("type", "")]:
                yield from self._leaves((*path, inner.get("name", "")), fc, inner, configured)
            return
        default = member.find(f"{NS}Val")
        value = configured.get(path, None if default is None else default.text or "")
        enum = member.get("type", "") if basic_type == "Enum" else ""
        yield Leaf(path, fc, basic_type, enum, value)


def configured_values(element: etree._Element | None) -> dict[tuple[str, ...], str]:
    """The Val texts below a DOI by path; elements of an array (ix) are left to the curve's own test."""
    values: dict[tuple[str, ...], str] = {}
    for child in element if element is not None else ():
        if child.get("ix") is not None:
            continue
        name = child.get("name", "")
        if tag(child) == "DAI":
            values[(name,)] = child.findtext(f"{NS}Val") or ""
        else:
            values |= {(name, *path): value for path, value in configured_values(child).items()}
    return values


@pytest.fixture(scope="module")
def model() -> Model:
    parser = etree.XMLParser(remove_comments=True, resolve_entities=False, no_network=True)
    return Model(etree.parse(str(ICD), parser).getroot())


def controllable(model: Model) -> dict[str, Instance]:
    return {ref: i for ref, i in model.instances.items() if "Oper" in i.attributes}


def test_it_is_an_icd_with_functionally_named_devices(model: Model) -> None:
    root = model.root
    assert (root.get("version"), root.get("revision"), root.get("release")) == ("2007", "B", "4")
    assert [ied.get("name") for ied in root.iter(f"{NS}IED")] == ["TEMPLATE"]
    assert root.find(f"{NS}Communication") is None
    devices = [(d.get("inst"), d.get("ldName")) for d in root.iter(f"{NS}LDevice")]
    assert devices == [
        ("LD0", "LD0"),
        ("MET", "MET"),
        ("HP", "HP"),
        ("AVG", "AVG"),
        ("DER", "DER"),
        ("SCH", "SCH"),
    ]


def test_services_name_only_what_is_served(model: Model) -> None:
    services = {tag(s) for s in model.root.iterfind(f".//{NS}Services/*")}
    assert services == {
        "DynAssociation",
        "GetDirectory",
        "GetDataObjectDefinition",
        "DataObjectDirectory",
        "ReadWrite",
        "TimerActivatedControl",
        "DataSetDirectory",
        "GetDataSetValue",
        "SetDataSetValue",
        "DynDataSet",
        "GetCBValues",
        "ConfReportControl",
        "ReportSettings",
        "ConfLogControl",
        "LogSettings",
        "ConfLNs",
        "ConfLdName",
    }
    served_by_nothing = ["GSEControl", "SampledValueControl", "SettingControl", "Inputs"]
    assert [e for name in served_by_nothing for e in model.root.iter(NS + name)] == []
    for kind, service in (("ReportControl", "ConfReportControl"), ("LogControl", "ConfLogControl")):
        instances = sum(int(e.get("max", "1")) for e in model.root.iterfind(f".//{NS}{kind}/{NS}RptEnabled"))
        found = instances or len(model.root.findall(f".//{NS}{kind}"))
        assert model.root.find(f".//{NS}{service}").get("max") == str(found)
    dynamic = model.root.find(f".//{NS}DynDataSet")
    assert (dynamic.get("max"), dynamic.get("maxAttributes")) == (str(MAX_CREATED), str(MAX_MEMBERS))


def test_every_type_is_there_once_and_used(model: Model) -> None:
    ids = [t.get("id") for t in model.root.iterfind(f"{NS}DataTypeTemplates/*")]
    assert len(ids) == len(set(ids))
    used = {node.get("lnType") for _, node in model.nodes()}
    used |= {e.get("type") for e in model.root.iterfind(f"{NS}DataTypeTemplates/*/*") if e.get("type")}
    assert used - set(ids) == set(), "referenced, but not there"
    assert set(ids) - used == set(), "there, but not used"


def test_type_names_say_what_they_are(model: Model) -> None:
    assert [name for name in model.types if re.search(r"_\d+$", name)] == []


def test_names_are_unique_and_short_enough(model: Model) -> None:
    references = [reference for reference, _ in model.nodes()]
    assert len(references) == len(set(references))
    for _, node in model.nodes():
        assert len(node.get("prefix", "") + node.get("inst", "")) <= MAX_PREFIX_AND_INST
    for parent in model.root.iterfind(f"{NS}DataTypeTemplates/*"):
        names = [member.get("name") for member in parent if member.get("name")]
        assert len(names) == len(set(names)), parent.get("id")
    for reference, instance in model.instances.items():
        node, *objects = reference.partition("/")[2].split(".")
        for leaf in instance.leaves:
            item = "$".join([node, leaf.fc, *objects, *leaf.path])
            assert len(item) <= MAX_ITEM_NAME, item


def test_every_node_has_its_mandatory_objects(model: Model) -> None:
    for reference, node in model.nodes():
        node_type = model.types[node.get("lnType", "")]
        assert node_type.get("lnClass") == node.get("lnClass"), reference
        names = {do.get("name", "") for do in node_type}
        for one_of in MANDATORY_OBJECTS[node.get("lnClass", "")]:
            assert names & one_of, f"{reference} has none of {one_of}"


def test_only_the_root_device_has_the_physical_device_and_the_others_point_to_it(model: Model) -> None:
    assert [reference for reference, n in model.nodes() if n.get("lnClass") == "LPHD"] == [f"{ROOT_LD}/LPHD1"]
    references = {r: i.value("setSrcRef") for r, i in model.instances.items() if r.endswith(".GrRef")}
    assert references == {f"{ld}/LLN0.GrRef": ROOT_LD for ld in ("MET", "HP", "AVG", "DER", "SCH")}


def test_every_object_has_its_mandatory_attributes(model: Model) -> None:
    for do_type in model.root.iter(f"{NS}DOType"):
        present = {member.get("name", ""): member.get("fc", "") for member in do_type}
        missing = MANDATORY_ATTRIBUTES[do_type.get("cdc", "")].items() - present.items()
        assert not missing, f"{do_type.get('id')} lacks {missing}"
        if do_type.get("cdc") == "BCR":
            assert not FREEZE_ATTRIBUTES & present.keys()


def test_oper_is_there_exactly_where_the_control_model_says_so(model: Model) -> None:
    with_model = {r: i for r, i in model.instances.items() if "ctlModel" in i.attributes}
    for reference, instance in with_model.items():
        expected = "direct-with-normal-security" if "Oper" in instance.attributes else "status-only"
        assert instance.value("ctlModel") == expected, reference
        assert not {"SBO", "SBOw"} & set(instance.attributes), reference
        assert ("Cancel" in instance.attributes) == ("Oper" in instance.attributes), (
            "for a command with operTm"
        )
    assert controllable(model).keys() <= with_model.keys()


def test_oper_has_the_standard_order_with_the_time_second(model: Model) -> None:
    opers = [m for m in model.root.iter(f"{NS}DA") if m.get("name") == "Oper"]
    assert len(opers) == 4
    for oper in opers:
        assert oper.get("fc") == "CO"
        members = list(model.types[oper.get("type", "")])
        assert [m.get("name") for m in members] == OPER_ORDER
        assert members[1].get("bType") == "Timestamp"


def test_one_controllable_object_per_relay_and_no_other(model: Model) -> None:
    requests = {r for r in controllable(model) if r.startswith("SCH/")}
    assert {r.partition(".")[2] for r in requests} == {"EnaReq", "DsaReq"}
    assert controllable(model).keys() - requests == CONTROLLED.keys()
    assert len(set(CONTROLLED.values())) == len(CONTROLLED)


def test_set_points_and_sg_ready_have_limits(model: Model) -> None:
    for reference in ("HP/RmFSPT1.SptVal", "HP/DhwFSPT1.SptVal"):
        set_point = model.instances[reference]
        low, high, step = (float(set_point.value(n, "f") or "nan") for n in ("minVal", "maxVal", "stepSize"))
        assert 0 < step < high - low
    sg_ready = model.instances["HP/SgrGGIO1.ISCSO1"]
    assert [sg_ready.value(n) for n in ("minVal", "maxVal", "stepSize")] == ["1", "4", "1"]


def test_every_measured_value_has_its_units(model: Model) -> None:
    for reference, instance in model.instances.items():
        if instance.cdc in {"MV", "CMV", "BCR", "APC"}:
            assert instance.value("units", "SIUnit") is not None, reference
            assert instance.value("units", "multiplier") is not None, reference


@pytest.mark.parametrize(("reference", "expected"), MEASURED_UNITS.items())
def test_units_are_those_of_the_quantity(model: Model, reference: str, expected: str) -> None:
    instance = model.instances[reference]
    assert f"{instance.value('units', 'multiplier')}{instance.value('units', 'SIUnit')}" == expected


def test_counters_count_litres_and_watt_hours(model: Model) -> None:
    quanta = {
        (i.value("units", "SIUnit"), float(i.value("pulsQty") or "nan"))
        for i in model.instances.values()
        if i.cdc == "BCR"
    }
    assert quanta == {("m³", 0.001), ("Wh", 1.0)}


def test_every_text_is_filled_in_and_fits_a_visible_string(model: Model) -> None:
    for reference, instance in model.instances.items():
        for leaf in instance.leaves:
            if leaf.path in {("d",), ("xD",), ("yD",)}:
                assert leaf.value, f"{reference} has an empty {leaf.path[0]}"
            if leaf.basic_type == "VisString255" and leaf.value is not None:
                assert leaf.value.isascii(), reference
                assert leaf.value.isprintable(), reference
                assert len(leaf.value) <= MAX_VISIBLE_STRING, reference


def test_every_generic_object_says_what_it_is(model: Model) -> None:
    generic = re.compile(r"GGIO\d+\.(Ind|Alm|IntIn|CntVal|SPCSO|ISCSO)\d+$")
    found = [i for r, i in model.instances.items() if generic.search(r)]
    assert len(found) == 16
    for instance in found:
        assert instance.value("d"), instance.reference


def test_spare_relays_say_that_they_are_spare(model: Model) -> None:
    for number in (1, 2):
        assert "pare relay" in (model.instances[f"HP/RlyGGIO1.SPCSO{number}"].value("d") or "")


def test_enumerations_are_consistent(model: Model) -> None:
    for enum in model.root.iter(f"{NS}EnumType"):
        numbers = [v.get("ord") for v in enum]
        assert len(numbers) == len(set(numbers)), enum.get("id")
        literals = [v.text for v in enum]
        assert len(literals) == len(set(literals)), enum.get("id")


def test_every_configured_value_has_a_place_and_a_valid_literal(model: Model) -> None:
    configured = 0
    for reference, node in model.nodes():
        for doi in node.iterfind(f"{NS}DOI"):
            base = f"{reference}.{doi.get('name')}"
            places = {
                (*r.removeprefix(base).strip(".").split("."), *leaf.path) if r != base else leaf.path
                for r, i in model.instances.items()
                if r == base or r.startswith(base + ".")
                for leaf in i.leaves
            }
            wanted = configured_values(doi)
            assert wanted.keys() <= places, base
            configured += len(wanted)
    assert configured > 100
    for reference, instance in model.instances.items():
        for leaf in instance.leaves:
            if leaf.enum and leaf.value is not None:
                assert leaf.value in model.enums[leaf.enum], f"{reference} {leaf.path}: {leaf.value!r}"


def test_what_is_known_at_start_is_said(model: Model) -> None:
    for reference, instance in model.instances.items():
        if reference.endswith((".Beh", ".Mod")):
            off = reference.startswith(NOT_STARTED) and "/LLN0." not in reference
            assert instance.value("stVal") == ("off" if off else "on"), reference
        if reference.endswith((".Health", ".PhyHealth")):
            assert instance.value("stVal") == "Ok", reference
    assert model.instances["LD0/LTMS1.TmSrcTyp"].value("stVal") == "SNTP"
    for circuit in ("Sh", "Dhw"):
        assert model.instances[f"MET/{circuit}MFLW1.MatTyp"].value("setVal") == "Water"
        assert model.instances[f"MET/{circuit}MFLW1.MatSt"].value("setVal") == "Liquid"
        assert model.instances[f"MET/{circuit}MHET1.MatTyp"].value("setVal") == "Water"


def test_the_name_plate_tells_the_version_of_this_software(model: Model) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for device in ("LD0", "MET", "HP", "AVG", "DER", "SCH"):
        plate = model.instances[f"{device}/LLN0.NamPlt"]
        assert plate.value("vendor") == project["name"]
        assert plate.value("swRev") == project["version"]
        namespace = "IEC 61850-7-420:2019A4" if device == "DER" else "IEC 61850-7-4:2007B5"
        assert plate.value("ldNs") == namespace
        assert plate.value("configRev")


def test_only_schedules_and_the_heating_curve_can_be_written_as_settings(model: Model) -> None:
    writable = {
        (do_type.get("id"), member.get("name"))
        for do_type in model.root.iter(f"{NS}DOType")
        for member in do_type.iterfind(f"{NS}DA")
        if member.get("fc") in {"SP", "CF", "DC", "EX"} and member.get("valKind", "Set") != "RO"
    }
    assert writable == {
        ("CSG_curve", "numPts"),
        ("CSG_curve", "crvPts"),
        ("SPG_setting", "setVal"),
        ("ING_setting", "setVal"),
        ("ING_seconds", "setVal"),
        ("ASG_setting", "setMag"),
        ("TSG_start", "setTm"),
        ("TSG_start", "setCal"),
    }
    for do_type in (t for t in model.root.iter(f"{NS}DOType") if t.get("id") in dict(writable)):
        assert used_in(model, do_type) == {"HP" if do_type.get("id") == "CSG_curve" else "SCH"}


def test_the_heating_curve_starts_with_a_sensible_curve(model: Model) -> None:
    node = next(node for reference, node in model.nodes() if reference == "HP/HcFCSD1")
    points = [
        (float(sdi[0].findtext(f"{NS}Val") or "nan"), float(sdi[1].findtext(f"{NS}Val") or "nan"))
        for sdi in node.iterfind(f"{NS}DOI[@name='Crv']/{NS}SDI[@name='crvPts']")
    ]
    curve = model.instances["HP/HcFCSD1.Crv"]
    assert curve.value("numPts") == str(len(points))
    array = next(m for m in model.types["CSG_curve"] if m.get("name") == "crvPts")
    assert array.get("count") == curve.value("maxPts") == "10"
    outdoor, flow = [x for x, _ in points], [y for _, y in points]
    assert outdoor == sorted(set(outdoor))
    assert flow == sorted(flow, reverse=True), "colder outside must not mean a colder flow"
    for axis in ("xUnits", "yUnits"):
        assert curve.value(axis, "SIUnit") == "°C"


# --- statistics, and the heat pump as the grid sees it --------------------------------------------


def in_device(model: Model, ld: str, cdcs: set[str]) -> dict[str, Instance]:
    return {ref: i for ref, i in model.instances.items() if ref.startswith(f"{ld}/") and i.cdc in cdcs}


def test_every_average_says_its_method_interval_and_source(model: Model) -> None:
    averages = in_device(model, "AVG", {"MV", "CMV"})
    assert len(averages) > 20
    for reference in averages:
        node, _, path = reference.partition(".")
        for name, literal in STATISTICS.items():
            assert model.instances[f"{node}.{name}"].value("setVal") == literal, node
        source = model.instances[f"{node}.ClcSrc"].value("setSrcRef")
        assert source == node.replace("AVG/", "MET/")
        measured = model.instances[f"{source}.{path}"]
        for part in ("SIUnit", "multiplier"):
            assert measured.value("units", part) == model.instances[reference].value("units", part), reference


def test_every_counter_of_the_averages_says_its_source_and_counts_the_same(model: Model) -> None:
    counters = in_device(model, "AVG", {"BCR"})
    assert counters.keys() == {"AVG/MMTR1.DmdWh", "AVG/ShGGIO1.CntVal1", "AVG/DhwGGIO1.CntVal1"}
    for reference, counter in counters.items():
        node, _, name = reference.partition(".")
        assert f"{node}.ClcMth" not in model.instances, "a counter is no average"
        source = model.instances[f"{node}.InRef1"].value("setSrcRef")
        measured = model.instances[f"{source}.{name}"]
        for path in (("pulsQty",), ("units", "SIUnit"), ("units", "multiplier")):
            assert counter.value(*path) == measured.value(*path), reference


def test_all_of_an_average_is_told_anew_with_every_update(model: Model) -> None:
    """Else a report of an update would lack what is as before: the collector wants all, every 5 minutes."""
    types = {data.get("type") for data in model.root.iterfind(f".//{NS}LNodeType/{NS}DO")} | {"CMV_average"}
    told = [t for t in model.root.iter(f"{NS}DOType") if t.get("id") in types and "AVG" in used_in(model, t)]
    assert {t.get("id") for t in told} > {"MV_average", "CMV_average", "BCR_taken", "BCR_taken_text"}
    for do_type in told:
        for attribute in do_type.iterfind(f"{NS}DA"):
            if do_type.get("cdc") in {"MV", "CMV", "BCR"} and attribute.get("fc") in {"MX", "ST"}:
                assert attribute.get("dupd") == "true", (do_type.get("id"), attribute.get("name"))


def used_in(model: Model, do_type: etree._Element) -> set[str]:
    """The logical devices in which a type stands, directly or as a part."""
    users = {do_type.get("id")} | {
        sdo.getparent().get("id")
        for sdo in model.root.iter(f"{NS}SDO")
        if sdo.get("type") == do_type.get("id")
    }
    nodes = {
        do.getparent().get("id")
        for do in model.root.iterfind(f".//{NS}LNodeType/{NS}DO")
        if do.get("type") in users
    }
    return {reference.partition("/")[0] for reference, node in model.nodes() if node.get("lnType") in nodes}


def test_the_limit_of_power_is_off_until_the_box_can_obey_it(model: Model) -> None:
    limit = model.instances["DER/DWMX1.WMaxSpt"]
    assert limit.value("minVal", "f") == "0"
    assert model.instances["DER/DWMX1.Beh"].value("stVal") == "off"


def test_every_controlled_object_has_one_that_says_who_holds_it(model: Model) -> None:
    for reference in CONTROLLED:
        node, _, name = reference.partition(".")
        number = re.search(r"[0-9]*$", name)
        holder = model.instances[f"{node}.Hld{(number and number[0]) or 1}"]
        assert holder.value("d"), reference
        assert holder.value("dataNs") == "heat-pump-hub:2026"


def test_the_references_of_the_grid_side_lead_to_something(model: Model) -> None:
    nodes = {reference for reference, _ in model.nodes()}
    references = {ref: i.value("setSrcRef") for ref, i in in_device(model, "DER", {"ORG"}).items()}
    assert references.pop("DER/LLN0.GrRef") == ROOT_LD
    assert references == {
        "DER/DLOD1.OutEcpRef": "DER/DECP1",
        "DER/DWMX1.InEcpRef": "DER/DECP1",
        "DER/DECP1.ElcMsRef1": "MET/MMXU1",
    }
    assert set(references.values()) <= nodes


# --- schedules ------------------------------------------------------------------------------------

SLOTS = 4
ENTRIES = 100  # 25 hours of quarters: the longest day that a change of summer time makes
SCHEDULED = {
    "SCH/EvuFSCC1": ("HP/EvuGGIO1.SPCSO1", "SPG"),
    "SCH/SgrFSCC1": ("HP/SgrGGIO1.ISCSO1", "ING"),
    "SCH/Rl1FSCC1": ("HP/RlyGGIO1.SPCSO1", "SPG"),
    "SCH/Rl2FSCC1": ("HP/RlyGGIO1.SPCSO2", "SPG"),
    "SCH/RmFSCC1": ("HP/RmFSPT1.SptVal", "ASG"),
    "SCH/PwrFSCC1": ("DER/DWMX1.WMaxSpt", "ASG"),
}
TAKES = {"SPG": "SPC", "ING": "INC", "ASG": "APC"}


def test_each_controller_has_a_controllable_object_and_four_schedules_of_its_kind(model: Model) -> None:
    controllers = {r: n for r, n in model.nodes() if n.get("lnClass") == "FSCC"}
    assert controllers.keys() == SCHEDULED.keys()
    for reference, (controlled, kind) in SCHEDULED.items():
        assert model.instances[f"{reference}.CtlEnt"].value("setSrcRef") == controlled
        assert model.instances[controlled].cdc == TAKES[kind]
        prefix = reference.removesuffix("FSCC1")
        for slot in range(1, SLOTS + 1):
            schedule = f"{prefix}FSCH{slot}"
            assert model.instances[f"{reference}.Schd{slot}"].value("setSrcRef") == schedule
            entries = [model.instances[f"{schedule}.Val{kind}{n:03}"].cdc for n in range(1, ENTRIES + 1)]
            assert entries == [kind] * ENTRIES
    schedules = [r for r, n in model.nodes() if n.get("lnClass") == "FSCH"]
    assert len(schedules) == SLOTS * len(SCHEDULED)


def test_a_schedule_starts_empty_with_seconds_as_its_unit_and_no_calendar(model: Model) -> None:
    schedules = [r for r, n in model.nodes() if n.get("lnClass") == "FSCH"]
    for schedule in schedules:
        assert model.instances[f"{schedule}.SchdSt"].value("stVal") == "Not ready"
        assert model.instances[f"{schedule}.SchdIntv"].value("units", "SIUnit") == "s"
        for number in range(1, 8):
            assert model.instances[f"{schedule}.StrTm{number}"].value("setCal", "occType") == "NONE"
        for request in ("EnaReq", "DsaReq"):
            assert model.instances[f"{schedule}.{request}"].cdc == "SPC"
    transient = [do.get("name") for do in model.root.iter(f"{NS}DO") if do.get("transient") == "true"]
    assert set(transient) == {"EnaReq", "DsaReq"}


def test_a_set_point_has_the_unit_of_what_it_sets(model: Model) -> None:
    for reference, (controlled, kind) in SCHEDULED.items():
        if kind == "ASG":
            for node in (reference, *(reference.replace("FSCC1", f"FSCH{n}") for n in range(1, SLOTS + 1))):
                value, meant = model.instances[f"{node}.ValMV"], model.instances[controlled]
                for part in ("SIUnit", "multiplier"):
                    assert value.value("units", part) == meant.value("units", part), node
