"""`her2 demo`: the whole route of one patient, walked by a program in the place of a radiologist."""
