"""Report and log control blocks (IEC 61850-6; 7-2 clause 17)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from iec61850_model.check.document import Document, Node, children, is_true, line, named
from iec61850_model.check.finding import Finding, Severity
from iec61850_model.check.rules.attributes import TRIGGERS
from iec61850_model.check.rules.data_sets import attributes_below, data_set_of, member_path, service_of
from iec61850_model.check.rules.names import is_block_name
from iec61850_model.reference import MAX_ITEM_NAME

MAX_NAME = 32
"""Characters of the name of a control block or log, without index (IEC 61850-6)."""
MAX_INSTANCES = 99
"""Instances of an indexed report control block: the index has two digits (IEC 61850-6)."""
MAX_REPORT_ID = 129
"""Characters of a RptID (VisString129)."""
MAX_NUMBER = (1 << 32) - 1
"""Largest confRev, bufTime and intgPd (INT32U); times in milliseconds."""
_LONGEST_ATTRIBUTE = {"BR": len("TimeofEntry"), "RP": len("OptFlds"), "LG": len("OldEntrTm")}


def reports(document: Document) -> Iterator[Finding]:
    """Names, instances, RptID, confRev, data set and triggers of each report control block."""
    for node in document.nodes:
        seen: dict[str, int] = {}
        for block in children(node.element, "ReportControl"):
            place = f"{node.place} ReportControl {block.get('name', '')}"
            yield from _instances(node, block, place, seen)
            if len(block.get("rptID", "")) > MAX_REPORT_ID:
                problem = f"rptID has {len(block.get('rptID', ''))} characters"
                yield _error(
                    block, "reports", place, problem, f"shorten it to {MAX_REPORT_ID} or leave it out"
                )
            yield from _numbers(block, "reports", place, ("confRev", "bufTime", "intgPd"))
            yield from _revision(block, place)
            yield from _data_set(node, block, "reports", place)
            yield from _triggers(document, node, block, "reports", place)


def logs(document: Document) -> Iterator[Finding]:
    """Name, log, data set and triggers of each log control block."""
    for node in document.nodes:
        seen: dict[str, int] = {}
        for block in children(node.element, "LogControl"):
            name = block.get("name", "")
            place = f"{node.place} LogControl {name}"
            yield from _name(node, block, "logs", place, [name])
            if name in seen:
                problem = f"the name is there already, in line {seen[name]}"
                yield _error(block, "logs", place, problem, "rename one of the two")
            seen.setdefault(name, line(block))
            yield from _numbers(block, "logs", place, ("bufTime", "intgPd"))
            yield from _data_set(node, block, "logs", place)
            yield from _triggers(document, node, block, "logs", place)
            yield from _log(document, node, block, place)


def control_block_limits(document: Document) -> Iterator[Finding]:
    """No more control blocks and data sets than Services promise."""
    for ied in document.ieds():
        for kind, service in (
            ("DataSet", "ConfDataSet"),
            ("ReportControl", "ConfReportControl"),
            ("LogControl", "ConfLogControl"),
        ):
            found = list(ied.iter(f"{{*}}{kind}"))
            limit = service_of(found[0], service).get("max", "") if found else ""
            if limit.isdecimal() and len(found) > int(limit):
                yield _error(
                    found[int(limit)],
                    "services",
                    f"IED {ied.get('name')}",
                    f"there are {len(found)} {kind}, {service} allows {limit}",
                    f"raise max of {service} if the device can do so, or remove some",
                )


def _instances(node: Node, block: etree._Element, place: str, seen: dict[str, int]) -> Iterator[Finding]:
    enabled = next(iter(children(block, "RptEnabled")), None)
    text = "1" if enabled is None else enabled.get("max", "1")
    indexed = is_true(block, "indexed", default=True)
    most = MAX_INSTANCES if indexed else 1
    if not text.isdecimal() or not 1 <= int(text) <= most:
        yield _error(
            block if enabled is None else enabled,
            "reports",
            place,
            f"it has {text} instances",
            f"write 1 to {MAX_INSTANCES}" if indexed else "write max 1, or indexed so that each has a name",
        )
        return
    base = block.get("name", "")
    names = [f"{base}{at:02}" for at in range(1, int(text) + 1)] if indexed else [base]
    yield from _name(node, block, "reports", place, names)
    for name in names:
        if name in seen:
            problem = f"its instance {name} is one of the block in line {seen[name]}"
            yield _error(block, "reports", place, problem, "rename one of the two")
            break
    for name in names:
        seen.setdefault(name, line(block))


def _name(
    node: Node, block: etree._Element, rule: str, place: str, instances: list[str]
) -> Iterator[Finding]:
    report = "BR" if is_true(block, "buffered") else "RP"
    fc = "LG" if rule == "logs" else report
    length = len(f"{node.name}${fc}${max(instances, key=len)}$") + _LONGEST_ATTRIBUTE[fc]
    if not is_block_name(block.get("name", ""), MAX_NAME):
        problem = f"{block.get('name', '')!r} is no name"
        yield _error(block, rule, place, problem, f"a letter, then letters, digits and _, at most {MAX_NAME}")
    elif length > MAX_ITEM_NAME:
        problem = f"the item names of its attributes have up to {length} characters"
        yield _error(block, rule, place, problem, f"shorten its name: {MAX_ITEM_NAME} are allowed")


def _numbers(block: etree._Element, rule: str, place: str, names: tuple[str, ...]) -> Iterator[Finding]:
    for name in names:
        text = block.get(name, "0")
        if not text.isdecimal() or int(text) > MAX_NUMBER:
            yield _error(block, rule, place, f"{name} is {text!r}", f"write a number from 0 to {MAX_NUMBER}")


def _revision(block: etree._Element, place: str) -> Iterator[Finding]:
    revision = block.get("confRev")
    if revision is None or not revision.isdecimal():
        return
    if block.get("datSet") and int(revision) == 0:
        yield _error(
            block, "reports", place, "confRev is 0 with a data set", "start at 1; 0 means no data set"
        )
    elif not block.get("datSet") and int(revision) > 0:
        problem = f"confRev is {revision} without a data set"
        yield Finding(line(block), Severity.NOTE, "reports", place, problem, "write 0, or name the data set")


def _data_set(node: Node, block: etree._Element, rule: str, place: str) -> Iterator[Finding]:
    name = block.get("datSet")
    if name is not None and data_set_of(node, block) is None:
        problem = f"there is no DataSet {name or '(empty)'} in {node.place}"
        remedy = "correct datSet, or define the data set in the logical node of the control block"
        yield _error(block, rule, place, problem, remedy)


def _triggers(
    document: Document, node: Node, block: etree._Element, rule: str, place: str
) -> Iterator[Finding]:
    options = next(iter(children(block, "TrgOps")), None)
    general = rule == "reports" and options is not None and is_true(options, "gi", default=True)
    on = [name for name in TRIGGERS if is_true(options, name)]
    periodic = is_true(options, "period")
    text = block.get("intgPd", "0")
    interval = int(text) if text.isdecimal() else 0
    at = block if options is None else options
    if periodic and not interval:
        problem = "TrgOps have period without an interval"
        yield _error(at, rule, place, problem, "write intgPd in milliseconds, or take period away")
    elif interval and not periodic:
        problem = f"intgPd is {interval} without period in TrgOps"
        yield _error(block, rule, place, problem, 'write period="true" in TrgOps, or take intgPd away')
    elif not on and not periodic and not general:
        yield _error(at, rule, place, "nothing triggers it", "set one of dchg, qchg, dupd, period in TrgOps")
    data_set = data_set_of(node, block)
    if on and data_set is not None and not _can_trigger(document, node, data_set, on):
        problem = (
            f"no member of {data_set.get('name')} has a trigger {' or '.join(on)}: it never sends for one"
        )
        yield Finding(
            line(at), Severity.NOTE, rule, place, problem, "choose other members or triggers (SAV has none)"
        )


def _can_trigger(document: Document, node: Node, data_set: etree._Element, triggers: list[str]) -> bool:
    for fcda in children(data_set, "FCDA"):
        owner = document.node(node.ied, fcda)
        if owner is None:
            return True  # told as a member that does not exist
        for attribute in attributes_below(document, owner, member_path(fcda)):
            if attribute.get("fc") == fcda.get("fc") and any(is_true(attribute, name) for name in triggers):
                return True
    return False


def _log(document: Document, node: Node, block: etree._Element, place: str) -> Iterator[Finding]:
    name = block.get("logName", "")
    owner: Node | None = node
    if block.get("ldInst") is not None:
        owner = document.node(node.ied, block, default_class="LLN0")
    if owner is None:
        yield _error(block, "logs", place, "there is no logical node of its log", "correct ldInst to lnInst")
    elif named(owner.element, ("Log",), name) is None:
        problem = f"there is no Log {name} in {owner.place}"
        yield _error(block, "logs", place, problem, f'add <Log name="{name}"/> there, or correct logName')
    elif not is_block_name(name, MAX_NAME):
        problem = f"{name!r} is no name of a log"
        yield _error(
            block, "logs", place, problem, f"a letter, then letters, digits and _, at most {MAX_NAME}"
        )


def _error(element: etree._Element, rule: str, place: str, problem: str, remedy: str) -> Finding:
    return Finding(line(element), Severity.ERROR, rule, place, problem, remedy)
