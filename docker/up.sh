#!/usr/bin/env bash
# Build what is missing, start the switch and the controller, make the sample site live if there is
# none, and say how to call it.
set -euo pipefail
cd "$(dirname "$0")/.."

images=(asterisk controller)
# Services that stay; "provision" ends, and waiting for it would fail.
services=$(docker/compose.sh config --services | grep -vx provision)
case $services in *postgres*) images+=(tools) ;; esac

docker/build.sh "${images[@]}"
# shellcheck disable=SC2086 # one word for each service
docker/compose.sh up --detach --wait --remove-orphans $services
ivr() { docker/compose.sh exec -T controller ivr "$@"; }
if ! docker/compose.sh exec -T controller test -d /state/site; then
    ivr sample /state/site
    ivr apply /state/site
fi
printf '\nThe sample contact centre runs. Phones log in to it with:\n\n'
ivr phone list
cat <<'END'

Log in as the caller and as an agent, let the agent dial *81 (available), and call 2025550100.
  docker/compose.sh exec controller ivr queue list     who waits
  docker/compose.sh logs --follow controller           what happens
  make down                                            stop it; everything stays in the state folder
END
