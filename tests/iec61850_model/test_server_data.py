"""GetDataValues, GetAllDataValues and SetDataValues (7-2 clause 12, 8-2 clause 12)."""

from __future__ import annotations

from typing import Any

import pytest
from box_server import NOON, Box, named, structure

from iec61850_model.mms.pdu import (
    INVALID_SERVICE,
    OBJECT_NON_EXISTENT,
    ConfirmedError,
    ConfirmedRequest,
    Data,
    DataAccessError,
    ObjectName,
    ReadRequest,
    Reject,
    RejectReason,
    VariableListName,
    WriteRequest,
)
from iec61850_model.reference import Reference
from iec61850_model.server import Reply, Settled
from iec61850_model.values import GOOD, NO_TIME, NOT_CONNECTED, Timestamp

DENIED, MISSING = DataAccessError.OBJECT_ACCESS_DENIED, DataAccessError.OBJECT_NON_EXISTENT
KIND, VALUE = DataAccessError.TYPE_INCONSISTENT, DataAccessError.OBJECT_VALUE_INVALID
STAMP = Timestamp.from_unix(NOON)
CURVE, POINTS = "HP/HcFCSD1.Crv[SP]", "HP/HcFCSD1.Crv.crvPts[SP]"
COUNT = "HP/HcFCSD1.Crv.numPts[SP]"


@pytest.fixture
def box() -> Box:
    return Box()


def point(x: float, y: float) -> Data:
    return structure(Data("floating-point", x), Data("floating-point", y))


def points(*pairs: tuple[float, float]) -> Data:
    return Data("array", tuple(point(x, y) for x, y in pairs))


TEN = tuple((float(at), 40.0 - at) for at in range(10))


# --- reading --------------------------------------------------------------------------------------


def test_a_measured_value_comes_with_its_quality_and_time(box: Box) -> None:
    box.tree.update(Reference.parse("MET/MMXU1.TotW"), 1234.5, GOOD, STAMP)
    assert box.read("MET/MMXU1.TotW[MX]") == (
        structure(
            structure(Data("floating-point", 1234.5)),
            Data("bit-string", GOOD.bits),
            Data("utc-time", STAMP),
        ),
    )


def test_a_value_that_was_never_measured_says_so(box: Box) -> None:
    assert box.read("MET/MMXU1.TotW.q[MX]", "MET/MMXU1.TotW.t[MX]") == (
        Data("bit-string", NOT_CONNECTED.bits),
        Data("utc-time", NO_TIME),
    )


def test_several_references_are_answered_one_by_one_in_the_order_asked(box: Box) -> None:
    box.tree.update(Reference.parse("HP/EvuGGIO1.SPCSO1"), True, GOOD, STAMP)
    assert box.read(
        "HP/EvuGGIO1.SPCSO1.stVal[ST]",
        "MET/MMXU1.Nope[MX]",
        "LD0/LLN0.NamPlt.vendor[DC]",
        "NONE/LLN0.Beh[ST]",
        "HP/EvuGGIO1.SPCSO1.stVal[ST]",
    ) == (
        Data("boolean", True),
        MISSING,
        Data("visible-string", "heat-pump-hub"),
        MISSING,
        Data("boolean", True),
    )


def test_all_values_of_a_node_under_one_functional_constraint(box: Box) -> None:
    (answer,) = box.read("MET/MMXU1[MX]")
    assert isinstance(answer, Data) and isinstance(answer.value, tuple)
    assert len(answer.value) == 6  # TotW TotVAr TotPF Hz PhV A


def test_an_array_is_read_whole(box: Box) -> None:
    (answer,) = box.read(POINTS)
    assert isinstance(answer, Data) and isinstance(answer.value, tuple)
    assert (answer.tag, len(answer.value), answer.value[0]) == ("array", 10, point(-20.0, 45.0))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("MET:MMXU1", DataAccessError.OBJECT_ACCESS_UNSUPPORTED),
        ("MET:MMXU9", MISSING),
        ("MET:MMXU1$XX$TotW", MISSING),
        ("MET:MMXU1$MX$TotW$mag$f$x", MISSING),
        ("MET:MMXU1 $MX", MISSING),
        (":MMXU1$MX$TotW", MISSING),
        ("HP:EvuGGIO1$CO$SPCSO1$Oper", DENIED),
        ("HP:EvuGGIO1$CO$SPCSO1$Oper$ctlVal", DENIED),
        ("HP:EvuGGIO1$CO$Nope", MISSING),
    ],
)
def test_what_cannot_be_read_is_told_why(box: Box, name: str, error: DataAccessError) -> None:
    assert box.read(name) == (error,)


def test_there_are_no_data_sets_yet(box: Box) -> None:
    data_set = VariableListName(ObjectName("LLN0$dsMeas", "MET"))
    assert box.service(ReadRequest(data_set)) == ConfirmedError(7, OBJECT_NON_EXISTENT)
    assert box.service(WriteRequest(data_set, ())) == ConfirmedError(7, OBJECT_NON_EXISTENT)


def test_a_specification_with_the_result_is_not_offered(box: Box) -> None:
    request = ReadRequest(named("LD0/LLN0.Beh[ST]"), specification_with_result=True)
    assert box.service(request) == ConfirmedError(7, INVALID_SERVICE)


# --- writing --------------------------------------------------------------------------------------


def test_a_setting_is_written_and_the_box_is_told(box: Box) -> None:
    effects = box.hear(ConfirmedRequest(7, WriteRequest(named(COUNT), (Data("unsigned", 3),))))
    settled, reply = effects
    assert settled == Settled((Reference.parse(COUNT),))
    assert isinstance(reply, Reply)
    assert box.read(COUNT) == (Data("unsigned", 3),)


def test_an_array_is_written_whole(box: Box) -> None:
    assert box.write({POINTS: points(*TEN)}) == (None,)
    assert box.read(POINTS) == (points(*TEN),)


def test_a_structure_is_written_whole(box: Box) -> None:
    curve = structure(Data("unsigned", 2), points(*TEN))
    assert box.write({CURVE: curve}) == (None,)
    assert box.read(CURVE) == (curve,)


@pytest.mark.parametrize(
    ("reference", "value", "error"),
    [
        (POINTS, points(*TEN[:9], (1.0, float("nan"))), VALUE),
        (POINTS, points(*TEN[:9], (1.0, float("inf"))), VALUE),
        (POINTS, points(*TEN[:9]), KIND),
        (POINTS, points(*TEN, (1.0, 2.0)), KIND),
        (POINTS, Data("array", ()), KIND),
        (POINTS, structure(*(point(x, y) for x, y in TEN)), KIND),
        (POINTS, Data("array", (*(point(x, y) for x, y in TEN[:9]), structure(Data("integer", 1)))), KIND),
        (POINTS, Data("floating-point", 1.0), KIND),
        (CURVE, structure(Data("unsigned", 65_536), points(*TEN)), VALUE),
        (CURVE, structure(Data("boolean", True), points(*TEN)), KIND),
        (CURVE, structure(Data("unsigned", 2)), KIND),
        (COUNT, Data("unsigned", 65_536), VALUE),
        (COUNT, Data("integer", -1), VALUE),
        (COUNT, Data("visible-string", "3"), KIND),
        ("MET/ShMFLW1.MatTyp.setVal[SP]", Data("integer", 1), DENIED),
        ("LD0/LLN0.NamPlt.d[DC]", Data("visible-string", "mine"), DENIED),
        ("MET/MMXU1.TotW.mag.f[MX]", Data("floating-point", 1.0), DENIED),
        ("HP/EvuGGIO1.SPCSO1.stVal[ST]", Data("boolean", True), DENIED),
        ("HP/EvuGGIO1.SPCSO1.ctlModel[CF]", Data("integer", 0), DENIED),
        ("HP/EvuGGIO1.SPCSO1.Oper.ctlVal[CO]", Data("boolean", True), DENIED),
        ("HP/EvuGGIO1.SPCSO1[CO]", structure(Data("boolean", True)), KIND),
        ("MET/MMXU1.Nope[SP]", Data("boolean", True), MISSING),
        ("HP:HcFCSD1", Data("boolean", True), MISSING),
        ("HP:no name", Data("boolean", True), MISSING),
        (":HcFCSD1$SP$Crv$numPts", Data("unsigned", 1), MISSING),
    ],
)
def test_a_write_that_is_refused_changes_nothing(
    box: Box, reference: str, value: Data, error: DataAccessError
) -> None:
    before = box.read(CURVE)
    (effect,) = box.hear(ConfirmedRequest(7, WriteRequest(named(reference), (value,))))
    assert isinstance(effect, Reply)  # and nothing is settled
    assert box.write({reference: value}) == (error,)
    assert box.read(CURVE) == before


def test_each_variable_of_a_request_is_written_or_refused_by_itself(box: Box) -> None:
    results = box.write(
        {
            COUNT: Data("unsigned", 4),
            "LD0/LLN0.NamPlt.d[DC]": Data("visible-string", "mine"),
            POINTS: points(*TEN),
        }
    )
    assert results == (None, DENIED, None)
    assert box.read(COUNT, POINTS) == (Data("unsigned", 4), points(*TEN))


@pytest.mark.parametrize("data", [(), (Data("unsigned", 1),) * 2])
def test_a_write_needs_one_value_per_variable(box: Box, data: Any) -> None:
    before = box.read(CURVE)
    assert box.service(WriteRequest(named(COUNT), data)) == Reject(RejectReason.INVALID_ARGUMENT, 7)
    assert box.read(CURVE) == before
