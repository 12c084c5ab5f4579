"""`her2 nomogram fit` and `her2 nomogram score`: a Cox nomogram on any table."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from her2_core.errors import BadInput
from her2_core.files import replacing
from her2_core.survival.nomogram import Nomogram, NomogramScore
from her2_core.survival.variables import NumericVariable, Value
from her2_core.tables import Row, as_number, read_rows

if TYPE_CHECKING:
    import pandas as pd


def add_parser(commands: Any) -> None:
    """Register the command and its two actions."""
    parser = commands.add_parser(
        "nomogram",
        help="fit a Cox nomogram on a table, or score a table with it",
        description="Cox regression (Efron ties, Breslow baseline) as a nomogram, on any CSV table.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    fit = actions.add_parser(
        "fit",
        help="fit on a table, one row per patient",
        description="Columns of texts are factors, their levels in alphabetical order. No value may be missing.",
    )
    fit.add_argument("table", type=Path, metavar="TABLE.csv")
    fit.add_argument("--time", required=True, metavar="T", help="column of survival times, greater than 0")
    fit.add_argument("--event", required=True, metavar="E", help="column of 0 (censored) and 1 (died)")
    fit.add_argument("--covariates", type=_names, metavar="A,B", help="columns to enter; default: all others")
    fit.add_argument("--ridge", type=float, default=0.0, metavar="X", help="ridge penalty; default: none")
    fit.add_argument("-o", "--output", type=Path, required=True, metavar="N.json")
    fit.set_defaults(run=run_fit)
    score = actions.add_parser(
        "score",
        help="score a table",
        description="Points, total, linear predictor and survival per row. A number beyond its axis is extrapolated;"
        " an unknown level or a missing value is refused.",
    )
    score.add_argument("nomogram", type=Path, metavar="N.json", help="made by `her2 nomogram fit`")
    score.add_argument("table", type=Path, metavar="TABLE.csv")
    score.add_argument("--times", type=_times, default=(), metavar="26,52", help="give survival at these times")
    score.add_argument("--json", action="store_true", help="print JSON")
    score.set_defaults(run=run_score)


def run_fit(arguments: argparse.Namespace) -> int:
    """Fit, write the nomogram, print its terms."""
    needed = [arguments.time, arguments.event, *(arguments.covariates or ())]
    frame = _frame(read_rows(arguments.table, needed), arguments.covariates, arguments.time, arguments.event)
    try:
        nomogram = Nomogram.fit(frame, arguments.time, arguments.event, arguments.covariates, ridge=arguments.ridge)
    except BadInput as error:
        raise _in_file(error, arguments.table) from None
    with replacing(arguments.output) as part:
        part.write_text(json.dumps(nomogram.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _print_nomogram(nomogram, arguments.output)
    return 0


def run_score(arguments: argparse.Namespace) -> int:
    """Print the scores of a table."""
    nomogram = _read_nomogram(arguments.nomogram)
    scores = [_score(nomogram, row, arguments.times) for row in read_rows(arguments.table, nomogram.names)]
    if arguments.json:
        print(json.dumps([_entry(n, s) for n, s in enumerate(scores, start=1)], indent=2, ensure_ascii=False))
    else:
        _print_scores(nomogram, scores)
    return 0


def _read_nomogram(path: Path) -> Nomogram:
    try:
        return Nomogram.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput("is not JSON", where=str(path), hint="Make one with `her2 nomogram fit`.") from None
    except BadInput as error:
        raise _in_file(error, path) from None


def _frame(rows: List[Row], covariates: Optional[List[str]], time: str, event: str) -> pd.DataFrame:
    import pandas as pd

    names = [time, event, *covariates] if covariates else list(rows[0].values)
    return pd.DataFrame({name: _column(rows, name) for name in names})


def _column(rows: List[Row], name: str) -> List[Value]:
    """Numbers if every cell is one, texts if none is.

    Raises:
        BadInput: a cell is empty, or numbers and texts are mixed.
    """
    missing = next((row for row in rows if row.is_missing(name)), None)
    if missing is not None:
        raise BadInput("has no value", where=missing.place(name), hint="Fill it in or drop the row.")
    numbers = [as_number(row[name]) for row in rows]
    texts = [row for row, number in zip(rows, numbers) if number is None]
    if texts and len(texts) < len(rows):
        raise BadInput(
            f"{texts[0][name]!r} is a text in a column of numbers",
            where=texts[0].place(name),
            hint="Use numbers only, or texts only.",
        )
    return [row[name] for row in rows] if texts else list(numbers)


def _score(nomogram: Nomogram, row: Row, times: Tuple[float, ...]) -> NomogramScore:
    values: Dict[str, Value] = {}
    for variable in nomogram.variables:
        if row.is_missing(variable.name):
            raise BadInput("has no value; a nomogram never fills one in", where=row.place(variable.name))
        numeric = isinstance(variable, NumericVariable)
        values[variable.name] = row.real(variable.name) if numeric else row[variable.name]
    try:
        return nomogram.score_one(values, times)
    except BadInput as error:
        raise BadInput(error.what, where=row.place(error.where), hint=error.hint) from None


def _entry(number: int, score: NomogramScore) -> Dict[str, Any]:
    return {
        "row": number,
        "points": score.points,
        "total_points": score.total_points,
        "linear_predictor": score.linear_predictor,
        "survival": score.survival,
    }


def _print_nomogram(nomogram: Nomogram, output: Path) -> None:
    print(f"{nomogram.n} rows, {nomogram.events} events, C-index {nomogram.concordance:.3f} on this table")
    if nomogram.ridge:
        print(f"ridge penalty {nomogram.ridge:g}")
    print(f"{'variable':<24}{'coefficient':>12}{'hazard ratio':>14}{'points':>16}")
    for variable in nomogram.variables:
        if isinstance(variable, NumericVariable):
            ends = [nomogram.points(variable, value) for value in (variable.axis[0], variable.axis[-1])]
            _print_term(variable.name, variable.coefficient, f"{ends[0]:.1f} .. {ends[1]:.1f}")
            continue
        for level, coefficient in variable.coefficients.items():
            _print_term(f"{variable.name}={level}", coefficient, f"{nomogram.points(variable, level):.1f}")
    print(f"written to {output}")


def _print_term(name: str, coefficient: float, points: str) -> None:
    print(f"{name:<24}{coefficient:>12.6f}{math.exp(coefficient):>14.3f}{points:>16}")


def _print_scores(nomogram: Nomogram, scores: List[NomogramScore]) -> None:
    times = list(scores[0].survival)
    header = ["row", *nomogram.names, "total", "lp", *(f"S({t})" for t in times)]
    lines = [header]
    for number, score in enumerate(scores, start=1):
        points = [f"{score.points[name]:.1f}" for name in nomogram.names]
        survival = ["unknown" if s is None else f"{s:.4f}" for s in score.survival.values()]
        lines.append([str(number), *points, f"{score.total_points:.1f}", f"{score.linear_predictor:.4f}", *survival])
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        print("  ".join(text.rjust(width) for text, width in zip(line, widths)))


def _in_file(error: BadInput, path: Path) -> BadInput:
    return BadInput(error.what, where=f"{path}, {error.where}" if error.where else str(path), hint=error.hint)


def _names(text: str) -> List[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of columns like A,B")
    return names


def _times(text: str) -> Tuple[float, ...]:
    times = tuple(as_number(part) for part in text.split(","))
    if any(t is None or t < 0 for t in times):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of times >= 0 like 26,52")
    return tuple(t for t in times if t is not None)
