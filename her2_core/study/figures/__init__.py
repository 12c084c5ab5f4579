"""The paper's figures, one function each, from plain data."""
