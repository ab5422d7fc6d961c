#!/bin/sh
# The tests under false dates: every program that a run starts, of whichever account and with whatever environment, has the wall
# clock of that date. As root, in a mount namespace of its own; the machine's clock stays as it is.
#
#   scripts/test_dates.sh PYTHON [FOLDER_OR_FILE …]         DATES='2028-02-29T23:50 …' (UTC): these, in place of the six
set -eu
python=$1
shift
here=$(cd "$(dirname "$0")/.." && pwd)
# A year's last minutes, a leap day's, an ordinary midnight; New York's two hours at which the clocks change, and Dublin's.
: "${DATES:=2027-12-31T23:50 2028-02-29T23:50 2027-06-15T23:50 2027-03-14T06:50 2027-11-07T05:50 2027-10-31T00:50}"
[ "$(id -u)" = 0 ] || { echo "make test-dates needs root: other accounts' programs must have the date, too" >&2; exit 1; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
red=
for date in $DATES; do
    offset_s=$(($(date -u -d "$date" +%s) - $(date -u +%s)))
    cc -O2 -Wall -Wno-nonnull-compare -shared -fPIC -DOFFSET_S="$offset_s" -o "$folder/false_date.so" "$here/tests/rig/false_date.c" -ldl
    mkdir -p "$folder/etc"
    echo "== $date UTC"
    # shellcheck disable=SC2016 # the inner shell's words
    unshare --mount --propagation slave sh -euc '
        folder=$1 && shift
        mount -t tmpfs tmpfs "$folder/etc" && mkdir "$folder/etc/changed" "$folder/etc/spare"
        mount -t overlay -o "lowerdir=/etc,upperdir=$folder/etc/changed,workdir=$folder/etc/spare" overlay /etc
        cp "$folder/false_date.so" /etc # where every account finds it, also one that has a /tmp of its own
        echo /etc/false_date.so >>/etc/ld.so.preload
        exec "$@"
    ' sh "$folder" "$python" "$here/scripts/run_tests.py" --workers 4 "$@" || red="$red $date"
done
[ -z "$red" ] || { echo "Red under:$red" >&2; exit 1; }
