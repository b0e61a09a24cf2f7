"""One mistake in the enumerations and values of the example: exactly that is found, in its line."""

from __future__ import annotations

import pytest
from test_check_example import Mistake, told

MISTAKES = {
    "a literal": Mistake(
        [('<EnumVal ord="5">off</EnumVal>', '<EnumVal ord="5">away</EnumVal>')],
        at='<EnumVal ord="5">',
        told=(
            "error enumerations: EnumType BehaviourModeKind: ordinal 5 of BehaviourModeKind is "
            '"off", not "away"'
        ),
    ),
    "an ordinal": Mistake(
        [('<EnumVal ord="5">off</EnumVal>', '<EnumVal ord="6">off</EnumVal>')],
        at='<EnumVal ord="6">',
        told=('error enumerations: EnumType BehaviourModeKind: BehaviourModeKind has no ordinal 6 ("off")'),
    ),
    "a literal of an enumeration by another name": Mistake(
        [('<EnumVal ord="3">Alarm</EnumVal>', '<EnumVal ord="3">Broken</EnumVal>')],
        at='<EnumVal ord="3">Broken',
        told='error enumerations: EnumType Health: ordinal 3 of HealthKind is "Alarm", not "Broken"',
    ),
    "an ordinal twice": Mistake(
        [
            (
                '<EnumVal ord="5">off</EnumVal>',
                '<EnumVal ord="5">off</EnumVal>\n<EnumVal ord="1">also on</EnumVal>',
            )
        ],
        at='<EnumVal ord="1">also on',
        told=(
            'error enumerations: EnumType BehaviourModeKind: ordinal 1 or literal "also on" is '
            "there already, in line 268"
        ),
    ),
    "an ordinal too large": Mistake(
        [('<EnumVal ord="-1">Our own</EnumVal>', '<EnumVal ord="-129">Our own</EnumVal>')],
        at='<EnumVal ord="-129">',
        told="error enumerations: EnumType Health: ord '-129' is no number of one octet",
    ),
    "another enumeration": Mistake(
        [
            (
                '<DA name="setVal" fc="SP" bType="Enum" type="ThermalEnergyStorageKind"/>',
                '<DA name="setVal" fc="SP" bType="Enum" type="SIUnitKind"/>',
            ),
            (
                (
                    '<EnumType id="ThermalEnergyStorageKind">\n'
                    '<EnumVal ord="1">For heating with storage</EnumVal>\n</EnumType>\n'
                ),
                "",
            ),
        ],
        at='<DA name="setVal" fc="SP" bType="Enum"',
        told=(
            "error enumerations: DOType ENG_Storage.setVal: its enumeration is SIUnitKind, the "
            "standard has ThermalEnergyStorageKind"
        ),
    ),
    "a value that has no place": Mistake(
        [('<DAI name="SIUnit">', '<DAI name="SIUnits">')],
        at='<DAI name="SIUnits">',
        told="error values: MET/FwdSTMP1.Tmp.units.SIUnits: DAType Unit has no SIUnits",
    ),
    "a value of another type": Mistake(
        [('dchg="true"><Val>1</Val></DA>', 'dchg="true"><Val>one</Val></DA>')],
        at='<DA name="pulsQty"',
        told="error values: DOType BCR.pulsQty: 'one' is not a number",
    ),
    "a literal that is none": Mistake(
        [("<Val>°C</Val>", "<Val>°F</Val>")],
        at='<DAI name="SIUnit">',
        told="error values: MET/FwdSTMP1.Tmp.units.SIUnit: '°F' is no value of SIUnitKind",
    ),
    "a valKind that is none": Mistake(
        [('valKind="RO"', 'valKind="ReadOnly"')],
        at='valKind="ReadOnly"',
        told="error values: DOType ORG.setSrcRef: valKind ReadOnly is unknown",
    ),
    "a literal twice": Mistake(
        [
            (
                '<EnumVal ord="-1">Our own</EnumVal>',
                '<EnumVal ord="-1">Our own</EnumVal>\n<EnumVal ord="-2">Our own</EnumVal>',
            )
        ],
        at='<EnumVal ord="-2">Our own',
        told=(
            'error enumerations: EnumType Health: ordinal -2 or literal "Our own" is there '
            "already, in line 274"
        ),
    ),
    "an element of an array that has fewer": Mistake(
        [
            (
                '<DOI name="Tmp"><SDI name="units">',
                '<DOI name="Tmp">\n<DAI name="own" ix="2"><Val>1</Val></DAI>\n<SDI name="units">',
            ),
            (
                '<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>',
                (
                    '<DA name="units" fc="CF" bType="Struct" type="Unit" dchg="true"/>\n'
                    '<DA name="own" fc="CF" bType="INT8" count="2"/><DA name="dataNs" fc="EX" '
                    'bType="VisString255"/>'
                ),
            ),
        ],
        at='<DAI name="own" ix="2">',
        told="error values: MET/FwdSTMP1.Tmp.own: ix 2 is outside of its 2 elements",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_mistake_is_one_finding_in_its_line(name: str) -> None:
    mistake = MISTAKES[name]
    assert told(mistake.text) == [mistake.expected]
