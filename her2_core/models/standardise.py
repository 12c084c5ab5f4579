"""Image standardisation: one mean and standard deviation per centre and organ x phase (paper, Table S2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import torch
from torch import Tensor

from her2_core.case import Organ, Phase
from her2_core.decoding import decode, encode
from her2_core.errors import BadInput, CaseError, ModelError, TrainingError


class ImageGroup(NamedTuple):
    """What decides an ROI's statistics: the centre (None = unknown), the organ, the phase of the series it was cut from."""

    centre: Optional[str]
    organ: Organ
    phase: Phase


@dataclass(frozen=True)
class PixelStatistics:
    """Mean and standard deviation of patch values in [0, 1], the three channels together."""

    mean: float
    std: float

    __pydantic_config__: ClassVar[Dict[str, Any]] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}

    def __post_init__(self) -> None:
        if not self.std > 0:
            raise CaseError("must be greater than 0", where="std")


OrganTable = Dict[Organ, Dict[Phase, PixelStatistics]]


@dataclass(frozen=True)
class Standardisation:
    """Tables of a model.

    Attributes:
        overall: over all training patches; for an organ never seen in training.
        organs: per organ and phase; for an unknown centre.
        centres: per centre, then organ and phase.
    """

    overall: PixelStatistics
    organs: Dict[Organ, Dict[Phase, PixelStatistics]] = field(default_factory=dict)
    centres: Dict[str, Dict[Organ, Dict[Phase, PixelStatistics]]] = field(default_factory=dict)

    def lookup(self, group: ImageGroup) -> PixelStatistics:
        """Statistics of the centre's organ x phase, else of the organ x phase, else of everything."""
        own = self.centres.get(group.centre or "", {}).get(group.organ, {}).get(group.phase)
        return own or self.organs.get(group.organ, {}).get(group.phase) or self.overall

    def apply(self, patches: Tensor, groups: Sequence[ImageGroup]) -> Tensor:
        """(value - mean) / std of each patch's group.

        Args:
            patches: (N, 3, S, S) in [0, 1].
            groups: N of them.
        """
        found = [self.lookup(group) for group in groups]
        mean = patches.new_tensor([f.mean for f in found])[:, None, None, None]
        std = patches.new_tensor([f.std for f in found])[:, None, None, None]
        return (patches - mean) / std

    @staticmethod
    def fit(samples: Iterable[Tuple[ImageGroup, Tensor]]) -> Standardisation:
        """Statistics over all pixels of the training patches, in one pass.

        A group whose pixels are all equal gets no entry: it falls back like an unknown one.

        Args:
            samples: group and patch (3, S, S) in [0, 1], one at a time, never augmented.

        Raises:
            TrainingError: no patches, or all pixels equal.
        """
        sums: Dict[Tuple[Optional[str], Organ, Phase], _Sums] = {}
        for group, patch in samples:
            sums.setdefault(group, _Sums()).add(patch)
        overall = _merge(list(sums.values())).statistics()
        if overall is None:
            raise TrainingError("no image statistics: there are no patches, or all their pixels are equal")
        result = Standardisation(overall)
        for organ, phase in sorted({(organ, phase) for _, organ, phase in sums}):
            members = {centre: s for (centre, o, p), s in sums.items() if (o, p) == (organ, phase)}
            _put(result.organs, organ, phase, _merge(list(members.values())))
            for centre in sorted(c for c in members if c is not None):
                _put(result.centres.setdefault(centre, {}), organ, phase, members[centre])
        return result

    def to_json(self) -> Dict[str, Any]:
        """JSON-ready dict."""
        encoded: Dict[str, Any] = encode(self)
        return encoded

    @staticmethod
    def from_json(value: Any) -> Standardisation:
        """Strict reading.

        Raises:
            ModelError: unknown or missing keys, non-finite numbers, std <= 0; names the place.
        """
        try:
            return decode(Standardisation, value, "standardisation")
        except BadInput as error:
            raise ModelError(error.what, where=error.where) from None


@dataclass
class _Sums:
    """Count, mean and sum of squared deviations, merged in double precision (Chan et al. 1979)."""

    count: int = 0
    mean: float = 0.0
    deviations: float = 0.0

    def add(self, patch: Tensor) -> None:
        variance, mean = torch.var_mean(patch.double(), correction=0)
        self.merge(_Sums(patch.numel(), float(mean), float(variance) * patch.numel()))

    def merge(self, other: _Sums) -> None:
        count = self.count + other.count
        if not count:
            return
        shift = other.mean - self.mean
        self.mean += shift * other.count / count
        self.deviations += other.deviations + shift * shift * self.count * other.count / count
        self.count = count

    def statistics(self) -> Optional[PixelStatistics]:
        if not self.count or not self.deviations > 0:
            return None
        return PixelStatistics(self.mean, (self.deviations / self.count) ** 0.5)


def _merge(parts: List[_Sums]) -> _Sums:
    total = _Sums()
    for part in parts:
        total.merge(part)
    return total


def _put(table: OrganTable, organ: Organ, phase: Phase, sums: _Sums) -> None:
    statistics = sums.statistics()
    if statistics is not None:
        table.setdefault(organ, {})[phase] = statistics
