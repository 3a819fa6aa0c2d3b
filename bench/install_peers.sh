#!/bin/sh
# Installs the tools that the benchmark compares with into one directory, from their own sources.
#
#   sh bench/install_peers.sh DIRECTORY
#
# Rebond itself goes there too, out of this checkout (run `make environment` first), anew each time.
#
# Needs Go >= 1.24, Cargo, a C compiler and, for borg, the headers of libacl, lz4, zstd, xxhash and OpenSSL
# (Debian: libacl1-dev liblz4-dev libzstd-dev libxxhash-dev libssl-dev pkg-config python3-venv); zip, 7z, zstd and tar
# come from the distribution. What is already there in the version asked for is left alone. One build at a time,
# at the lowest priority. A tool that cannot be built is named at the end, and the others are built all the same.
set -u

RESTIC=${RESTIC_VERSION:-v0.19.1}
KOPIA=${KOPIA_VERSION:-v0.23.1}
RUSTIC=${RUSTIC_VERSION:-0.11.4}
BORG=${BORG_VERSION:-1.4.5}

[ $# -eq 1 ] || { echo "usage: sh bench/install_peers.sh DIRECTORY" >&2; exit 2; }
mkdir -p "$1/bin" || exit 1
target=$(cd "$1" && pwd)
failed=""

# A module is built inside a copy of itself: `go install module@version` refuses modules with replace lines (kopia),
# and asks the proxy for the list of all versions, which not every proxy gives.
build_go() { # name module version package
    "$target/bin/$1" "$5" 2>/dev/null | grep -qF "${3#v}" && return 0
    source=$(go mod download -json "$2@$3" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
    [ -n "$source" ] || return 1
    work=$(mktemp -d) || return 1
    cp -R "$source/." "$work" && chmod -R u+w "$work"
    (cd "$work" && CGO_ENABLED=0 nice -n 19 go build -p 1 -ldflags "-s -w $6" -o "$target/bin/$1" "$4")
    status=$?
    rm -rf "$work"
    return $status
}

build_rustic() {
    "$target/bin/rustic" --version 2>/dev/null | grep -qF "$RUSTIC" && return 0
    nice -n 19 cargo install rustic-rs --version "$RUSTIC" --locked --jobs 1 --root "$target"
}

build_borg() {
    "$target/borg/bin/borg" --version 2>/dev/null | grep -qF "$BORG" && return 0
    python3 -m venv "$target/borg" && nice -n 19 "$target/borg/bin/pip" install --quiet "borgbackup==$BORG"
}

# As users have it: by the distribution's Python, which is built with more care than most that are built by hand.
build_rebond() {
    here=$(cd "$(dirname "$0")/.." && pwd)
    python=/usr/bin/python3
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || python=python3
    rm -rf "$target/rebond"
    "$python" -m venv --without-pip "$target/rebond" &&
        "$here/.venv/bin/python" -m pip --python "$target/rebond/bin/python" install --quiet \
            --requirement "$here/requirements/run.lock" &&
        "$here/.venv/bin/python" -m pip --python "$target/rebond/bin/python" install --quiet --no-deps "$here"
}

build_go restic github.com/restic/restic "$RESTIC" ./cmd/restic version "" || failed="$failed restic"
build_go kopia github.com/kopia/kopia "$KOPIA" . --version \
    "-X github.com/kopia/kopia/repo.BuildVersion=${KOPIA#v}" || failed="$failed kopia"
build_borg || failed="$failed borg"
build_rustic || failed="$failed rustic"
build_rebond || failed="$failed rebond"
for program in zip unzip 7z zstd tar; do
    command -v "$program" >/dev/null || failed="$failed $program"
done

[ -z "$failed" ] || { echo "missing:$failed" >&2; exit 1; }
echo "all peers are in $target"
