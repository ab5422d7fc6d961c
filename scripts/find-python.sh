#!/bin/sh
# Print the path of the first Python that can hold Holdshelf; exit 1 with what to install when there is none.
#
#   find-python.sh [FOLDER]      FOLDER: where the system's own Python lies, asked last (default /usr/bin)
#
# A Python counts when it *runs*, is 3.12 or newer and imports venv and ensurepip. A name on PATH proves nothing: version
# managers leave shims for versions that are not there, and Debian's python3 comes without ensurepip.
# Shell built-ins only, so that it works whatever PATH holds.
system=${1:-/usr/bin}

# The interpreter beneath a venv, when there is one: a .venv must not be made from itself.
probe='import sys
if sys.version_info < (3, 12):
    sys.exit("is Python %d.%d: too old" % sys.version_info[:2])
try:
    import venv, ensurepip
except ImportError as error:
    sys.exit("is Python %d.%d without its venv module (%s)" % (sys.version_info[:2] + (error,)))
print(getattr(sys, "_base_executable", "") or sys.executable)'

tried=
for name in python3.14 python3.13 python3.12 python3 \
    "$system/python3.14" "$system/python3.13" "$system/python3.12" "$system/python3"; do
    where=$(command -v "$name") || continue
    if said=$("$where" -c "$probe" 2>&1 </dev/null) && [ -x "$said" ]; then
        printf '%s\n' "$said"
        exit 0
    fi
    case $said in
        "is Python "*) ;;
        *) said="does not run" ;;
    esac
    case $tried in
        *"  $where "*) ;;
        *) tried="$tried  $where $said
" ;;
    esac
done

{
    echo "Holdshelf needs Python 3.12 or newer with its venv module, and no Python here is that and runs."
    if [ -n "$tried" ]; then
        printf 'Tried:\n%s' "$tried"
    fi
    echo "Install one, then give the same command again:"
    echo "  Debian 13, Ubuntu 24.04, or newer:  sudo apt install python3-venv"
    echo "  elsewhere:  Python 3.12 or newer with venv and ensurepip, from your system's packages"
} >&2
exit 1
