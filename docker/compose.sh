#!/usr/bin/env bash
# docker/compose.sh ARGUMENTS: Docker Compose on this project's services.
#
# IVR_STATE (default: state/) is the folder that keeps everything; it belongs to one user, the one
# the controller runs as: whoever runs this, or a user without rights if that is root.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
readonly ROOT
readonly PLUGINS=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
readonly CONTROLLER_ID=10001

say() { printf 'compose: %s\n' "$*" >&2; }

has_compose() { docker compose version >/dev/null 2>&1; }

# Compose v2 is one program. Debian's package of it runs on any Linux with a C library of this
# decade, so it is taken from there where the host's distribution has none.
install_compose() {
    local made
    "$ROOT/docker/build.sh" base
    say "Docker Compose v2 is missing: fetching Debian's into $PLUGINS"
    mkdir -p "$PLUGINS"
    made=$(docker create --network host queueback-base:dev sh -euc '
        apt-get -o Acquire::Check-Valid-Until=false update -qq
        cd /tmp
        apt-get download -qq docker-compose
        dpkg-deb --extract docker-compose_*.deb /opt')
    if docker start --attach "$made" >/dev/null 2>&1; then
        docker cp "$made:/opt/usr/libexec/docker/cli-plugins/docker-compose" "$PLUGINS/" >/dev/null
    fi
    docker rm --force "$made" >/dev/null
}

has_compose || install_compose
if ! has_compose; then
    say "Docker Compose v2 could not be fetched; install it from your distribution:"
    say "  docker-compose-plugin, docker-compose-v2 or docker-compose (2.24 or newer)"
    exit 1
fi

IVR_STATE=${IVR_STATE:-state}
[[ $IVR_STATE == /* ]] || IVR_STATE=$ROOT/$IVR_STATE
# The folder changes hands below: it must be ours, or new.
if [[ ! -d $IVR_STATE/pbx && ! -f $IVR_STATE/secrets.env && -n $(ls -A "$IVR_STATE" 2>/dev/null) ]]; then
    say "$IVR_STATE holds something else than a state: choose another folder as IVR_STATE"
    exit 1
fi
mkdir -p "$IVR_STATE/pbx"
chmod 0700 "$IVR_STATE"
if [[ $(id -u) == 0 ]]; then
    IVR_USER=$CONTROLLER_ID:$CONTROLLER_ID
    chown --recursive "$IVR_USER" "$IVR_STATE"
else
    IVR_USER=$(id -u):$(id -g)
fi
export IVR_STATE IVR_USER

options=(--file "$ROOT/docker/compose.yaml")
if [[ -f $ROOT/.env ]]; then options+=(--env-file "$ROOT/.env"); fi
case ${IVR_NETWORK:-host} in
    host) ;;
    bridge) options+=(--file "$ROOT/docker/compose.bridge.yaml") ;;
    *)
        say "IVR_NETWORK is 'host' or 'bridge', not '$IVR_NETWORK'"
        exit 1
        ;;
esac
exec docker compose "${options[@]}" "$@"
