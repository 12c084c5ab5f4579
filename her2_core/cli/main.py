"""Entry point of `her2`: finds the command, turns expected errors into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import Optional, Sequence, Tuple

from her2_core import __version__
from her2_core.errors import BadInput, Her2Error
from her2_core.prognosis import RESEARCH_USE_ONLY

COMMANDS: Tuple[str, ...] = (
    "pair",
    "crop",
    "recist",
    "nomogram",
    "cohort",
    "train",
    "serve",
    "predict",
    "key",
    "demo",
    "bench",
)
"""Modules of this folder, in the order of a case's route; each imports heavy libraries only when it runs."""

OK, NEGATIVE, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(prog="her2", description="HER2 Response.", epilog=RESEARCH_USE_ONLY)
    parser.add_argument("--version", action="version", version=f"her2 {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        import_module(f"her2_core.cli.{name}").add_parser(commands)
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command.

    Returns:
        0 done; 1 ran, but the answer is negative or partial; 2 bad input or usage; 130 interrupted.
    """
    arguments = build_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (Her2Error, OSError) as error:
        print(f"her2 {arguments.command}: {_one_line(error)}", file=sys.stderr)
        return BAD_INPUT if isinstance(error, (BadInput, OSError)) else NEGATIVE
    except KeyboardInterrupt:
        print(f"her2 {arguments.command}: interrupted; nothing was left behind", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
