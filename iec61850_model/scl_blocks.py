"""Reads the data sets and the report and log control blocks of an ICD (61850-6, 9.3.7 to 9.3.10).

Which block is reserved says SCL itself: the clients that ``RptEnabled`` names with ``ClientLN`` hold the
first instances of a buffered block, whose ResvTms is then -1 for good (7-2 clause 17.2; 61850-6, 9.3.8).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lxml import etree

from iec61850_model.blocks import Blocks, DataSetConfig, LogConfig, ReportConfig
from iec61850_model.reference import MAX_ITEM_NAME, InvalidReference, Reference
from iec61850_model.scl_element import NS, at, boolean, needed, node_name, unsigned
from iec61850_model.tree import Tree
from iec61850_model.values import NO_OPT_FLDS, NO_TRIGGER, FunctionalConstraint, OptFlds, Trigger

FC = FunctionalConstraint

MAX_DATA_SET_NAME = 32
"""Characters of the name of a data set (61850-6, tDataSetName)."""
MAX_INSTANCES = 99
"""Instances of one report control block: their index has two digits (61850-6, 9.3.8)."""
RESERVED = -1
"""ResvTms of a block that the configuration reserves (7-2 clause 17.2)."""
FREE = 0
"""ResvTms of a block that anybody may take."""
LONGEST_ATTRIBUTE = "TimeofEntry"
"""The longest name below a control block in the MMS mapping (8-2, 17.1): item names end with it."""

_TRG_OPS = {
    "dchg": (Trigger.DCHG, False),
    "qchg": (Trigger.QCHG, False),
    "dupd": (Trigger.DUPD, False),
    "period": (Trigger.INTEGRITY, False),
    "gi": (Trigger.GI, True),
}
"""Attributes of TrgOps with their defaults (schema 2007B4)."""
_OPT_FIELDS = {
    "seqNum": (OptFlds.SEQ_NUM, False),
    "timeStamp": (OptFlds.TIME_STAMP, False),
    "dataSet": (OptFlds.DATA_SET, False),
    "reasonCode": (OptFlds.REASON, False),
    "dataRef": (OptFlds.DATA_REF, False),
    "entryID": (OptFlds.ENTRY_ID, False),
    "configRef": (OptFlds.CONF_REV, False),
    "bufOvfl": (OptFlds.BUF_OVFL, True),
}
"""Attributes of OptFields with their defaults (schema 2007B4)."""


def read_blocks(ied: etree._Element, devices: Mapping[str, str], tree: Tree) -> Blocks:
    """The blocks of one IED, with every reference looked up in its ``tree``.

    ``devices``: name of each logical device by its ``inst``. Raises SclError.
    """
    return _Reader(ied, devices, tree).blocks()


class _Reader:
    def __init__(self, ied: etree._Element, devices: Mapping[str, str], tree: Tree) -> None:
        self._ied = ied
        self._devices = devices
        self._tree = tree
        settings = _child(_child(ied, "Services"), "ReportSettings")
        self._has_resv_tms = settings is not None and boolean(settings, "resvTms", False)
        self._has_owner = settings is not None and boolean(settings, "owner", False)

    def blocks(self) -> Blocks:
        data_sets: list[DataSetConfig] = []
        reports: list[ReportConfig] = []
        logs: list[LogConfig] = []
        for device in self._ied.iterfind(f".//{NS}Server/{NS}LDevice"):
            ld = self._devices[needed(device, "inst")]
            for element in device.iterfind("*"):
                if etree.QName(element).localname in ("LN0", "LN"):
                    ln = node_name(element)
                    data_sets += self._data_sets(element, ld, ln)
                    reports += self._reports(element, ld, ln)
                    logs += self._logs(element, ld, ln)
        return Blocks(tuple(data_sets), tuple(reports), tuple(logs))

    # --- data sets --------------------------------------------------------------------------------

    def _data_sets(self, node: etree._Element, ld: str, ln: str) -> Iterator[DataSetConfig]:
        names: set[str] = set()
        for element in node.iterfind(f"{NS}DataSet"):
            name = _name(element, names)
            if len(name) > MAX_DATA_SET_NAME:
                raise at(element, f"{name} has more than {MAX_DATA_SET_NAME} characters")
            members = tuple(self._member(one) for one in element.iterfind(f"{NS}FCDA"))
            if not members:
                raise at(element, f"{name} has no FCDA")
            _check_item(element, ln, name)
            yield DataSetConfig(ld, ln, name, members)

    def _member(self, element: etree._Element) -> Reference:
        """FCD (a data object) or FCDA (an attribute) as a reference that exists."""
        if element.get("ix") is not None:
            raise at(element, "an element of an array (ix) is not supported: take the whole array")
        inst = needed(element, "ldInst")
        if inst not in self._devices:
            raise at(element, f"there is no logical device {inst}; there is: {', '.join(self._devices)}")
        fc = needed(element, "fc")
        if fc not in FC.__members__:
            raise at(element, f"{fc} is not a functional constraint")
        if fc == FC.CO:
            raise at(element, "a control (CO) is operated, not read: take the state (ST or MX)")
        names = f"{needed(element, 'doName')}.{element.get('daName') or ''}".rstrip(".").split(".")
        reference = Reference(
            self._devices[inst], node_name(element, "lnInst"), tuple(names), FunctionalConstraint(fc)
        )
        if self._tree.find(reference) is None:
            raise at(element, f"{reference} does not exist in this model")
        return reference

    # --- report control blocks --------------------------------------------------------------------

    def _reports(self, node: etree._Element, ld: str, ln: str) -> Iterator[ReportConfig]:
        names: set[str] = set()
        instances: set[str] = set()
        for element in node.iterfind(f"{NS}ReportControl"):
            for one in self._instances(element, ld, ln, _name(element, names)):
                if one.name in instances:
                    raise at(element, f"an instance named {one.name} is there twice")
                instances.add(one.name)
                yield one

    def _instances(self, element: etree._Element, ld: str, ln: str, name: str) -> Iterator[ReportConfig]:
        buffered = boolean(element, "buffered", False)
        enabled = _child(element, "RptEnabled")
        count = 1 if enabled is None else unsigned(enabled, "max", 1, MAX_INSTANCES)
        clients = 0 if enabled is None else len(enabled.findall(f"{NS}ClientLN"))
        if clients > count:
            raise at(element, f"{name} is reserved for {clients} clients, but has {count} instances")
        indexed = boolean(element, "indexed", True)
        if not indexed and count != 1:
            raise at(element, f"{name} has {count} instances, but no index: say indexed=true")
        for number in range(1, count + 1):
            instance = f"{name}{number:02}" if indexed else name
            _check_item(element, ln, FC.BR if buffered else FC.RP, instance, LONGEST_ATTRIBUTE)
            yield ReportConfig(
                ld=ld,
                ln=ln,
                name=instance,
                buffered=buffered,
                rpt_id=element.get("rptID", ""),
                data_set=_data_set(element, ln),
                conf_rev=unsigned(element, "confRev"),
                trg_ops=_trg_ops(element),
                opt_flds=_opt_flds(element),
                buf_tm=unsigned(element, "bufTime"),
                intg_pd=unsigned(element, "intgPd"),
                resv_tms=self._resv_tms(buffered, number <= clients),
                owner=self._has_owner,
            )

    def _resv_tms(self, buffered: bool, reserved: bool) -> int | None:
        if not buffered or not self._has_resv_tms:
            return None
        return RESERVED if reserved else FREE

    # --- log control blocks -----------------------------------------------------------------------

    def _logs(self, node: etree._Element, ld: str, ln: str) -> Iterator[LogConfig]:
        names: set[str] = set()
        for element in node.iterfind(f"{NS}LogControl"):
            name = _name(element, names)
            log = _identifier(element, "logName")
            _check_item(element, ln, log)
            _check_item(element, ln, FC.LG, name, LONGEST_ATTRIBUTE)
            if not self._same_node(element, node) or log not in _own_logs(node):
                raise at(
                    element, f"there is no <Log name={log!r}> in {ld}/{ln}: a log lies where its block is"
                )
            if unsigned(element, "bufTime"):
                raise at(element, "bufTime of a log is not supported: leave it out")
            yield LogConfig(
                ld=ld,
                ln=ln,
                name=name,
                log=log,
                data_set=_data_set(element, ln),
                enabled=boolean(element, "logEna", True),
                reason_code=boolean(element, "reasonCode", True),
                trg_ops=_trg_ops(element),
                intg_pd=unsigned(element, "intgPd"),
            )

    @staticmethod
    def _same_node(element: etree._Element, node: etree._Element) -> bool:
        device = node.getparent()
        assert device is not None
        named = element.get("prefix", "") + element.get("lnClass", "LLN0") + element.get("lnInst", "")
        return named == node_name(node) and element.get("ldInst", device.get("inst")) == device.get("inst")


def _own_logs(node: etree._Element) -> set[str | None]:
    return {one.get("name") for one in node.iterfind(f"{NS}Log")}


def _data_set(element: etree._Element, ln: str) -> str:
    """The item name of a control block's data set: one of the same logical node, or none."""
    name = element.get("datSet")
    if name is None:
        return ""
    node = element.getparent()
    assert node is not None
    if all(one.get("name") != name for one in node.iterfind(f"{NS}DataSet")):
        raise at(element, f"there is no data set {name} in {ln}")
    return f"{ln}${name}"


def _trg_ops(element: etree._Element) -> Trigger:
    options = _child(element, "TrgOps")
    found = NO_TRIGGER
    for name, (trigger, default) in _TRG_OPS.items():
        if options is not None and boolean(options, name, default):
            found |= trigger
    return found


def _opt_flds(element: etree._Element) -> OptFlds:
    fields = _child(element, "OptFields")
    found = NO_OPT_FLDS
    for name, (field, default) in _OPT_FIELDS.items():
        if fields is not None and boolean(fields, name, default):
            found |= field
    return found


def _name(element: etree._Element, taken: set[str]) -> str:
    name = _identifier(element, "name")
    if name in taken:
        raise at(element, f"{name} is there twice")
    taken.add(name)
    return name


def _identifier(element: etree._Element, attribute: str) -> str:
    """A name that can be part of an item name; ``$`` and ``.`` in it would make it another's."""
    name = needed(element, attribute)
    try:
        return Reference.from_mms(name).ld
    except InvalidReference:
        raise at(element, f"{name!r} is no name: a letter, then letters, digits and _") from None


def _check_item(element: etree._Element, *names: str) -> None:
    """Raise SclError unless a client can ask for the item of these names (8-2, 8.2)."""
    item = "$".join(names)
    if len(item) > MAX_ITEM_NAME:
        raise at(element, f"{item} has more than {MAX_ITEM_NAME} characters")


def _child(element: etree._Element | None, kind: str) -> etree._Element | None:
    return None if element is None else element.find(f"{NS}{kind}")
