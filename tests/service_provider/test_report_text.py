"""Report control blocks in words, and settings as people write them."""

from __future__ import annotations

import pytest

from iec61850_model.client import UnusableValue
from iec61850_model.client.rcb import SETTABLE
from iec61850_model.reference import InvalidReference
from iec61850_model.values import OptFlds, Trigger
from service_provider.report_text import (
    block_reference,
    entry_id_from_text,
    option_text,
    settings_from_text,
    shown_data_set,
    trigger_text,
    triggers_from_text,
    wire_data_set,
)


def test_settings_as_people_write_them() -> None:
    texts = {
        "resv": ("Resv=on", True),
        "resv_tms": ("ResvTms=-1", -1),
        "rpt_id": ("RptID=a=b", "a=b"),
        "dat_set": ("datset=MET/LLN0.dsMeas", "MET/LLN0$dsMeas"),
        "opt_flds": ("OptFlds=seqNum,ENTRYID", OptFlds.SEQ_NUM | OptFlds.ENTRY_ID),
        "buf_tm": ("BufTm=500", 500),
        "trg_ops": ("TrgOps=dchg,gi", Trigger.DCHG | Trigger.GI),
        "intg_pd": ("IntgPd=60000", 60_000),
        "purge_buf": ("PurgeBuf=true", True),
        "entry_id": ("EntryID=0000000100000c41", bytes.fromhex("0000000100000c41")),
        "rpt_ena": ("RptEna=off", False),
        "gi": ("GI=1", True),
    }
    assert set(texts) == set(SETTABLE)
    assert settings_from_text([text for text, _ in texts.values()]) == {
        name: value for name, (_, value) in texts.items()
    }
    assert settings_from_text(["DatSet=", "TrgOps="]) == {"dat_set": "", "trg_ops": Trigger(0)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("BufTm", "Name=value"),
        ("SqNum=1", "one of Resv, ResvTms"),
        ("BufTm=soon", "BufTm: 'soon' is not a whole number"),
        ("GI=perhaps", "neither on nor off"),
        ("TrgOps=dchg,often", "dchg, qchg, dupd, integrity, gi"),
        ("EntryID=00", "16 hexadecimal digits"),
        ("DatSet=dsMeas", "LD/LN.Name"),
    ],
)
def test_what_cannot_be_set_says_what_can(text: str, says: str) -> None:
    with pytest.raises(UnusableValue, match=says):
        settings_from_text([text])


def test_flags_in_words_and_back() -> None:
    every = Trigger.DCHG | Trigger.QCHG | Trigger.DUPD | Trigger.INTEGRITY | Trigger.GI
    assert trigger_text(every) == "dchg,qchg,dupd,integrity,gi"
    assert triggers_from_text(trigger_text(every)) == every
    assert option_text(OptFlds.SEQ_NUM | OptFlds.REASON) == "seqNum,reasonCode"
    assert len(option_text(OptFlds(0b111111111)).split(",")) == 9


def test_names_of_data_sets_and_blocks() -> None:
    assert wire_data_set("MET/LLN0.dsMeas") == wire_data_set("MET/LLN0$dsMeas") == "MET/LLN0$dsMeas"
    assert shown_data_set("MET/LLN0$dsMeas") == "MET/LLN0.dsMeas"
    assert wire_data_set("@mine") == "@mine"
    assert str(block_reference("MET/LLN0.urcbMeas01[RP]")) == "MET/LLN0.urcbMeas01[RP]"
    for text in ("dsMeas", "MET/LLN0", "MET/LLN0.a.b", "nonsense!"):
        with pytest.raises(InvalidReference, match=r"LD/LN\.Name"):
            wire_data_set(text)
        with pytest.raises(InvalidReference, match=r"LD/LN\.Name"):
            block_reference(text)
    with pytest.raises(InvalidReference, match="BR or RP"):
        block_reference("MET/LLN0.urcbMeas01[MX]")
    with pytest.raises(InvalidReference):
        wire_data_set("MET/LLN0.dsMeas[MX]")


def test_entry_ids() -> None:
    assert entry_id_from_text("0000000100000c41") == bytes.fromhex("0000000100000c41")
    for text in ("", "0000000100000c4", "0000000100000c4100", "zz00000100000c41"):
        with pytest.raises(UnusableValue):
            entry_id_from_text(text)
