"""MMS PDUs to the XML of IEC 61850-8-2 and back: the only place that knows element names."""

from iec61850_model.mms.xer.payload import decode, decode_payload, encode, encode_payload, parse
from iec61850_model.mms.xer.reading import NS82, CodecError, MalformedPdu, UnencodableValue
from iec61850_model.mms.xer.shapes import Carried, recall, remember

__all__ = [
    "NS82",
    "Carried",
    "CodecError",
    "MalformedPdu",
    "UnencodableValue",
    "decode",
    "decode_payload",
    "encode",
    "encode_payload",
    "parse",
    "recall",
    "remember",
]
