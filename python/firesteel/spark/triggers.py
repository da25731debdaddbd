"""triggers - when a training validates, writes a checkpoint or ends: conditions that the training loop looks at after each step.

    NNEstimator(..., endWhen=MaxEpoch(20) | MinLoss(0.05), validationTrigger=SeveralIteration(100), checkpointTrigger=EveryEpoch())

Two of them are joined by & and |.
"""
from __future__ import annotations

import re
from typing import Any

from .errors import fail

__all__ = ["EveryEpoch", "MaxEpoch", "MaxIteration", "MaxScore", "MinLoss", "SeveralIteration", "Trigger"]

TERM = re.compile(r"every_epoch|and|or|(?:several_iteration|max_epoch|max_iteration)=[1-9]\d{0,14}|(?:min_loss|max_score)=\S+")


class Trigger:
    """A condition; `text` is how the engine reads it, in postfix order."""

    def __init__(self, text: str):
        self.text = text

    def __and__(self, other: "Trigger") -> "Trigger":
        return Trigger(f"{self.text} {other.text} and")

    def __or__(self, other: "Trigger") -> "Trigger":
        return Trigger(f"{self.text} {other.text} or")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trigger) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Trigger({self.text!r})"


def _number(kind: type, value: Any, whole: bool) -> str:
    from .params import is_number

    if not is_number(value) or whole and (float(value) != int(value) or not 1 <= int(value) <= 10**15):
        raise fail(1004, f"{kind.__name__}({value!r}): expected a {'whole number of at least 1' if whole else 'number'}")
    return str(int(value)) if whole else repr(float(value))


class EveryEpoch(Trigger):
    """At the end of each epoch."""

    def __init__(self) -> None:
        super().__init__("every_epoch")


class SeveralIteration(Trigger):
    """After every `interval` steps."""

    def __init__(self, interval: int):
        super().__init__(f"several_iteration={_number(type(self), interval, True)}")


class MaxEpoch(Trigger):
    """From the end of the epoch of this number on."""

    def __init__(self, most: int):
        super().__init__(f"max_epoch={_number(type(self), most, True)}")


class MaxIteration(Trigger):
    """From the step of this number on."""

    def __init__(self, most: int):
        super().__init__(f"max_iteration={_number(type(self), most, True)}")


class MinLoss(Trigger):
    """While the loss of the last step is below this."""

    def __init__(self, least: float):
        super().__init__(f"min_loss={_number(type(self), least, False)}")


class MaxScore(Trigger):
    """While the first metric is above this in the last validation."""

    def __init__(self, most: float):
        super().__init__(f"max_score={_number(type(self), most, False)}")
