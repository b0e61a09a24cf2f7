"""The functional constraint an object is read under: the tables of the standard, and the shipped model."""

from __future__ import annotations

import pytest
from box_model import box_tree

from iec61850_model.check.constraint import constraint_of
from iec61850_model.reference import Reference
from iec61850_model.values import FunctionalConstraint as FC


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("MET/MMXU1.TotW", FC.MX),
        ("MET/OutMMET1.EnvTmp", FC.MX),
        ("MET/MMXU1.PhV", FC.MX),
        ("MET/MMXU1.PhV.phsA", FC.MX),
        ("MET/MMXU1.TotW.mag.f", FC.MX),
        ("MET/MMXU1.TotW.db", FC.CF),
        ("MET/MMXU1.TotW.d", FC.DC),
        ("HP/EvuGGIO1.SPCSO1", FC.ST),
        ("HP/EvuGGIO1.SPCSO1.ctlModel", FC.CF),
        ("HP/HpGGIO1.Ind1", FC.ST),
        ("SCH/EvuFSCH1.SchdPrio", FC.SP),
        ("LD0/LLN0.NamPlt", FC.DC),
        ("HP/HpGGIO1", None),
        ("HP/HpGGIO1.Nothing1", None),
        ("MET/MMXU1.TotW7", None),
        ("MET/MMXU1.TotW.nothing", None),
        ("HP/Own.Ind1", None),
    ],
)
def test_by_the_tables_of_the_standard(reference: str, expected: FC | None) -> None:
    assert constraint_of(Reference.parse(reference)) is expected


def test_of_every_object_of_the_shipped_model_it_is_one_that_it_has() -> None:
    looked_at = 0
    for device in box_tree().devices.values():
        for name, node in device.nodes.items():
            objects: dict[str, set[FC]] = {}
            for fc, branch in node.by_fc.items():
                for one in branch.children:
                    objects.setdefault(one, set()).add(fc)
            for one, has in objects.items():
                found = constraint_of(Reference(device.name, name, (one,)))
                assert found is None or found in has, (device.name, name, one)
                value = next((fc for fc in (FC.MX, FC.ST, FC.SP) if fc in has), found)
                assert found in (None, value), (device.name, name, one)
                looked_at += found is not None
    assert looked_at > 3_000
