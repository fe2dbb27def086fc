#!/usr/bin/env bash
# Make sure that a container engine answers. Safe to run at any time, as often as you like.
#
# It finds a running engine, or as root on Debian installs and starts one, or says what to install.
# A docker client alone is not an engine: what counts is that `docker info` reaches a server.
set -euo pipefail

readonly LOG=${IVR_DOCKERD_LOG:-/var/log/queueback-dockerd.log}
readonly LOCK=/run/queueback-engine.lock FILTERS=/run/queueback-engine-filters
readonly START_SECONDS=60
export DEBIAN_FRONTEND=noninteractive
# Daemons and packet filters live where a plain user's PATH does not look.
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf 'engine: %s\n' "$*" >&2; }

fail() {
    say "$1"
    shift
    printf '        %s\n' "$@" >&2
    exit 1
}

answers() { timeout 20 docker info >/dev/null 2>&1; }

is_debian() { [[ -r /etc/os-release ]] && grep -qE '^ID(_LIKE)?=.*debian' /etc/os-release; }

may_install() { [[ $(id -u) == 0 ]] && is_debian && command -v apt-get >/dev/null; }

apt_install() {
    say "installing $*"
    apt-get update -qq >/dev/null || say "apt-get update failed; trying with the lists at hand"
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null \
        || fail "apt-get could not install: $*" "Run 'apt-get install $*' to see why."
}

# The program a process runs; nothing for a process that is gone or dead and not yet buried.
program_of() { basename "$(readlink "/proc/$1/exe" 2>/dev/null)" 2>/dev/null || true; }

# A daemon that was killed leaves pid files behind; dockerd refuses to start while the number in
# them belongs to any process, whatever it is.
remove_stale_pid_files() {
    local file
    for file in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
        [[ -f $file ]] || continue
        case $(program_of "$(<"$file")") in
            dockerd | containerd) ;;
            *) rm -f "$file" ;;
        esac
    done
}

daemon_is_starting() {
    [[ -f /var/run/docker.pid && $(program_of "$(</var/run/docker.pid)") == dockerd ]]
}

# Start dockerd with the given options and wait until it answers. It gets a session of its own so
# that it outlives the shell, the terminal and the job that started it.
start_daemon() {
    local pid deadline=$((SECONDS + START_SECONDS))
    remove_stale_pid_files
    say "starting dockerd $* (log: $LOG)"
    printf '\n== dockerd %s\n' "$*" >>"$LOG"
    setsid nohup dockerd "$@" </dev/null >>"$LOG" 2>&1 9>&- &
    pid=$!
    while ((SECONDS < deadline)); do
        if answers; then return 0; fi
        if ! kill -0 "$pid" 2>/dev/null; then return 1; fi
        sleep 0.2
    done
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    return 1
}

# Containers of this project use the host's network, so an engine without a bridge will do where
# the kernel offers no packet filter; the vfs driver copies every layer and is the last resort.
start_engine() {
    mkdir -p "$(dirname "$LOG")"
    start_daemon && return
    say "the normal start failed; trying the older packet filter"
    local older
    if older=$(command -v iptables-legacy); then
        mkdir -p "$FILTERS"
        ln -sf "$older" "$FILTERS/iptables"
        ln -sf "${older/iptables/ip6tables}" "$FILTERS/ip6tables"
        PATH=$FILTERS:$PATH start_daemon && return
    fi
    say "no packet filter works; trying without: containers will have the host's network only"
    start_daemon --iptables=false --ip6tables=false --bridge=none && return
    start_daemon --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs && return
    tail -n 15 "$LOG" >&2
    fail "dockerd does not start here." "Its log: $LOG"
}

have_engine() {
    if command -v docker >/dev/null && answers; then return; fi
    if [[ -n ${DOCKER_HOST:-} ]]; then
        fail "no engine answers at DOCKER_HOST=$DOCKER_HOST" "Start it, or unset DOCKER_HOST."
    fi
    if ! may_install; then
        if [[ $(id -u) != 0 ]] && command -v dockerd >/dev/null; then
            fail "the Docker engine is installed but does not answer for user $(id -un)." \
                "Start it (sudo systemctl start docker) and join the group 'docker'," \
                "or run this once as root."
        fi
        fail "no Docker engine answers, and this script installs one only as root on Debian." \
            "Install Docker Engine 20.10 or newer (Debian: apt-get install docker.io iptables," \
            "others: https://docs.docker.com/engine/install/), start it, and run this again."
    fi
    # One at a time: two daemons would fight for the same files. dockerd must not inherit the lock.
    exec 9>"$LOCK"
    flock 9
    local missing=()
    command -v dockerd >/dev/null || missing+=(docker.io)
    command -v iptables >/dev/null || missing+=(iptables)
    if ((${#missing[@]})); then apt_install "${missing[@]}"; fi
    # Newer Debian has the client in a package of its own.
    command -v docker >/dev/null || apt_install docker-cli

    # An engine that another process is starting at this moment answers soon.
    local deadline=$((SECONDS + START_SECONDS))
    while daemon_is_starting && ((SECONDS < deadline)); do
        if answers; then return; fi
        sleep 0.2
    done
    # Where systemd runs the machine, the daemon is its business.
    if [[ -d /run/systemd/system ]] && systemctl start docker 2>/dev/null && answers; then return; fi
    start_engine
}

have_engine
say "docker $(docker version --format '{{.Server.Version}}') answers"
