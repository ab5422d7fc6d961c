#!/bin/sh
# Make sure that the packages in test-packages.txt (or in the list that is named) are installed.
#
# Installs what is missing where it may (root, or sudo that asks nothing); elsewhere prints the one line to run and
# exits 1. Asks no package server when nothing is missing.
set -eu
list=$(dirname "$0")/${1:-test-packages.txt}

if ! command -v dpkg-query >/dev/null; then
    echo "make test installs its parts on Debian and Ubuntu only. Install here what these packages hold, then run" >&2
    echo "  .venv/bin/python -m pytest -m 'not soak'" >&2
    sed -e 's/#.*//' -e '/^ *$/d' -e 's/^/  /' "$list" >&2
    exit 1
fi

wanted=$(sed 's/#.*//' "$list")
# shellcheck disable=SC2086 # one word a package
installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' $wanted 2>/dev/null | sed -n 's/^.i *//p') || true
missing=
for package in $wanted; do
    case "
$installed
" in
        *"
$package
"*) ;;
        *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "The tests need packages that are not installed. Run this line, then the same command again:" >&2
    echo "  sudo apt install --no-install-recommends$missing" >&2
    exit 1
fi

echo "Installing what the tests need:$missing"
export DEBIAN_FRONTEND=noninteractive
# The lists may never have been fetched on a new machine. A server that answers for only some of them is no reason
# to stop: the installation itself tells whether what matters is there.
$as_root apt-get update -q || true
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing </dev/null
