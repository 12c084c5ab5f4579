"""Size-based response: RECIST 1.1, the paper's RECIST, tumour burden. Standard library only."""
