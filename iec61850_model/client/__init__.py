"""An IEC 61850 client over any transport: the services of 7-2, their answers as plain values, one error
tree."""

from iec61850_model.client.control import Operation
from iec61850_model.client.data_sets import DataSetDirectory, DataSets
from iec61850_model.client.definition import NodeDefinition, part, value_path
from iec61850_model.client.errors import (
    AmbiguousReference,
    AssociationRefused,
    BadAnswer,
    ClientError,
    ControlRefused,
    NoAnswer,
    NoSuchObject,
    Rejected,
    ServiceErrorReceived,
    UnusableValue,
)
from iec61850_model.client.exchange import Association, Transport
from iec61850_model.client.many import ForMany, Many
from iec61850_model.client.plain import Plain, to_data, to_plain
from iec61850_model.client.services import Client
from iec61850_model.client.terminations import Termination

__all__ = [
    "AmbiguousReference",
    "Association",
    "AssociationRefused",
    "BadAnswer",
    "Client",
    "ClientError",
    "ControlRefused",
    "DataSetDirectory",
    "DataSets",
    "ForMany",
    "Many",
    "NoAnswer",
    "NoSuchObject",
    "NodeDefinition",
    "Operation",
    "Plain",
    "Rejected",
    "ServiceErrorReceived",
    "Termination",
    "Transport",
    "UnusableValue",
    "part",
    "to_data",
    "to_plain",
    "value_path",
]
