"""Which contrast phase a series shows: from its name, its protocol, the contrast timing, or the order of scans.

Late arterial phase: 35-40 s after the start of injection; portal venous phase: 60-80 s (usual liver CT timing).
Nothing is guessed: what the headers do not say stays without a phase, and the reason says so.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Dict, List, Literal, Optional, Sequence, Set, Tuple

from her2_core.imaging.dicom_series import Series

SeenPhase = Literal["arterial", "venous", "plain", "delayed"]

ARTERIAL_S, VENOUS_S, DELAYED_S = (15.0, 45.0), (55.0, 100.0), (120.0, 1800.0)
"""Seconds from the start of injection to the start of the scan."""
_TIMING: Tuple[Tuple[SeenPhase, Tuple[float, float]], ...] = (
    ("arterial", ARTERIAL_S),
    ("venous", VENOUS_S),
    ("delayed", DELAYED_S),
)
GAP_S = (15.0, 90.0)
"""Seconds between the arterial and the venous scan of one examination."""
MIN_SLICES = 3
"""Bolus tracking and scouts also carry contrast times; a scan of a phase has more slices than they."""
SAME_SCAN_S = 3.0
"""Series that start this close together are reconstructions of one scan."""


def words(latin: str, chinese: str = "") -> re.Pattern[str]:
    """A pattern of whole Latin words (digits and Chinese characters may touch them) or any Chinese expression."""
    return re.compile(f"(?<![a-zäöüéè])(?:{latin})(?![a-zäöüéè])" + (f"|{chinese}" if chinese else ""))


_NOT_A_PHASE = words("intra[- ]?venous|iv", "静脉(?:注射|造影|增强|团注)|经静脉|肺动脉|肺静脉|主动脉")
_WORDS: Tuple[Tuple[SeenPhase, re.Pattern[str]], ...] = (
    ("arterial", words("art|arterial|arteriell[a-z]*|hap|a ?phase", "动脉|動脈|动静脉|(?<![a-z])a ?期")),
    (
        "venous",
        words(
            "ven|venous|venös[a-z]*|venoes[a-z]*|portal|porto ?venous|pv|pvp|pvi|v ?phase",
            "静脉|靜脈|门脉|門脈|(?<![a-z])p?v ?期",
        ),
    ),
    (
        "plain",
        words(
            "plain|native|nativ|unenhanced|ncct|nect|non[- ]?con(?:trast)?|pre[- ]?con(?:trast)?|without con[a-z]*"
            "|(?<!w/)(?<!w )w/?o con[a-z]*|c ?-(?!\\w)",
            "平扫|平掃|非增强",
        ),
    ),
    (
        "delayed",
        words("delay|delayed|del|equilibrium|excretory|nephro[a-z]*|urographic", "延迟|延遲|延时|平衡期|排泄期|实质期"),
    ),
)
_SECONDS = words(r"(?<![\d.])(\d{2,3}) ?(?:s|sec|secs|seconds)", r"(?<![\d.])(\d{2,3}) ?秒")
_ENHANCED = words(r"c ?\+|ce|cect|with con[a-z]*|enhanced", "(?<!非)增强|增強")


@dataclass(frozen=True)
class PhaseDecision:
    """The phase of a series, None if it cannot be told, and how that was decided."""

    phase: Optional[SeenPhase]
    reason: str


def named_phases(text: str) -> Set[SeenPhase]:
    """The phases a description names, in English or Chinese.

    >>> sorted(named_phases("腹部 动脉期 1.0mm")), sorted(named_phases("ABD ART/VEN")), sorted(named_phases("CHEST W IV"))
    (['arterial'], ['arterial', 'venous'], [])
    """
    plain = " ".join(_NOT_A_PHASE.sub(" ", _normal(text)).split())
    return {phase for phase, pattern in _WORDS if pattern.search(plain)}


def recognise(study: Sequence[Series]) -> Dict[str, PhaseDecision]:
    """Decide the phase of each series of one examination.

    Args:
        study: all usable series of one patient and date.

    Returns:
        Series source -> decision.
    """
    decisions = {series.source: _by_itself(series, study) for series in study}
    for uid in sorted({series.study_uid for series in study}):
        _by_order([s for s in study if s.study_uid == uid], decisions)
    return decisions


def _normal(text: str, keep: str = "") -> str:
    """Lower case, full-width letters made normal, separators (but not `keep`) made blanks."""
    separators = "".join(sign for sign in "_.,;:()[]" if sign not in keep)
    return re.sub(f"[{re.escape(separators)}]+", " ", unicodedata.normalize("NFKC", text).lower())


def _by_itself(series: Series, study: Sequence[Series]) -> PhaseDecision:
    for text, name in ((series.description, "series description"), (_own_protocol(series, study), "protocol name")):
        seen = named_phases(text)
        if len(seen) == 1:
            return PhaseDecision(next(iter(seen)), f'{name} "{text}"')
        if len(seen) > 1:
            return PhaseDecision(None, f'{name} "{text}" names several phases ({", ".join(sorted(seen))})')
    for seconds, source in _delays(series):
        for phase, (low, high) in _TIMING:
            if low <= seconds <= high:
                return PhaseDecision(phase, f"{source}: {seconds:.0f} s after the start of injection")
    return PhaseDecision(None, _why_unknown(series))


def _own_protocol(series: Series, study: Sequence[Series]) -> str:
    """The protocol name, if no other scan of the examination has the same: a shared one tells nothing."""
    others = [s for s in study if s.protocol == series.protocol and not _same_scan(s, series)]
    return "" if others else series.protocol


def _same_scan(a: Series, b: Series) -> bool:
    if a is b:
        return True
    if a.study_uid != b.study_uid or a.acquired_s is None or b.acquired_s is None:
        return False
    return abs(a.acquired_s - b.acquired_s) <= SAME_SCAN_S


def _delays(series: Series) -> List[Tuple[float, str]]:
    """Seconds after the start of injection, as far as a header tells them, and where it does."""
    found = []
    match = _SECONDS.search(_normal(series.description, keep="."))
    if match:
        found.append((float(match[1] or match[2]), f'series description "{series.description}"'))
    if series.acquired_s is not None and series.bolus_s is not None and len(series.frames) >= MIN_SLICES:
        found.append((series.acquired_s - series.bolus_s, "contrast and acquisition times"))
    return found


def _why_unknown(series: Series) -> str:
    name = f'"{series.description}"' if series.description else "the series description (empty)"
    agent = "" if series.contrast_agent else "; no contrast agent in the header"
    return f"no phase named in {name} or by its protocol, and no contrast timing{agent}"


def _by_order(study: Sequence[Series], decisions: Dict[str, PhaseDecision]) -> None:
    """Fill in what the order of the contrast scans of one study tells; changes `decisions`."""
    scans = _contrast_scans(study, decisions)
    unknown = [scan for scan in scans if decisions[scan[0].source].phase is None]
    known = {decisions[scan[0].source].phase: scan for scan in scans if decisions[scan[0].source].phase}
    pairs: List[Tuple[List[Series], List[Series]]] = []
    if len(unknown) == 2 and not known:
        pairs = [(unknown[0], unknown[1])]
    elif len(unknown) == 1 and set(known) == {"arterial"}:
        pairs = [(known["arterial"], unknown[0])]
    elif len(unknown) == 1 and set(known) == {"venous"}:
        pairs = [(unknown[0], known["venous"])]
    for first, second in pairs:
        gap = _start(second) - _start(first)
        if GAP_S[0] <= gap <= GAP_S[1] and _overlap(first[0], second[0]):
            _decide(first, "arterial", f"first of two contrast scans, {gap:.0f} s before the second", decisions)
            _decide(second, "venous", f"second of two contrast scans, {gap:.0f} s after the first", decisions)


def _decide(scan: Sequence[Series], phase: SeenPhase, reason: str, decisions: Dict[str, PhaseDecision]) -> None:
    for series in scan:
        if decisions[series.source].phase is None:
            decisions[series.source] = PhaseDecision(phase, reason)


def _contrast_scans(study: Sequence[Series], decisions: Dict[str, PhaseDecision]) -> List[List[Series]]:
    """Series with contrast and a known start, those of one scan together, in time order; delayed ones left out."""
    scans: List[List[Series]] = []
    for series in sorted((s for s in study if s.acquired_s is not None), key=lambda s: (s.acquired_s or 0.0, s.source)):
        phase = decisions[series.source].phase
        contrast = bool(series.contrast_agent) or bool(_ENHANCED.search(_normal(series.description)))
        if phase in ("plain", "delayed") or not (contrast or phase) or len(series.frames) < MIN_SLICES:
            continue
        if scans and _same_scan(scans[-1][0], series):
            scans[-1].append(series)
        else:
            scans.append([series])
    for scan in scans:
        scan.sort(key=lambda s: decisions[s.source].phase is None)
    return scans


def _start(scan: Sequence[Series]) -> float:
    return min(series.acquired_s or 0.0 for series in scan)


def _overlap(a: Series, b: Series) -> bool:
    """Whether two series show mostly the same part of the body: half of the shorter one."""
    (a_low, a_high), (b_low, b_high) = a.extent_mm, b.extent_mm
    shared = min(a_high, b_high) - max(a_low, b_low)
    return shared >= 0.5 * min(a_high - a_low, b_high - b_low)
