"""Servers under attack. Each test has a short form for every run, and a long one for `make soak`.

Attackers are processes of their own, on this machine. What is asserted is that nobody else fails, the server's own
processor time, and its own memory; a latency only as a ratio to that of the same callers in peace, in the same run and
on a machine that has nothing else to do (`make soak`).
"""

from fixtures import bodies, context, pki, report, size

__all__ = ["bodies", "context", "pki", "report", "size"]
