#!/usr/bin/env bash
# Start the switch and the controller, make the sample site live if there is none, and say how to
# call it.
set -euo pipefail
cd "$(dirname "$0")/.."

services=(asterisk controller)
case ,${COMPOSE_PROFILES:-}, in *,postgres,*) services+=(postgres) ;; esac

docker/compose.sh up --detach --wait --remove-orphans "${services[@]}"
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
