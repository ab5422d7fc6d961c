#!/bin/sh
# Build dist/holdshelf_VERSION_ARCHITECTURE.deb from the wheel in dist/ (`make deb` does all of it).
#
# Everything that the package holds is gathered in build/deb and built there by Debian's own tools. Libraries come from the
# package index, each held against its SHA-256 in requirements/*.lock. The package is for the Python of this system.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
bin=$1           # where the build's own Python lies
revision=${2:-}  # behind the version: +local1
cd "$root"

# A venv's `python3` names a version only once it is asked.
python=$(basename "$(readlink -f /usr/bin/python3)")
own=$("$bin/python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
if [ "$python" != "$own" ]; then
    echo "make deb: .venv was made with $own, and a package is for the system's own $python. Run: make clean, then" >&2
    echo "PATH=/usr/bin:\$PATH make deb" >&2
    exit 1
fi
version=$("$bin/python" -c 'from holdshelf_core.version import VERSION; print(VERSION)')
package="$version$revision"
minor=${python#python3.}

tree=build/deb/holdshelf-$package
rm -rf build/deb
mkdir -p "$tree/completion"
cp -r contrib/debian "$tree/debian"
cp -r requirements docs README.md CHANGELOG.md SECURITY.md LICENSE pyproject.toml contrib "$tree"
rm -rf "$tree/contrib/debian"
cp dist/*.whl "$tree"
"$bin/python" scripts/man_pages.py "$tree/man"
for shell in bash zsh fish; do
    "$bin/python" -c 'import sys; from typer.completion import get_completion_script as script
print(script(prog_name="holdshelf", complete_var="_HOLDSHELF_COMPLETE", shell=sys.argv[1]))' "$shell" >"$tree/completion/$shell"
done
# The unit of the guide, with the places of a package in it.
sed -e 's|^Documentation=.*|Documentation=man:holdshelf(1) file:/usr/share/doc/holdshelf/docs/operate.md|' \
    -e 's|^# docs/operate.md tells.*|# The guide lies in /usr/share/doc/holdshelf/docs: operate.md, and door.md on what the door is.|' \
    -e 's|^ExecStart=[^ ]*|ExecStart=/usr/lib/holdshelf/bin/holdshelf|' \
    docs/holdshelf.service >"$tree/debian/holdshelf.service"
sed -i "s|@PYTHON@|python3 (>= 3.$minor), python3 (<< 3.$((minor + 1)))|" "$tree/debian/control"
when=$(git log -1 --format=%cD 2>/dev/null || date -R)
cat >"$tree/debian/changelog" <<CHANGELOG
holdshelf ($package) unstable; urgency=medium

  * See /usr/share/doc/holdshelf/CHANGELOG.md.

 -- the Holdshelf authors <root@localhost>  $when
CHANGELOG

cd "$tree"
if ! SBOM="$root/$bin/cyclonedx-py" PIP="$root/$bin/python -m pip --disable-pip-version-check" PYTHON=$python \
    dpkg-buildpackage --no-sign --build=binary >../build.log 2>&1; then
    tail -20 ../build.log >&2
    echo "make deb: the package was not built; build/deb/build.log has all of it." >&2
    exit 1
fi
mv ../holdshelf_*.deb "$root/dist/"
ls -s --block-size=MB "$root"/dist/holdshelf_*.deb
