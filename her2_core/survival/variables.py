"""The two kinds of nomogram variable: numbers on a line, and factors with levels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, Dict, Tuple, Union

from her2_core.errors import BadInput

Value = Union[float, str, None]


@dataclass(frozen=True)
class NumericVariable:
    """A number.

    Attributes:
        name: column of the table.
        coefficient: log hazard ratio per unit.
        axis: ticks, rising.
        mean: over the training table.
    """

    name: str
    coefficient: float
    axis: Tuple[float, ...]
    mean: float

    def __post_init__(self) -> None:
        if len(self.axis) < 2 or not all(a < b for a, b in zip(self.axis, self.axis[1:])):
            raise BadInput("needs at least two rising ticks", where=self.name)

    def contribution(self, value: Value) -> float:
        """Coefficient x value.

        Raises:
            BadInput: not a finite number.
        """
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise BadInput(f"{value!r} is not a number", where=self.name)
        return self.coefficient * float(value)

    @property
    def lowest(self) -> float:
        """Smallest contribution over the axis."""
        return min(self.coefficient * self.axis[0], self.coefficient * self.axis[-1])

    @property
    def highest(self) -> float:
        """Largest contribution over the axis."""
        return max(self.coefficient * self.axis[0], self.coefficient * self.axis[-1])

    @property
    def mean_contribution(self) -> float:
        """Contribution of the training mean."""
        return self.coefficient * self.mean

    def to_json(self) -> Dict[str, Any]:
        """JSON-ready dict, without the name."""
        return {"kind": "numeric", "coefficient": self.coefficient, "mean": self.mean, "axis": list(self.axis)}


@dataclass(frozen=True)
class FactorVariable:
    """One of several levels.

    Attributes:
        name: column of the table.
        coefficients: log hazard ratio per level against the first, the reference, which has 0.
        shares: share of each level in the training table; they sum to 1.
    """

    name: str
    coefficients: Dict[str, float]
    shares: Dict[str, float]

    def __post_init__(self) -> None:
        if len(self.coefficients) < 2 or self.coefficients.keys() != self.shares.keys():
            raise BadInput("needs at least two levels, each with a coefficient and a share", where=self.name)

    def contribution(self, value: Value) -> float:
        """Coefficient of the level.

        Raises:
            BadInput: unknown level.
        """
        if not isinstance(value, str) or value not in self.coefficients:
            raise BadInput(f"{value!r} is not one of its levels {', '.join(self.coefficients)}", where=self.name)
        return self.coefficients[value]

    @property
    def axis(self) -> Tuple[str, ...]:
        """The levels in their order."""
        return tuple(self.coefficients)

    @property
    def lowest(self) -> float:
        """Smallest coefficient."""
        return min(self.coefficients.values())

    @property
    def highest(self) -> float:
        """Largest coefficient."""
        return max(self.coefficients.values())

    @property
    def mean_contribution(self) -> float:
        """Coefficients weighted by the training shares."""
        return sum(self.coefficients[level] * share for level, share in self.shares.items())

    def to_json(self) -> Dict[str, Any]:
        """JSON-ready dict, without the name."""
        return {
            "kind": "factor",
            "coefficient": dict(self.coefficients),
            "mean": dict(self.shares),
            "axis": list(self.axis),
        }


Variable = Union[NumericVariable, FactorVariable]


def variable_from_json(name: str, value: Any) -> Variable:
    """Read back what `to_json` wrote.

    Raises:
        BadInput: a rule is broken.
        KeyError, TypeError, ValueError: it is no variable.
    """
    if value["kind"] == "factor":
        levels = [str(level) for level in value["axis"]]
        coefficients = {level: _finite(value["coefficient"][level]) for level in levels}
        return FactorVariable(name, coefficients, {level: _finite(value["mean"][level]) for level in levels})
    if value["kind"] != "numeric":
        raise BadInput(f"kind {value['kind']!r} is not numeric or factor", where=name)
    axis = tuple(_finite(tick) for tick in value["axis"])
    return NumericVariable(name, _finite(value["coefficient"]), axis, _finite(value["mean"]))


def _finite(value: Any) -> float:
    number = float(value)
    if isinstance(value, (str, bool)) or not math.isfinite(number):
        raise ValueError(value)
    return number
