"""The certificates that loghook's server needs: a CA of its own and the serving certificates that the CA signs.

`authority` makes and reads them and is pure. `files` keeps them in a directory: that is `python -m certs issue`.
`rotate` says what to do next about those of a cluster and is pure too, `cluster` reads and writes there, `controller`
goes on doing so, and `health` tells of it: that is `python -m certs run`.

This package and `webhook` never import each other: the server reads files and does not care who wrote them.
"""
