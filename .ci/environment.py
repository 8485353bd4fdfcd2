"""Set up an environment for `make`: `environment.py DIRECTORY [run|dev|look]`.

Whatever Python is called `python3` reads this file, so it keeps to what Python 2.7 understands: one that is too old
hands over to a newer one of the PATH, or says what is missing. The rest is in `packages.py`, beside it.
"""

import os
import re
import subprocess
import sys

OLDEST = (3, 11)
_PROGRAM = re.compile(r"python3\.(\d+)$")
_ASK = "import sys; print('%d.%d.%d' % sys.version_info[:3])"


def main(arguments):
    """Set up what `arguments` say and return the exit code."""
    if sys.version_info[:2] >= OLDEST:
        import packages  # noqa: PLC0415 - an older Python cannot read it

        return packages.main(arguments)
    here = "this is Python %d.%d.%d" % sys.version_info[:3]
    newer = newest(os.environ.get("PATH", "").split(os.pathsep))
    if newer is None:
        say("loghook needs Python 3.11 or newer, %s (%s), and the PATH has no newer one: " % (here, sys.executable))
        say("install one and name it, e.g. `make PYTHON=/usr/bin/python3.13 run`\n")
        return 1
    say("loghook needs Python 3.11 or newer, %s: %s (Python %s) takes its place\n" % ((here,) + newer))
    return subprocess.call([newer[0], os.path.abspath(__file__)] + arguments)


def newest(folders):
    """The newest `python3.N` of `folders` that runs and is new enough, with its version; None where there is none."""
    programs = {}
    for folder in folders:
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            found = _PROGRAM.match(name)
            if found and int(found.group(1)) >= OLDEST[1]:
                programs.setdefault(int(found.group(1)), []).append(os.path.join(folder, name))
    for minor in sorted(programs, reverse=True):
        for program in programs[minor]:
            version = version_of(program)
            if version and version.startswith("3.%d." % minor):
                return program, version
    return None


def version_of(program):
    """What `program` says its version is; empty where it does not run, as pyenv's stand-ins for what is not chosen."""
    try:
        asked = subprocess.Popen([program, "-c", _ASK], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return asked.communicate()[0].decode("ascii", "replace").strip() if asked.wait() == 0 else ""
    except OSError:
        return ""


def say(text):
    """Write `text` to stderr, with line breaks only where it has some."""
    sys.stderr.write(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
