"""The certificates that loghook's server needs: a CA of its own and the serving certificates that the CA signs.

`authority` makes and reads them and is pure, `files` keeps them in a directory. `python -m certs` is the command line.
This package and `webhook` never import each other: the server reads files and does not care who wrote them.
"""
