# What is asked of running workloads: pause unpause restart attach console events.
load helpers

box() { # NAME COMMAND...
	local name=$1
	shift
	hyfw run -d --name "$name" --network none --rootfs "$ROOTFS" -- "$@"
}

counter='i=0; while :; do i=$((i + 1)); echo $i; sleep 0.05; done'

lines_of() { hyfw logs "$1" | wc -l; }

# ---- pause -------------------------------------------------------------------

@test "a paused workload stands still until it is unpaused" {
	local before after
	box still sh -c "$counter"
	wait_until 5 bash -c "[ \$($(printf '%q ' "${HYFW_COMMAND[@]}") logs still | wc -l) -gt 2 ]"
	[ "$(hyfw pause still)" = still ]
	is_status still paused
	hyfw ps | grep -E 'still .*\(paused\)'
	before=$(lines_of still)
	sleep 0.5
	[ "$(lines_of still)" -eq "$before" ]
	hyfw pause still              # it does already
	hyfw stats still | grep still
	run --separate-stderr hyfw exec still -- true
	[ "$status" -eq 125 ]
	[[ $stderr == *"still is paused; \`hyfw unpause still\` first"* ]]
	[ "$(hyfw unpause still)" = still ]
	is_status still running
	sleep 0.5
	after=$(lines_of still)
	[ "$after" -gt "$before" ]
}

@test "a paused workload is stopped, killed, removed" {
	box one sh -c 'trap "exit 3" TERM; while :; do sleep 0.05; done'
	hyfw pause one
	hyfw stop -t 20 one
	[ "$(hyfw wait one)" = 3 ]
	hyfw start one
	is_status one running
	hyfw pause one
	hyfw kill one
	wait_until 10 is_status one exited
	hyfw start one
	hyfw pause one
	HYFW_TIMEOUT=10 hyfw rm -f one
	run --separate-stderr hyfw pause one
	[ "$status" -eq 125 ]
	[[ $stderr == "hyfw: there is no workload one"* ]]
}

@test "what does not run cannot be paused" {
	hyfw create --name idle --network none --rootfs "$ROOTFS" -- true
	run --separate-stderr hyfw pause idle
	[ "$status" -eq 125 ]
	[ "$stderr" = "hyfw: workload idle is not running (created)" ]
	run --separate-stderr hyfw unpause
	[ "$status" -eq 125 ]
	[[ $stderr == *"an argument is missing"* ]]
}

# ---- restart -------------------------------------------------------------------

@test "restart stops and starts, and starts what does not run" {
	local pid
	box again sleep 60
	pid=$(hyfw --format json inspect again | json 0 pid)
	[ "$(hyfw restart -t 0 again)" = again ]
	is_status again running
	[ "$(hyfw --format json inspect again | json 0 pid)" != "$pid" ]
	hyfw stop -t 0 again
	hyfw restart again
	is_status again running
	hyfw run -d --rm --name gone --network none --rootfs "$ROOTFS" -- sleep 60
	run --separate-stderr hyfw restart gone
	[ "$status" -eq 125 ]
	[[ $stderr == *"removed when it ends"* ]]
	is_status gone running
	run --separate-stderr hyfw restart -t soon again
	[ "$status" -eq 125 ]
	[[ $stderr == *"--time soon: not a number of seconds"* ]]
}

# ---- attach ---------------------------------------------------------------------

@test "attach shows what is written from then on and ends with the workload" {
	box talk sh -c 'echo early; trap "echo bye; echo low >&2; exit 7" TERM; while :; do sleep 0.05; done'
	wait_until 5 bash -c "$(printf '%q ' "${HYFW_COMMAND[@]}") logs talk | grep -q early"
	timeout -k 2 20 "${HYFW_COMMAND[@]}" attach talk >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null &
	sleep 0.3
	hyfw kill -s TERM talk
	status=0
	wait $! || status=$?
	[ "$status" -eq 7 ]
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = bye ]
	[ "$(cat "$BATS_TEST_TMPDIR/err")" = low ]
}

@test "attach passes signals on, or does not" {
	box signals sh -c 'trap "echo got usr1" USR1; trap "exit 9" TERM; while :; do sleep 0.05; done'
	timeout -k 2 20 "${HYFW_COMMAND[@]}" attach --sig-proxy=false signals >/dev/null </dev/null &
	sleep 0.3
	kill -TERM -- "$(pgrep -P $! -x hyfw)"
	wait $!
	is_status signals running
	timeout -k 2 20 "${HYFW_COMMAND[@]}" attach signals >/dev/null </dev/null &
	sleep 0.3
	kill -TERM -- "$(pgrep -P $! -x hyfw)"
	status=0
	wait $! || status=$?
	[ "$status" -eq 9 ]
}

# Types into `hyfw attach` on a terminal.
on_terminal() { # NAME SCRIPT-OF-PYTHON: send(TEXT), expect(TEXT), end() -> STATUS
	/usr/bin/python3 - "$1" "$2" "${HYFW_COMMAND[@]}" <<'PY'
import os, pty, select, sys, time
name, script, command = sys.argv[1], sys.argv[2], sys.argv[3:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(command[0], command + script.split("|")[0].split() + [name])
seen = b""
def pump(seconds):
    global seen
    if select.select([fd], [], [], seconds)[0]:
        try: seen += os.read(fd, 4096)
        except OSError: return False
    return True
def send(text): time.sleep(0.3); os.write(fd, text.encode())
def expect(text):
    end = time.time() + 15
    while text.encode() not in seen:
        if time.time() > end or not pump(0.2):
            sys.exit(f"{text!r} not in {seen!r}")
def end():
    stop = time.time() + 15
    while time.time() < stop:
        got, status = os.waitpid(pid, os.WNOHANG)
        if got: return os.waitstatus_to_exitcode(status)
        pump(0.1)
    sys.exit(f"it goes on: {seen!r}")
exec(script.split("|")[1])
PY
}

@test "attach to a terminal: type, let go with the keys, come back, see its end" {
	hyfw run -d -t --name term --network none --rootfs "$ROOTFS" -- sh
	on_terminal term 'attach|send("echo a$((1+1))b\n"); expect("a2b"); send("\x10\x11"); assert end() == 0'
	is_status term running
	on_terminal term 'attach --detach-keys ctrl-a,d|send("echo c$((1+1))d\n"); expect("c2d"); send("\x01d"); assert end() == 0'
	is_status term running
	on_terminal term 'console|send("exit 5\n"); assert end() == 5'
	wait_until 5 is_status term exited
}

@test "the keys that are no detach sequence go to the workload" {
	hyfw run -d -t --name term --network none --rootfs "$ROOTFS" -- sh -c 'stty raw -echo; echo ready; od -An -tx1 -N2 -v; sleep 60'
	on_terminal term 'attach|send("\x10x\x10"); expect("10 78"); send("\x11"); assert end() == 0'
	hyfw kill term
}

@test "input of one without a terminal: open with interactive, refused without" {
	printf '[workload keep]\nrootfs = %s\nnetwork = none\ninteractive = yes\ncommand = cat\n' "$ROOTFS" >"$BATS_TEST_TMPDIR/keep.ini"
	hyfw up "$BATS_TEST_TMPDIR/keep.ini"
	{ echo hello; sleep 1; } | timeout -k 2 2 "${HYFW_COMMAND[@]}" attach --sig-proxy=false keep >"$BATS_TEST_TMPDIR/out" || true
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = hello ]
	is_status keep running
	run --separate-stderr hyfw console keep
	[ "$status" -eq 125 ]
	[[ $stderr == *"workload keep: it has no terminal; \`hyfw attach keep\`"* ]]
	hyfw down "$BATS_TEST_TMPDIR/keep.ini"
}

@test "who is attached and does not read holds nothing up" {
	box flood sh -c 'yes | head -c 3000000; echo; echo done >&2; sleep 60'
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	timeout -k 2 30 "${HYFW_COMMAND[@]}" attach flood >"$BATS_TEST_TMPDIR/pipe" </dev/null &
	exec {never}<"$BATS_TEST_TMPDIR/pipe"
	wait_until 20 bash -c "$(printf '%q ' "${HYFW_COMMAND[@]}") logs flood 2>&1 >/dev/null | grep -q done"
	hyfw rm -f flood
	exec {never}<&-
	wait $! || true
}

@test "attach says what is wrong" {
	hyfw create --name idle --network none --rootfs "$ROOTFS" -- true
	run --separate-stderr hyfw attach idle
	[ "$status" -eq 125 ]
	[ "$stderr" = "hyfw: workload idle is not running (created)" ]
	run --separate-stderr hyfw attach
	[[ $stderr == *"the name of one workload is needed"* ]]
	run --separate-stderr hyfw attach --detach-keys ctrl-- idle
	[[ $stderr == *"--detach-keys ctrl--: not keys such as"* ]]
	run --separate-stderr hyfw attach --sig-proxy=maybe idle
	[[ $stderr == *"--sig-proxy=maybe: must be true or false"* ]]
}

# ---- events ----------------------------------------------------------------------

words() { hyfw --format json events --no-stream -f "name=$1" | /usr/bin/python3 -c '
import json, sys
print(" ".join(json.loads(line)["event"] for line in sys.stdin))'; }

@test "events tell the life of a workload" {
	hyfw create --name life --network none --rootfs "$ROOTFS" -- sh -c 'trap "exit 4" TERM; while :; do sleep 0.05; done'
	hyfw start life
	hyfw pause life
	hyfw unpause life
	hyfw kill -s CONT life
	hyfw stop life
	hyfw restart life
	hyfw rm -f life
	[ "$(words life)" = "create start pause unpause kill die stop restart start die stop remove" ]
	hyfw events --no-stream -f name=life -f event=die | head -1 | grep -E '^20[0-9-]+T[0-9:.]+Z  die       life  status=4$'
	run_box --name once -- true
	[ "$(words once)" = "start die remove" ]
}

@test "events stream, from then on, until they are to end" {
	timeout -k 2 20 "${HYFW_COMMAND[@]}" events -f name=streamed >"$BATS_TEST_TMPDIR/events" </dev/null &
	local stream=$!
	sleep 0.3
	run_box --name other -- true
	run_box --name streamed -- true
	wait_until 5 grep -q remove "$BATS_TEST_TMPDIR/events"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/events")" -eq 3 ]
	kill "$stream"
	wait "$stream" || true
	[ -z "$(hyfw events --since 0 --until 0)" ]
	[ "$(hyfw events --since 1h --no-stream -f name=streamed | wc -l)" -eq 3 ]
	[ "$(hyfw events --since @1 --until 2001-01-01T00:00:00Z | wc -l)" -eq 0 ]
	run --separate-stderr hyfw events --since tomorrow
	[ "$status" -eq 125 ]
	[[ $stderr == *"--since tomorrow: not a time"* ]]
	run --separate-stderr hyfw events -f colour=red
	[ "$status" -eq 125 ]
	[[ $stderr == *"--filter colour=red: must be"* ]]
}

@test "the log of events is bounded, and followed over its end" {
	timeout -k 2 30 "${HYFW_COMMAND[@]}" events -f name=last >"$BATS_TEST_TMPDIR/events" </dev/null &
	local stream=$!
	sleep 0.3
	/usr/bin/python3 -c '
import sys
line = "{\"time\":1,\"workload\":\"filler\",\"event\":\"x\",\"detail\":\"" + "y" * 900 + "\"}\n"
open(sys.argv[1], "a").write(line * 1200)' "$STATE/events/log"
	run_box --name filling -- true
	[ -e "$STATE/events/log.1" ]
	[ "$(stat -c %s "$STATE/events/log")" -lt 1000000 ]
	run_box --name last -- true
	wait_until 5 grep -q remove "$BATS_TEST_TMPDIR/events"
	kill "$stream"
	wait "$stream" || true
	[ "$(wc -l <"$BATS_TEST_TMPDIR/events")" -eq 3 ]
}

# ---- top ---------------------------------------------------------------------------

@test "top shows the processes of a container, inside and outside" {
	hyfw run -d --name busy --network none --rootfs "$ROOTFS" -- sh -c 'sleep 301 & sleep 302 & wait'
	wait_until 5 sh -c "$(printf '%q ' "${HYFW_COMMAND[@]}") top busy | grep -q 'sleep 302'"
	run hyfw top busy
	[ "${#lines[@]}" -eq 4 ]
	[[ ${lines[0]} == PID*INSIDE*USER*COMMAND* ]]
	pid=$(hyfw --format json inspect busy | json 0 pid)
	[ "$(hyfw --format json top busy | json 0 pid)" = "$pid" ]
	[ "$(hyfw --format json top busy | json 0 inside)" = 1 ]
	[ "$(hyfw --format json top busy | json 2 command)" = "sleep 302" ]
	hyfw stop -t 0 busy
	run --separate-stderr hyfw top busy
	[ "$status" -eq 125 ]
	[[ $stderr == *"workload busy is not running (exited)"* ]]
}

# ---- machines: what a container has not --------------------------------------------

@test "what only machines have is refused by name" {
	box plain sleep 60
	run --separate-stderr hyfw vnc plain
	[ "$status" -eq 125 ]
	[[ $stderr == "hyfw: workload plain: isolation namespaces: cannot display"* ]]
	run --separate-stderr hyfw reboot plain
	[ "$status" -eq 125 ]
	[[ $stderr == *"only a machine can reboot; \`hyfw restart plain\`"* ]]
	run --separate-stderr hyfw snapshot create plain one
	[[ $stderr == *"isolation namespaces: cannot snapshot-create"* ]]
	run --separate-stderr hyfw snapshot list
	[[ $stderr == *"one workload is needed"* ]]
	run --separate-stderr hyfw snapshot fly plain
	[[ $stderr == *"there is no verb fly"* ]]
	run --separate-stderr hyfw snapshot delete --memory plain one
	[[ $stderr == *"a flag of create is given to delete"* ]]
	run --separate-stderr hyfw migrate plain
	[[ $stderr == *"a workload and the URI of a host are needed"* ]]
	run --separate-stderr hyfw migrate --bandwidth wide plain qemu+ssh://there/system
	[[ $stderr == *"--bandwidth wide: not a size such as 100M"* ]]
	run --separate-stderr hyfw migrate --max-downtime 1s plain qemu+ssh://there/system
	[[ $stderr == *"--max-downtime 1s: not a number of milliseconds"* ]]
	run --separate-stderr hyfw migrate --live plain qemu+ssh://there/system
	[[ $stderr == *"isolation namespaces: cannot migrate"* ]]
	run --separate-stderr hyfw save
	[[ $stderr == *"an argument is missing"* ]]
	run --separate-stderr hyfw save plain
	[[ $stderr == *"isolation namespaces: cannot save"* ]]
	[ -z "$(hyfw port plain)" ]
	run --separate-stderr hyfw port nobody
	[ "$status" -eq 125 ]
}
