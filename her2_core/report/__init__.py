"""The result as pictures and one self-contained page: figures from plain data, then HTML around them."""
