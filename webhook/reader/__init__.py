"""The program of the engine `reader`: it writes the lines of log files to its own stdout, each once and whole.

It runs in every Pod that asks for it, so what it costs there decides what is used: nothing but the standard library,
and of that only what is small (`typing`, `re`, `json`, `dataclasses` and `logging` cost more than all of this). It
imports nothing of the rest of `webhook`, and starts with `python3 -I -S`.

`task` is what is asked; `patterns`, `volumes`, `catalogue` and `news` find files; `offsets` and `logfile` know where
they stand; `outlet` writes; `space` gives disk back; `report` and `metrics` say what happened; `program` is the loop.
"""
