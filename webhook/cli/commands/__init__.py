"""The commands as they are typed: options and help of each, and nothing that takes long to import.

A module here is one command. What the command does is a module of its own, imported when it is called: so help,
completion and a mistake in typing cost next to nothing, however much the command needs.
"""
