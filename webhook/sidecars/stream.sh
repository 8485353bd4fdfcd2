# loghook: streams log files to stdout. Arguments: DRAIN FROM EXCLUDES -- PATH...
stop=''
trap 'stop=1; trap "" TERM INT QUIT USR1 USR2' TERM INT QUIT USR1 USR2
trap '' HUP
export LC_ALL=C
exec 3>&1 4>&2 2>/dev/null
nl='
'
drain=${1%native} from=$2 excludes=$3
shift 4
ulimit -n "$(ulimit -Hn)"
mark=$(head -c 16 /dev/urandom | md5sum)
mark=${mark%% *}
[ "$mark" ] || exit 1
fds='' told='' uid='' low=30 todo='' more='' ended='' pause='' quiet=0 step=0
IFS=$nl
set -f

# Is it a file to read, given the patterns $2 of files to leave out?
wanted() {
  [ -f "$1" ] || return
  case $1 in *"$nl"*) return 1 ;; esac
  for x in $2; do
    case $x in */*) name=$1 ;; *) name=${1##*/} ;; esac
    case $name in $x) return 1 ;; esac
  done
  [ -r "$1" ] || { denied=$1; say "uid ${uid:=$(id -u)} may not read $1"; false; }
}

# Says something on stderr, once, with no byte in it that a terminal obeys.
say() {
  case $nl$told in *"$nl$1$nl"*) return ;; esac
  [ ${#told} -lt 65536 ] || return
  told=$told$1$nl
  printf 'loghook: %s\n' "$1" | tr -c '\040-\176\n' '?' >&4
}

# Opens a file. Should it be a FIFO by now, the end of the sleep interrupts that.
follow() {
  while [ -e /proc/self/fd/$low ]; do low=$((low + 1)); done
  [ "$guard" ] || { trap : CHLD; sleep 3 & guard=$!; }
  eval "command exec $low<\"\$1\"" || return
  if [ -f /proc/self/fd/$low ]; then
    eval "key$low='' at$low=0 part$low='' gone$low=0"
    fds=$fds$low$nl
  else
    eval "exec $low<&-"
  fi
}

# Opens what is new among the files that match.
scan() {
  denied='' found='' guard='' count=0
  for p; do
    case $p in *[*?[]*) out=$excludes ;; *) out='' ;; esac
    IFS='' && set +f
    for f in $p; do
      IFS=$nl && set -f
      wanted "$f" "$out" || continue
      [ $count -lt 1000 ] || { say 'more than 1000 files, the others are not read'; break 2; }
      found=$found$f$nl count=$((count + 1))
    done
    IFS=$nl && set -f
  done
  [ "$found" ] || return
  set -- $found
  for key in $(trap '' TERM INT; stat -L -c k%d_%i "$@"); do
    eval "n=\${$key-}"
    if [ "$n" ]; then eval "gone$n=0"; else follow "$1"; fi
    shift
  done
  [ -z "$guard" ] || { trap - CHLD; kill -9 $guard; }
}

# Skips what a file has, but for an unterminated last line.
skip() {
  at=$(($2 > 65536 ? $2 - 65536 : 0))
  dd bs=1 skip=$at count=0 <&$1
  part=$({ dd bs=$(($2 - at)) count=1 <&$1; echo x; } | tr -d '\000' | tail -n 1)
  eval "at$1=$2 part$1=\${part%x}"
}

# Writes what was held back of an unterminated line.
finish() {
  eval "part=\$part$1 part$1=''"
  [ -z "$part" ] || printf '%s\n' "$part" >&3
}

# Was a file written that is as long as before? Two looks tell: one may fall into a write.
rewritten() {
  eval "[ $2 != \$time$1 ]" || return
  if eval "[ $2 = \$odd$1 ]"; then eval "time$1=$2"; else eval "odd$1=$2; false"; fi
}

# Finds what has grown, has shrunk, or was away and quiet for 30 s.
measure() {
  todo='' more='' keep=''
  set -- $(cd /proc/self/fd && trap '' TERM INT && stat -L -c %n:%s:%Y:k%d_%i $fds)
  [ $# -gt 0 ] || return
  for n in $fds; do
    eval "key=\$key$n at=\$at$n gone=\$gone$n"
    now='' size=$at time=''
    case $1 in $n:*) now=${1##*:} time=${1#*:} size=${time%%:*} time=${time#*:} time=${time%%:*} && shift ;; esac
    if [ -z "$key" ] && [ "$now" ] && eval "[ -z \"\${$now-}\" ]"; then
      key=$now
      eval "key$n=$key $key=$n time$n=$time odd$n=$time"
      [ "$from" != end ] || [ "$size" = 0 ] || { skip $n "$size"; at=$size; }
    fi
    left=$((size - at))
    if [ "$key" != "$now" ] || { [ $gone = 30 ] && [ $left = 0 ]; }; then
      finish $n
      eval "unset $key key$n at$n part$n gone$n time$n odd$n; exec $n<&-"
      low=30
      continue
    fi
    keep=$keep$n$nl
    if [ $left -gt 0 ]; then
      [ $left -le 1048576 ] || left=1048576 more=1
      todo=$todo$n:$left$nl
      eval "at$n=$((at + left)) gone$n=0 time$n=$time odd$n=$time"
    elif [ $left -lt 0 ] || rewritten $n "$time"; then
      finish $n
      eval "command exec $n</proc/self/fd/$n" && eval "at$n=0" && more=1
    else
      eval "gone$n=$((gone + step))"
    fi
  done
  fds=$keep
}

# Writes the whole lines of what has grown and holds back the rest.
pump() {
  out=$(
    trap '' TERM INT
    for x in $todo; do
      eval "printf %s \"\$part${x%:*}\""
      dd bs="${x#*:}" count=1 <&"${x%:*}"
      echo "$mark"
    done | tr -d '\000' | sed "/$mark\$/!b
w /proc/self/fd/2
d" 2>&1 >&3
  ) || exit 1
  set -- $out
  for x in $todo; do
    [ "$1" ] || exit 1
    n=${x%:*} part=${1%"$mark"}
    eval "part$n=\$part"
    [ ${#part} -le 1048576 ] || finish $n
    shift
  done
}

while :; do
  [ "$ended" = "$stop" ] || ended=1 quiet=0
  scan "$@"
  [ -z "$fds" ] || measure
  from=''
  [ -z "$todo" ] || { quiet=0; pump; }
  step=0
  [ -z "$more" ] || continue
  [ -z "$ended" ] || [ $quiet -lt "${drain:-0}" ] || break
  quiet=$((quiet + 1)) step=1
  sleep 1 &
  pause=$!
  [ "$ended" = "$stop" ] && wait $pause && pause=''
done
for n in $fds; do finish $n; done
[ -z "$pause" ] || { kill -9 $pause; wait; }
[ -z "$denied" ] || [ ! -w /dev/termination-log ] ||
  echo "loghook: uid $(id -u) may not read $denied" >/dev/termination-log
exit 0
