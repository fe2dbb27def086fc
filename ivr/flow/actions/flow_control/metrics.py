"""CheckMetricData (Check staffing, Check queue status).

AWS developer guide, flow-control-actions-checkmetricdata.
"""

from __future__ import annotations

from typing import Final

from ivr.flow.actions.contact.target_queue import Targeted
from ivr.flow.effects import Metric, ReadMetric, ask
from ivr.flow.outcome import Failed, Result
from ivr.flow.parameters import Branches
from ivr.flow.registry import ActionFamily, Needs, Program

family = ActionFamily(Needs.NOTHING)

OF_QUEUES: Final = frozenset({Metric.OLDEST_CONTACT, Metric.CONTACTS})
"""Metrics that are compared with any number; of agents there are some, or none."""
_NUMERIC: Final = (
    "NumberGreaterThan",
    "NumberGreaterOrEqualTo",
    "NumberLessThan",
    "NumberLessOrEqualTo",
)


class CheckMetricData(Targeted):
    """Parameters as they stand in the flow document; without a target it is the working queue."""

    metric_type: Metric

    def branches(self) -> Branches:
        """Agents are counted against zero only."""
        errors = ("NoMatchingError", "NoMatchingCondition")
        if self.metric_type in OF_QUEUES:
            return Branches(
                required=errors,
                optional=(),
                own_operands=r"[0-9]+",
                operators=("Equals", *_NUMERIC),
                next_action=False,
            )
        return Branches(
            required=errors,
            optional=(),
            operands=("0",),
            operators=("NumberGreaterThan",),
            next_action=False,
        )


@family.action("CheckMetricData", CheckMetricData)
def check_metric_data(params: CheckMetricData) -> Program:
    """Choose by a number; the age of the oldest contact is in milliseconds, whatever its name."""
    value = yield from ask(ReadMetric(params.metric_type, params.target()))
    if value is None:
        return Failed(reason="there is no such queue or agent")
    return Result(str(value))
