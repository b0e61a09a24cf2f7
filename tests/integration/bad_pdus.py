"""Bad PDUs as text, and what is said to each: by the hub, which reads strictly, and by a box."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from iec61850_model.mms.pdu import (
    ConfirmedResponse,
    InformationReport,
    InitiateRequest,
    ObjectName,
    Payload,
    Unconfirmed,
    VariableList,
    WriteResponse,
)
from iec61850_model.mms.xer import NS82, encode_payload
from iec61850_model.values import Timestamp
from support.scene import HUB

HEAT_PUMP = f"hp0001@{HUB}/IEC"
RELAY = "HP/RlyGGIO1$CO$SPCSO1$Oper"
ROOM = "HP/RmFSPT1$CO$SptVal$Oper"
POINTS = "HP/HcFCSD1$SP$Crv$numPts"
POWER = "MET/MMXU1$MX$TotW"


# --- PDUs as text, so that they may be wrong -------------------------------------------------------


def request(service: str, number: str = "7", rest: str = "") -> str:
    return (
        f'<confirmed-RequestPDU xmlns="{NS82}"><invokeID>{number}</invokeID>'
        f"<ConfirmedServiceRequest>{service}</ConfirmedServiceRequest>{rest}</confirmed-RequestPDU>"
    )


def name(text: str) -> str:
    domain, _, item = text.partition("/")
    return f"<domain-specific><domainId>{domain}</domainId><itemId>{item}</itemId></domain-specific>"


def access(*names: str) -> str:
    items = "".join(
        f"<SEQUENCE><variableSpecification><name>{name(one)}</name></variableSpecification></SEQUENCE>"
        for one in names
    )
    return (
        f"<variableAccessSpecification><listOfVariable>{items}</listOfVariable></variableAccessSpecification>"
    )


def read(*names: str, number: str = "7") -> str:
    return request(f"<read>{access(*names)}</read>", number)


def write(at: str, *values: str) -> str:
    data = "".join(f"<Data>{value}</Data>" for value in values)
    return request(f"<write>{access(at)}<listOfData>{data}</listOfData></write>")


def octets(time_: float) -> str:
    return Timestamp.from_unix(time_).to_bytes().hex().upper() if time_ else "0" * 16


def operate(at: str = RELAY, ahead: float = 0, later: float | None = None, **other: str) -> str:
    """An operate whose T is ``ahead`` seconds from now and whose operTm is ``later`` seconds from now."""
    now = time.time()
    parts = {
        "ctlVal": "<boolean>true</boolean>",
        "operTm": f"<utc-time>{octets(0 if later is None else now + later)}</utc-time>",
        "orCat": "<integer>3</integer>",
        "orIdent": "<octet-string>61</octet-string>",
        "ctlNum": "<unsigned>1</unsigned>",
        "T": f"<utc-time>{octets(now + ahead)}</utc-time>",
        "Test": "<boolean>false</boolean>",
        "Check": "<bit-string>00</bit-string>",
    } | other
    origin = f"<structure><Data>{parts.pop('orCat')}</Data><Data>{parts.pop('orIdent')}</Data></structure>"
    ordered = [parts["ctlVal"], parts["operTm"], origin, *(parts[key] for key in ("ctlNum", "T", "Test"))]
    ordered += [parts["Check"]] if parts["Check"] else []
    return write(at, f"<structure>{''.join(f'<Data>{part}</Data>' for part in ordered)}</structure>")


def set_point(bits: str) -> Callable[[], str]:
    value = f"<structure><Data><floating-point>{bits}</floating-point></Data></structure>"
    return lambda: operate(ROOM, ctlVal=value)


def nested(levels: int) -> str:
    return "<structure><Data>" * levels + "<integer>1</integer>" + "</Data></structure>" * levels


def initiate(**changed: int) -> str:
    return encode_payload(Payload(InitiateRequest(**changed), "5"))


def within(association: str, pdu: str) -> str:
    inner = pdu.replace(f' xmlns="{NS82}"', "")
    return f'<associationContext xmlns="{NS82}" assoID="{association}">{inner}</associationContext>'


# --- the table -------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A stanza: its type, what it holds, and what comes back through the hub and from the box itself
    (nothing: the same).

    Several answers in their order are parted by `` + ``.
    """

    type: str
    inner: str | Callable[[], str]
    hub: str
    box: str = ""


BAD = "bad-request (modify)"
FORBIDDEN = "forbidden (auth)"
READ_VALUE = "read value"
NOT_READ = "read object-non-existent"
UNKNOWN = "write object-non-existent"
WRONG_TYPE = "write type-inconsistent"
WRONG_VALUE = "write object-value-invalid"
READ_ONLY = "write object-access-denied"
LATE = "message: AddCause 16 + write temporarily-unavailable"
REJECTED = "reject invalid_pdu"
ARGUMENT = "reject invalid_argument 7"
RANGE = "reject value_out_of_range"
TOO_LARGE = "ConfirmedError pdu-size"
NO_SUCH = "ConfirmedError object-non-existent"
TOO_DEEP = "reject max_recursion_exceeded 7"
NO_ASSOCIATION = "reject illegal_acse_mapping"
NOT_XML = "not-well-formed"
NOT_IMPLEMENTED = "feature-not-implemented (cancel)"
ANSWER = Payload(ConfirmedResponse(7, WriteResponse((None,))))
REPORT = Payload(Unconfirmed(InformationReport(VariableList((ObjectName("LastApplError"),)), ())))
UNAVAILABLE = "service-unavailable (cancel)"
TABLE: dict[str, Row] = {
    # malformed
    "an empty request": Row("get", f'<confirmed-RequestPDU xmlns="{NS82}"/>', BAD, REJECTED),
    "no invokeID": Row("get", read(POWER).replace("<invokeID>7</invokeID>", ""), BAD, REJECTED),
    "two invokeIDs": Row(
        "get", read(POWER).replace("<invokeID>", "<invokeID>8</invokeID><invokeID>"), BAD, REJECTED
    ),
    "an invokeID that is a word": Row("get", read(POWER, number="one"), BAD, "reject invalid_argument"),
    "no service": Row("get", request(""), BAD, "reject invalid_pdu 7"),
    "two services": Row("get", request("<read/><read/>"), BAD, "reject invalid_pdu 7"),
    "a read of nothing": Row("get", read(), BAD, ARGUMENT),
    "half a name": Row(
        "get", read(POWER).replace("<domainId>MET</domainId>", ""), BAD, "reject invalid_pdu 7"
    ),
    "text between elements": Row("get", request(f"<read>{access(POWER)}</read>stray"), BAD, READ_VALUE),
    "an element more": Row("get", request(f"<read>{access(POWER)}</read>", rest="<extra/>"), BAD, READ_VALUE),
    "an attribute more": Row("get", read(POWER).replace("<read>", '<read extra="1">'), BAD, READ_VALUE),
    "a flag that is none": Row(
        "get", read(POWER).replace("<read>", '<read specificationWithResult="maybe">'), BAD, ARGUMENT
    ),
    "more values than variables": Row(
        "set", write(POINTS, *["<unsigned>1</unsigned>"] * 2), FORBIDDEN, ARGUMENT
    ),
    "an answer as request": Row("get", encode_payload(ANSWER), BAD),
    "a write in an iq get": Row("get", write(POINTS, "<unsigned>1</unsigned>"), BAD),
    "a read in an iq set": Row("set", read(POWER), BAD),
    "an iq without payload": Row("get", "", BAD, NOT_IMPLEMENTED),
    "two payloads": Row("get", read(POWER) + read(POWER), BAD),
    "an association id that is none": Row("get", within("a:b", read(POWER)), BAD, REJECTED),
    "an association within another": Row(
        "get", within("1", within("2", read(POWER))), BAD, "reject unknown_pdu_type"
    ),
    "an unknown association": Row("get", within("9:9", read(POWER)), NO_ASSOCIATION),
    # unknown
    "an unknown PDU": Row("get", f'<identify-PDU xmlns="{NS82}"/>', BAD, "reject unknown_pdu_type"),
    "an unknown service": Row("get", request("<fileOpen/>"), FORBIDDEN, "reject unrecognized_service 7"),
    "a service without access by name": Row(
        "get",
        request(f"<read>{access(POWER)}</read>")
        .replace("<name>", "<address>")
        .replace("</name>", "</address>"),
        BAD,
        ARGUMENT,
    ),
    "an unknown device": Row("get", read("NO/LLN0$ST$Beh"), NOT_READ),
    "an unknown data object": Row("get", read("MET/MMXU1$MX$NoSuch"), NOT_READ),
    "an unknown FC": Row("get", read("MET/MMXU1$XX$TotW"), FORBIDDEN, NOT_READ),
    "a name with a blank": Row("get", read("MET/MMXU1$MX$Tot W"), FORBIDDEN, NOT_READ),
    "one unknown of two": Row("get", read(POWER, "MET/MMXU1$MX$NoSuch"), "read value, object-non-existent"),
    "an unknown setting": Row("set", write("HP/HcFCSD1$SP$NoSuch$setVal", "<unsigned>1</unsigned>"), UNKNOWN),
    "an unknown control": Row("set", lambda: operate("HP/RlyGGIO1$CO$SPCSO9$Oper"), UNKNOWN),
    "the type of an unknown variable": Row(
        "get",
        request(
            f"<getVariableAccessAttributes><name>{name('MET/MMXU9')}</name></getVariableAccessAttributes>"
        ),
        NO_SUCH,
    ),
    "the names of an unknown device": Row(
        "get",
        request(
            "<getNameList><objectClass><namedVariable/></objectClass><objectScope><domainSpecific>NO"
            "</domainSpecific></objectScope></getNameList>"
        ),
        NO_SUCH,
    ),
    "a name of 130 characters": Row("get", read(f"MET/{'A' * 130}"), BAD, ARGUMENT),
    # wrong type or range
    "a text for a number": Row("set", write(POINTS, "<visible-string>5</visible-string>"), WRONG_TYPE),
    "a number out of range": Row("set", write(POINTS, "<unsigned>65536</unsigned>"), WRONG_VALUE),
    "a negative number": Row("set", write(POINTS, "<integer>-1</integer>"), WRONG_VALUE),
    "a structure for a number": Row("set", write(POINTS, nested(1)), WRONG_TYPE),
    "an operate of the wrong type": Row("set", lambda: operate(ctlVal="<integer>1</integer>"), WRONG_TYPE),
    "an operate without Check": Row("set", lambda: operate(Check=""), WRONG_TYPE),
    "an operate that is a number": Row("set", write(RELAY, "<integer>1</integer>"), WRONG_TYPE),
    "an originator that does not exist": Row(
        "set", lambda: operate(orCat="<integer>9</integer>"), FORBIDDEN, WRONG_VALUE
    ),
    "an orIdent of 65 octets": Row(
        "set", lambda: operate(orIdent=f"<octet-string>{'61' * 65}</octet-string>"), WRONG_VALUE
    ),
    "a ctlNum of 256": Row("set", lambda: operate(ctlNum="<unsigned>256</unsigned>"), WRONG_VALUE),
    "a test command to a box in operation": Row(
        "set",
        lambda: operate(Test="<boolean>true</boolean>"),
        "message: AddCause 8 + write object-access-denied",
    ),
    "a set point above its maximum": Row(
        "set", set_point("42C80000"), "message: AddCause 26 + write temporarily-unavailable"
    ),
    # read-only
    "a measured value": Row(
        "set",
        write("MET/MMXU1$MX$TotW$mag$f", "<floating-point>00000000</floating-point>"),
        FORBIDDEN,
        READ_ONLY,
    ),
    "a status": Row(
        "set", write("HP/RlyGGIO1$ST$SPCSO1$stVal", "<boolean>true</boolean>"), FORBIDDEN, READ_ONLY
    ),
    "a control as if it were a setting": Row(
        "set", write("HP/RlyGGIO1$CO$SPCSO1$Oper$ctlVal", "<boolean>true</boolean>"), FORBIDDEN, READ_ONLY
    ),
    "a configuration that is fixed": Row(
        "set", write("HP/RlyGGIO1$CF$SPCSO1$ctlModel", "<integer>0</integer>"), READ_ONLY
    ),
    "a setting that is fixed": Row(
        "set", write("MET/ShMFLW1$SP$MatTyp$setVal", "<integer>1</integer>"), READ_ONLY
    ),
    "reading a control": Row("get", read(RELAY), FORBIDDEN, "read object-access-denied"),
    # size, depth, number
    "an association for PDUs that are too small": Row(
        "set", initiate(local_detail=8_191), "InitiateError pdu-size"
    ),
    "an association of a version that is none": Row(
        "set", initiate(version=0), "InitiateError version-incompatible"
    ),
    "an association without outstanding requests": Row(
        "set", initiate(max_calling=0), "InitiateError max-services-outstanding-calling-insufficient"
    ),
    "a request over the default size": Row("get", read(*[f"MET/MMXU1$MX${'A' * 50}"] * 400), TOO_LARGE),
    "an answer over the default size": Row(
        "get", read(*["LD0/LLN0$DC", "MET/LLN0$DC", "HP/LLN0$DC"] * 150), TOO_LARGE
    ),
    "513 variables": Row("get", read(*["A/B$ST"] * 513), BAD, "reject value_out_of_range 7"),
    "a value 9 levels deep": Row("set", write(POINTS, nested(9)), BAD, TOO_DEEP),
    "a value 2,000 levels deep": Row("set", write(POINTS, nested(2_000)), BAD, TOO_DEEP),
    "elements 2,000 levels deep": Row(
        "get", request("<a>" * 2_000 + "</a>" * 2_000), FORBIDDEN, "reject unrecognized_service 7"
    ),
    # numbers
    "an invokeID below 0": Row("get", read(POWER, number="-1"), BAD, RANGE),
    "an invokeID over 32 bits": Row("get", read(POWER, number="4294967296"), BAD, RANGE),
    "an integer of 5,000 digits": Row(
        "set", write(POINTS, f"<integer>{'9' * 5_000}</integer>"), BAD, ARGUMENT
    ),
    "an integer over 64 bits": Row(
        "set", write(POINTS, "<integer>9223372036854775808</integer>"), BAD, "reject value_out_of_range 7"
    ),
    "an integer with an exponent": Row("set", write(POINTS, "<integer>1e3</integer>"), BAD, ARGUMENT),
    "digits of another script": Row("set", write(POINTS, "<integer>\u0661</integer>"), BAD, ARGUMENT),
    "not a number": Row("set", set_point("7FC00000"), WRONG_VALUE),
    "a signalling not-a-number": Row("set", set_point("7F800001"), WRONG_VALUE),
    "infinity": Row("set", set_point("FF800000"), WRONG_VALUE),
    "a float of 3 octets": Row("set", set_point("41AC00"), BAD, ARGUMENT),
    "a float of words": Row("set", set_point("NaN"), BAD, ARGUMENT),
    "hexadecimal with blanks": Row(
        "set", lambda: operate(orIdent="<octet-string>6 1</octet-string>"), BAD, ARGUMENT
    ),
    "a bit string of 2s": Row("set", lambda: operate(Check="<bit-string>22</bit-string>"), BAD, ARGUMENT),
    # times
    "a time of 7 octets": Row("set", lambda: operate(T="<utc-time>00000000000000</utc-time>"), BAD, ARGUMENT),
    "no T": Row("set", lambda: operate(T=f"<utc-time>{octets(0)}</utc-time>"), LATE),
    "a T of 40 s ago": Row("set", lambda: operate(ahead=-40), LATE),
    "a T in 40 s": Row("set", lambda: operate(ahead=40), LATE),
    "a T in 2106": Row("set", lambda: operate(T=f"<utc-time>{'F' * 16}</utc-time>"), LATE),
    "an operTm that is past": Row("set", lambda: operate(later=-5), LATE),
    "an operTm in 8 days": Row("set", lambda: operate(later=8 * 86_400), LATE),
    "an operTm in 2106": Row("set", lambda: operate(operTm=f"<utc-time>{'F' * 16}</utc-time>"), LATE),
    # namespaces and other XML
    "no namespace": Row("get", read(POWER).replace(NS82, ""), UNAVAILABLE, NOT_IMPLEMENTED),
    "a namespace that looks alike": Row(
        "get", read(POWER).replace(NS82, NS82 + "/"), UNAVAILABLE, NOT_IMPLEMENTED
    ),
    "a foreign namespace inside": Row(
        "get", read(POWER).replace("<read>", '<read xmlns="urn:x">'), BAD, READ_VALUE
    ),
    "a foreign element inside": Row(
        "get", read(POWER).replace("<read>", '<read><x xmlns="urn:x"/>'), BAD, READ_VALUE
    ),
    "prefixes instead": Row(
        "get",
        read(POWER)
        .replace("</", "</p:")
        .replace("<", "<p:")
        .replace("<p:/p:", "</p:")
        .replace(" xmlns=", " xmlns:p="),
        READ_VALUE,
    ),
    "escaped text": Row("get", read(POWER).replace(">MET<", "> &#77;&#x45;T\n<"), READ_VALUE),
    "text as CDATA": Row("get", read(POWER).replace(">MET<", "><![CDATA[MET]]><"), READ_VALUE),
    "markup as text": Row("get", read(POWER).replace(">MET<", ">&lt;MET/&gt;<"), FORBIDDEN, NOT_READ),
    # in order, but odd
    "a cancel of a request that is not there": Row(
        "get", f'<cancel-RequestPDU xmlns="{NS82}">7</cancel-RequestPDU>', "CancelError invoke-id-unknown"
    ),
    "a release of no association": Row("set", f'<conclude-RequestPDU xmlns="{NS82}"/>', "released"),
}

STREAM_ENDS: dict[str, tuple[str, str]] = {
    "a DTD": ("<!DOCTYPE x>", NOT_XML),
    "entities that multiply": ('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>', NOT_XML),
    "an unknown entity": (f'<iq type="get" id="x" to="{HEAT_PUMP}">{read("MET/&lol;")}</iq>', NOT_XML),
    "a forbidden character": (f'<iq type="get" id="x" to="{HEAT_PUMP}">{read("MET/&#0;")}</iq>', NOT_XML),
    "a processing instruction": ("<?php exit ?>", NOT_XML),
    "a comment": ("<!-- psst -->", NOT_XML),
    "an undeclared prefix": (f'<iq type="get" id="x" to="{HEAT_PUMP}"><p:read/></iq>', NOT_XML),
    "tags that cross": (f'<iq type="get" id="x" to="{HEAT_PUMP}"><a><b></a></b></iq>', NOT_XML),
    "a stanza over the server's limit": (
        f'<iq type="get" id="x" to="{HEAT_PUMP}">{read("MET/" + "A" * 300_000)}</iq>',
        "policy-violation",
    ),
}
"""What never gets past the XMPP server: the sender's own stream ends with this condition."""

MESSAGES: dict[str, tuple[str, str]] = {
    "a good request": (read(POWER), "message: read value"),
    "no PDU": (request(""), "message: reject invalid_pdu 7"),
    "an unknown PDU": (f'<identify-PDU xmlns="{NS82}"/>', "message: reject unknown_pdu_type"),
    "a value too deep": (write(POINTS, nested(9)), "message: reject max_recursion_exceeded 7"),
}
"""What a message holds, and what the box answers: by message too. The hub takes no messages for boxes."""
