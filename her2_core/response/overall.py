"""From target response, non-target response and new lesions to the overall response (RECIST 1.1, Tables 1 and 2)."""

from __future__ import annotations

from typing import Literal, Optional

TargetResponse = Literal["CR", "PR", "SD", "PD", "NE"]
NonTargetResponse = Literal["CR", "Non-CR/Non-PD", "PD", "NE"]
Response = Literal["CR", "PR", "SD", "PD", "NE", "Non-CR/Non-PD"]


def overall_response(
    target: Optional[TargetResponse], non_target: Optional[NonTargetResponse], new_lesion: bool
) -> Response:
    """The overall response at one time point.

    Args:
        target: response of the target lesions; None = there are none (Table 2 applies).
        non_target: response of the non-target lesions; None = there are none.
        new_lesion: a new lesion has been seen.

    Returns:
        NE without any lesion to follow, unless a new one has appeared.
    """
    if new_lesion or "PD" in (target, non_target):
        return "PD"
    if target is None:
        return non_target or "NE"
    if target == "CR" and non_target in ("Non-CR/Non-PD", "NE"):
        return "PR"
    return target
