"""The rules: each a function from a document to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from iec61850_model.check.document import Document
from iec61850_model.check.finding import Finding
from iec61850_model.check.rules.attributes import cdc_attributes, structure_parts
from iec61850_model.check.rules.blocks import control_block_limits, logs, reports
from iec61850_model.check.rules.control import control_models, operate_times
from iec61850_model.check.rules.data_sets import data_sets
from iec61850_model.check.rules.enumerations import attribute_enumerations, enumeration_values
from iec61850_model.check.rules.instances import instance_values, template_values
from iec61850_model.check.rules.names import device_names, item_names, node_names, template_names
from iec61850_model.check.rules.objects import data_objects, name_spaces, required_nodes
from iec61850_model.check.rules.schedules import schedule_values
from iec61850_model.check.rules.schema import elements_and_attributes, version
from iec61850_model.check.rules.templates import definitions, references, unused
from iec61850_model.check.rules.types import attribute_types

Rule = Callable[[Document], Iterator[Finding]]

RULES: Sequence[Rule] = (
    version,
    elements_and_attributes,
    device_names,
    node_names,
    template_names,
    item_names,
    definitions,
    references,
    unused,
    required_nodes,
    data_objects,
    name_spaces,
    cdc_attributes,
    structure_parts,
    attribute_types,
    attribute_enumerations,
    enumeration_values,
    instance_values,
    template_values,
    data_sets,
    reports,
    logs,
    control_block_limits,
    control_models,
    operate_times,
    schedule_values,
)
