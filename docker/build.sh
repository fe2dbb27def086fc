#!/usr/bin/env bash
# Build the images that are missing or whose inputs changed; an image that is up to date costs nothing.
#
#   docker/build.sh                     the PBX, the controller and the tools of the tests
#   docker/build.sh asterisk tools      only these (their base is built when they need it)
#   docker/build.sh --fresh [NAME...]   whatever their inputs, to take up newer packages
#
# Images are named queueback-NAME:dev. Each carries a hash of everything that went into it as label
# `queueback.inputs`. Only the classic builder is needed: no BuildKit, no registry.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
readonly ROOT
readonly CONTEXTS=$ROOT/build/docker
readonly PULL_SECONDS=300 PROBE_SECONDS=20
export DEBIAN_FRONTEND=noninteractive
# The classic builder is there wherever an engine is; buildx is not.
export DOCKER_BUILDKIT=0

say() { printf 'images: %s\n' "$*" >&2; }

fail() {
    say "$1"
    shift
    if (($#)); then printf '        %s\n' "$@" >&2; fi
    exit 1
}

image() { printf 'queueback-%s:dev' "$1"; }

id_of() { docker image inspect --format '{{ .Id }}' "$(image "$1")" 2>/dev/null || true; }

# The hash of the inputs an image was built from; nothing if there is no such image.
built_from() {
    docker image inspect --format '{{ index .Config.Labels "queueback.inputs" }}' \
        "$(image "$1")" 2>/dev/null || true
}

# The hash of a build context. The certificates of this machine are not part of what is built.
hash_of() {
    (cd "$1" && find . -type f ! -path ./ca.crt -print0 | LC_ALL=C sort -z \
        | xargs -0 sha256sum && find . -type f -perm -u+x | LC_ALL=C sort) | sha256sum | cut -c1-16
}

# Certificates that the host trusts: a proxy that inspects TLS has its own, and a build step that
# fetches over https must know it. They stay in the build context and in intermediate layers.
host_certificates() {
    local file
    for file in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt \
        /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
        if [[ -n $file && -r $file ]]; then
            cat "$file"
            return
        fi
    done
}

stage_asterisk() { cp -R "$ROOT/docker/asterisk/." "$1"; }

stage_tools() { cp -R "$ROOT/docker/tools/." "$1"; }

stage_controller() {
    cp -R "$ROOT/docker/controller/." "$1"
    mkdir "$1/project"
    (cd "$ROOT" && cp LICENSE README.md pyproject.toml requirements.lock "$1/project/" \
        && find ivr -name __pycache__ -prune -o -type f -print0 \
        | tar --null --files-from=- --create) | tar --extract --directory "$1/project"
    host_certificates >"$1/ca.crt"
}

# Run a long step silently; its output appears only if it fails.
quietly() {
    local log=$CONTEXTS/$1.log
    shift
    if ! "$@" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        fail "this failed: $*" "The whole output: $log"
    fi
}

# The Debian mirror of this machine if it has one over http (packages are signed; https would need
# the host's certificates inside the image), else the default of mmdebstrap.
debian_mirror() {
    command -v apt-get >/dev/null || return 0
    # shellcheck disable=SC2016 # apt fills it in
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
        'Label: Debian' 2>/dev/null | grep -m1 '^http://' || true
}

import_base() {
    local hash=$1 root=$CONTEXTS/base.tar mirror
    if ! command -v mmdebstrap >/dev/null; then
        if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
            fail "no registry answers, and mmdebstrap, which builds the base without one, is missing." \
                "Give the engine access to a registry with debian:sid, or install mmdebstrap."
        fi
        say "base: installing mmdebstrap"
        apt-get update -qq >/dev/null || true
        quietly mmdebstrap apt-get install -y -qq --no-install-recommends mmdebstrap
    fi
    mirror=$(debian_mirror)
    say "base: building Debian sid with mmdebstrap (about half a minute)"
    # A mirror of sid may be older than its own expiry date; its signatures are checked all the same.
    # An image is thrown away if its build is cut short: nothing needs to be safe on disk at each step.
    quietly base mmdebstrap --variant=minbase --include=ca-certificates \
        --aptopt='Acquire::Check-Valid-Until "false"' --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        sid "$root" ${mirror:+"$mirror"}
    quietly import docker import --change "LABEL queueback.inputs=$hash" "$root" "$(image base)"
    rm -f "$root"
}

# Debian sid, from a registry if one answers in time, else made here. The base has no inputs but
# this recipe: raise the number to have it made again everywhere.
ensure_base() {
    local hash=sid-2
    if ((!FRESH)) && [[ $(built_from base) == "$hash" ]]; then return; fi
    local started=$SECONDS
    if timeout "$PROBE_SECONDS" docker manifest inspect debian:sid-slim >/dev/null 2>&1 \
        && say "base: pulling debian:sid-slim" \
        && timeout "$PULL_SECONDS" docker pull --quiet debian:sid-slim >/dev/null; then
        printf 'FROM debian:sid-slim\n' | quietly base docker build --quiet \
            --label "queueback.inputs=$hash" --tag "$(image base)" -
    else
        import_base "$hash"
    fi
    say "base: built in $((SECONDS - started)) s"
}

ensure() {
    local name=$1 context=$CONTEXTS/$1 hash started=$SECONDS
    rm -rf "$context"
    mkdir -p "$context"
    "stage_$name" "$context"
    hash=$(hash_of "$context")-$(id_of base | cut -c8-19)
    if ((!FRESH)) && [[ $(built_from "$name") == "$hash" ]]; then
        say "$name: up to date"
    else
        say "$name: building"
        local former
        former=$(id_of "$name")
        local options=(--network host --label "queueback.inputs=$hash" --tag "$(image "$name")")
        if ((FRESH)); then options+=(--no-cache); fi
        # Docker knows these names: their values reach every step and are not kept in the image.
        local variable
        for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
            if [[ -n ${!variable:-} ]]; then options+=(--build-arg "$variable"); fi
        done
        quietly "$name" docker build "${options[@]}" "$context"
        # What was replaced only takes space, unless a container still runs it.
        [[ $former == $(id_of "$name") || -z $former ]] || docker image rm "$former" >/dev/null 2>&1 || true
        say "$name: built in $((SECONDS - started)) s$(about "$name")"
    fi
    rm -rf "$context"
}

about() {
    if [[ $1 == asterisk ]]; then
        printf ' (%s)' "$(docker run --rm --network none "$(image asterisk)" asterisk -V)"
    fi
}

FRESH=0
if [[ ${1:-} == --fresh ]]; then
    FRESH=1
    shift
fi
(($#)) || set -- asterisk controller tools
for name in "$@"; do
    [[ $name == base || -f $ROOT/docker/$name/Dockerfile ]] || fail "there is no image '$name'"
done

mkdir -p "$CONTEXTS"
# One builder at a time: two would make the same image twice.
exec 9>"$CONTEXTS/lock"
flock 9
ensure_base
for name in "$@"; do [[ $name == base ]] || ensure "$name"; done
