# loghook-drain: told to stop, it waits a while, so that what is stopped after it reads on. Arguments: SECONDS
trap 'trap "" TERM INT QUIT USR1 USR2; kill -9 $!; sleep "$1"; exit 0' TERM INT QUIT USR1 USR2
trap '' HUP
while :; do
  sleep 3600 &
  wait $!
done
