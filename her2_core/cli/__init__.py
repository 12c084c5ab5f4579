"""The `her2` command: one thin file per command; each has `add_parser(commands)` and `run(arguments) -> exit code`."""
