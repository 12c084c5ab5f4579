"""Benchmarks as ratios within one run: each entry measures us and a reference alternately on the same machine."""
