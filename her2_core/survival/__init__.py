"""Cox regression, nomogram, metrics and curves. Import the modules directly: scoring needs numpy alone."""
