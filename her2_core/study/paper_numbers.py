"""What He et al. (Insights into Imaging 2024) report for their clinical cohorts, to be printed beside ours."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

SOURCE = "clinical (He 2024)"


class PaperResult(NamedTuple):
    """One row of Table 3: value, low, high of C-index and one-year AUC; p of the hazard ratio as printed."""

    c_index: Tuple[float, float, float]
    hazard_p: str
    auc: Tuple[float, float, float]


TABLE_3: Dict[Tuple[str, str], PaperResult] = {
    ("training", "RECIST"): PaperResult((0.648, 0.572, 0.717), "< 0.0001", (0.753, 0.628, 0.860)),
    ("training", "TB-delta"): PaperResult((0.613, 0.482, 0.696), "0.0447", (0.675, 0.514, 0.788)),
    ("training", "LDLM-2F"): PaperResult((0.775, 0.712, 0.829), "< 0.0001", (0.879, 0.775, 0.961)),
    ("training", "TDLM"): PaperResult((0.717, 0.641, 0.793), "< 0.0001", (0.780, 0.658, 0.885)),
    ("training", "Nomo-LDLM-2F"): PaperResult((0.807, 0.743, 0.865), "< 0.0001", (0.891, 0.785, 0.967)),
    ("internal", "RECIST"): PaperResult((0.652, 0.523, 0.771), "0.0133", (0.759, 0.572, 0.937)),
    ("internal", "TB-delta"): PaperResult((0.594, 0.483, 0.724), "0.0456", (0.651, 0.437, 0.862)),
    ("internal", "LDLM-2F"): PaperResult((0.725, 0.601, 0.836), "0.0002", (0.844, 0.673, 0.971)),
    ("internal", "TDLM"): PaperResult((0.718, 0.589, 0.829), "0.0029", (0.867, 0.739, 0.961)),
    ("internal", "Nomo-LDLM-2F"): PaperResult((0.752, 0.635, 0.871), "< 0.0001", (0.894, 0.728, 1.000)),
    ("external", "RECIST"): PaperResult((0.627, 0.516, 0.753), "0.0166", (0.653, 0.396, 0.930)),
    ("external", "TB-delta"): PaperResult((0.527, 0.407, 0.788), "0.7578", (0.516, 0.342, 0.896)),
    ("external", "LDLM-2F"): PaperResult((0.669, 0.503, 0.836), "0.0865", (0.683, 0.350, 0.957)),
    ("external", "Nomo-w/o-TDLM"): PaperResult((0.709, 0.562, 0.855), "0.0106", (0.771, 0.510, 1.000)),
    ("prospective", "RECIST"): PaperResult((0.644, 0.440, 0.783), "0.1710", (0.770, 0.547, 0.959)),
    ("prospective", "TB-delta"): PaperResult((0.630, 0.446, 0.768), "0.0226", (0.738, 0.427, 0.965)),
    ("prospective", "LDLM-2F"): PaperResult((0.726, 0.566, 0.877), "0.0052", (0.690, 0.419, 0.962)),
    ("prospective", "TDLM"): PaperResult((0.595, 0.475, 0.743), "0.3411", (0.678, 0.440, 0.915)),
    ("prospective", "Nomo-LDLM-2F"): PaperResult((0.741, 0.570, 0.882), "0.0095", (0.809, 0.561, 1.000)),
}
"""(cohort, model) -> Table 3. LDLM-BS and LDLM-1F are in the supplement only."""

TABLE_1_P: Dict[str, str] = {
    "Age (years)": "0.217",
    "Sex": "0.802",
    "HER2 expression": "0.180",
    "Line of therapy": "0.319",
    "Anatomic position": "0.930",
}
"""p values of Table 1."""
TABLE_1_COUNTS: Dict[str, Dict[str, Tuple[int, int, int, int]]] = {
    "Sex": {"male": (70, 37, 31, 25), "female": (21, 9, 6, 8)},
    "HER2 expression": {"2+/FISH+": (21, 8, 14, 8), "3+": (70, 38, 23, 24)},
    "Line of therapy": {"1": (76, 36, 31, 23), "2": (13, 9, 5, 6), "3 or more": (2, 1, 1, 4)},
    "Anatomic position": {
        "Stomach": (91, 46, 37, 33),
        "Lymph node": (120, 57, 50, 40),
        "Liver": (91, 45, 50, 40),
        "Adrenal gland": (9, 3, 3, 2),
        "Spleen": (1, 0, 0, 1),
        "Peritoneum": (7, 4, 3, 4),
        "Soft tissue": (2, 1, 0, 0),
        "Bone": (2, 0, 0, 0),
        "Lung": (8, 4, 3, 5),
        "Other": (0, 1, 0, 2),
    },
}
"""Counts of Table 1; training, internal, external, prospective."""
TABLE_1_AGE: Dict[str, Tuple[float, float]] = {
    "training": (60.8, 10.7),
    "internal": (60.0, 12.8),
    "external": (63.8, 10.5),
    "prospective": (67.0, 19.5),
}
"""Mean and standard deviation."""
LOGRANK_P = {"centre": 0.22, "cohort": 0.064}
"""Overall survival between centres and between cohorts (Results; Fig. S6)."""
