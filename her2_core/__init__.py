"""HER2 Response: overall survival on anti-HER2 therapy from lesions over time on CT. Research use only."""

__version__ = "0.1.0"
