"""`her2 key new`: the department key that pseudonyms are made with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from her2_core.keys import write_new_key


def add_parser(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("key", help="make the department key for case pseudonyms", description=__doc__)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser(
        "new",
        help="write a new random key",
        description="Write a new random 256-bit key. Give the same file to every workstation of the department, and "
        "to nobody else: with it, a patient always gets the same case id; without it, nobody can tell who a case is.",
    )
    new.add_argument("-o", "--out", metavar="FILE", type=Path, required=True, help="key file; never overwritten")
    new.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the key."""
    write_new_key(arguments.out)
    print(f"Wrote a new department key to {arguments.out}. Back it up: cases made with a lost key cannot be matched.")
    return 0
