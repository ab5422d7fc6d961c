#!/bin/sh
# Brings holds back from a bucket that any S3 tool has downloaded, with the Board's recovery key: needs nothing of Holdshelf, only a
# POSIX shell, `age` (Debian: apt install age) and `sha256sum`. docs/offsite.md says how the bucket is laid out.
#
#   sh restore.sh FOLDER KEYFILE                  the holds that the key opens
#   sh restore.sh FOLDER KEYFILE HOLD TARGET      that hold into TARGET, which must not be there; exit 1 if a file is wrong
#
# FOLDER has holds/ (the bucket's part of one recorder). KEYFILE has the line AGE-SECRET-KEY-1… from the paper.
set -eu
umask 077
if [ $# -ne 2 ] && [ $# -ne 4 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
folder=$1 keyfile=$2 wanted=${3:-} target=${4:-}
if [ ! -d "$folder/holds" ]; then
    echo "$folder has no folder holds: give the folder of one recorder." >&2
    exit 2
fi
if [ -n "$target" ] && [ -e "$target" ]; then
    echo "$target is there already." >&2
    exit 2
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
found=

for hold in "$folder"/holds/*/; do
    # The hold's own keys, which the recovery key opens.
    : >"$scratch/keys"
    for key in "$hold"key-*.age; do
        [ -e "$key" ] && age -d -i "$keyfile" "$key" >>"$scratch/keys" 2>/dev/null || true
    done
    [ -s "$scratch/keys" ] || continue
    # All manifests, the newest last: what a later one says of a path counts.
    : >"$scratch/manifest"
    for manifest in "$hold"m-*.age; do
        [ -e "$manifest" ] && age -d -i "$scratch/keys" "$manifest" >>"$scratch/manifest" 2>/dev/null || true
    done
    name=$(sed -n 's/^# hold //p' "$scratch/manifest" | tail -n 1)
    [ -n "$name" ] || continue
    if [ -z "$wanted" ]; then
        echo "$name"
        continue
    fi
    [ "$name" = "$wanted" ] || continue
    found=yes
    mkdir -p "$target"
    # The last line of each path, as it stood in the newest manifest that has it.
    awk '!/^#/ { last[$3] = $0 } END { for (path in last) print last[path] }' "$scratch/manifest" >"$scratch/files"
    while read -r sum object path; do
        case $path in /* | *..* | '') echo "A manifest names $path, outside the hold." >&2; exit 1 ;; esac
        case $object in */* | '') echo "A manifest names the object $object." >&2; exit 1 ;; esac
        mkdir -p "$target/$(dirname "$path")"
        if [ -e "$hold$object" ] && age -d -i "$scratch/keys" "$hold$object" >"$scratch/file" 2>/dev/null; then
            mv "$scratch/file" "$target/$path"
        fi
        printf '%s  %s\n' "$sum" "$path" >>"$scratch/sums"
    done <"$scratch/files"
    # What was put since the newest manifest: lists of that time, and segments, each of which says in itself what it is.
    awk '{ print $2 }' "$scratch/files" >"$scratch/listed"
    for object in "$hold"d-*.age; do
        name=$(basename "$object")
        if [ -e "$object" ] && ! grep -q -F -x -e "$name" "$scratch/listed" &&
            age -d -i "$scratch/keys" "$object" >"$scratch/file" 2>/dev/null; then
            mkdir -p "$target/unlisted"
            mv "$scratch/file" "$target/unlisted/${name%.age}"
        fi
    done
done

[ -n "$wanted" ] || exit 0
if [ -z "$found" ]; then
    echo "The key opens no hold $wanted in $folder." >&2
    exit 1
fi
sort -k 2 "$scratch/sums" >"$target/SHA256SUMS"
if [ -d "$target/unlisted" ]; then
    echo "$(find "$target/unlisted" -type f | wc -l) files that no manifest names yet lie in unlisted/."
fi
cd "$target" && sha256sum --quiet --check SHA256SUMS && echo "$wanted: $(grep -c . SHA256SUMS) files, all as they were put."
