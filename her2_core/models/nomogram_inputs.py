"""The variables of Nomo-LDLM-2F and Nomo-w/o-TDLM: what they are called, their order, and how a case fills them."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from her2_core.case import Case
from her2_core.survival.variables import Value

WITH_TDLM, WITHOUT_TDLM = "Nomo-LDLM-2F", "Nomo-w/o-TDLM"
LDLM, TDLM, RECIST, SEX, HER2 = "LDLM score", "TDLM score", "RECIST", "Sex", "HER2 status"
VARIANTS: Dict[str, Tuple[str, ...]] = {
    WITH_TDLM: (LDLM, TDLM, RECIST, SEX, HER2),
    WITHOUT_TDLM: (LDLM, RECIST, SEX, HER2),
}
"""He 2024, Fig. 3."""
LEVELS: Dict[str, List[str]] = {RECIST: ["PR", "SD", "PD"], SEX: ["female", "male"], HER2: ["3+", "2+/FISH+"]}
"""The first level is the reference."""
OS_DAYS, DIED = "os_days", "died"


def nomogram_row(
    case: Case, ldlm_score: Optional[float], tdlm_score: Optional[float], response: Optional[str]
) -> Dict[str, Value]:
    """All variables of a case; None where unknown.

    Args:
        case: for sex and HER2 status.
        ldlm_score: of the last time point used.
        tdlm_score: of the last time point used, None without markers.
        response: PR, SD or PD of the paper's RECIST.
    """
    return {
        LDLM: ldlm_score,
        TDLM: tdlm_score,
        RECIST: response,
        SEX: case.clinical.sex,
        HER2: case.clinical.her2,
    }
