# A workload's life when things go wrong around it: restarts, signals, closed and
# full files, two commands at once.
load helpers

box() { # NAME FLAG... -- COMMAND...
	local name=$1
	shift
	hyfw run -d --name "$name" --network none "$@"
}

# Without bats's own timeout's process group in between.
direct() { "${HYFW_COMMAND[@]}" "$@"; }

@test "commands about what is not running say so" {
	hyfw create --name made --network none box -- sh -c 'exit 7'
	run -125 --separate-stderr hyfw exec made -- true
	[[ "$stderr" == *"workload made is not running (created)"* ]]
	run -125 --separate-stderr hyfw wait made
	[[ "$stderr" == *"workload made was never started"* ]]
	run -125 hyfw kill made
	run -0 hyfw stop made
	run -7 hyfw start -a made
	run -0 hyfw stop made
	run -0 hyfw wait made
	[ "$output" = 7 ]
	run -125 --separate-stderr hyfw rm made nosuch
	[[ "$stderr" == *"there is no workload nosuch"* ]]
	[ -z "$(hyfw ps -a -q)" ]
}

@test "an exited workload starts again with its files and its range of ids" {
	run -0 hyfw run --name kept --network none box -- sh -c 'echo x >>/root/f; cat /root/f; cat /proc/self/uid_map'
	local first=${lines[1]}
	run -0 hyfw start -a kept
	[ "${lines[0]}${lines[1]}" = xx ]
	[ "${lines[2]}" = "$first" ]
	run -125 --separate-stderr hyfw image rm box
	[[ "$stderr" == *"used by workload kept"* ]]
	run -125 --separate-stderr hyfw run --name kept --network none box -- true
	[[ "$stderr" == *"the name kept is taken"* ]]
}

@test "a workload that fails at once: restarting, and rm refuses, stop ends it at once" {
	box again --restart always box -- false
	wait_until 5 is_status again restarting
	[ "$(hyfw ps -q)" = again ]
	run -125 hyfw rm again
	SECONDS=0
	hyfw stop again
	[ "$SECONDS" -le 2 ]
	is_status again exited
}

@test "up leaves a workload alone that waits for its restart" {
	write_stack again <<<$'[workload again]\nimage = box\ncommand = false\nnetwork = none\nrestart = always'
	hyfw up "$STACK"
	wait_until 5 is_status again restarting
	run -0 hyfw up "$STACK"
	[ "$output" = "again running" ]
	hyfw down "$STACK"
}

@test "on-failure:3 is three restarts" {
	box thrice --restart on-failure:3 box -- sh -c 'echo go; exit 3'
	[ "$(hyfw wait thrice)" = 3 ]
	[ "$(hyfw logs thrice | grep -c go)" -eq 4 ]
}

@test "kill and Ctrl-C are the end of restarts" {
	box killed --restart always box -- sleep 60
	hyfw kill killed
	wait_until 5 is_status killed exited
	"${HYFW_COMMAND[@]}" run --name front --restart always --network none box -- false </dev/null 3>&- &
	local pid=$!
	wait_until 5 is_status front restarting
	kill -TERM "$pid"
	run wait "$pid"
	wait_until 5 is_status front exited
}

@test "closed standard files are no other files" {
	write_stack quiet <<<$'[workload quiet]\nimage = box\ncommand = sleep 60\nnetwork = none\nstop_timeout = 0s'
	direct up "$STACK" <&- >&- 2>&- || true
	is_status quiet running
	run -0 hyfw exec quiet -- true
	direct down "$STACK" <&- >&- 2>&- || true
	[ -z "$(hyfw ps -a -q)" ]
	[ ! -e "$STATE/quarantine" ]
	run direct ps >&-
	direct run -i --rm --network none box -- cat <&-
}

@test "a reader that goes away: ps, logs, run" {
	direct ps | head -c 1 >/dev/null
	direct run --rm --network none box -- sh -c 'yes | head -c 10000000' </dev/null | head -n 1 >/dev/null
	[ -z "$(hyfw ps -a -q)" ]
}

@test "300 MB through run arrive whole, and the log stays bounded" {
	direct run --name much --network none box -- head -c 300000000 /dev/zero </dev/null | wc -c >"$BATS_TEST_TMPDIR/count"
	[ "$(cat "$BATS_TEST_TMPDIR/count")" -eq 300000000 ]
	[ "$(du -sm "$DATA/workloads/much" | cut -f1)" -le 50 ]
}

@test "output without a newline, and bytes of every value, are kept" {
	direct run --name odd --network none box -- sh -c 'printf "\000\001\377end"' </dev/null >"$BATS_TEST_TMPDIR/out"
	printf '\000\001\377end' | cmp - "$BATS_TEST_TMPDIR/out"
	hyfw logs odd >"$BATS_TEST_TMPDIR/log"
	grep -a -q end "$BATS_TEST_TMPDIR/log"
}

@test "daemons that a workload leaves go with it" {
	run -0 hyfw run --rm --network none box -- sh -c 'sleep 1000 & (sleep 1000 &) ; echo left'
	[ "$output" = left ]
	[ -z "$(own_processes)" ]
}

@test "two up of one stack at once: nothing twice, and the loser says who is at work" {
	write_stack both <<<$'[workload a]\nimage = box\ncommand = sleep 60\nnetwork = none\nstop_timeout = 0s\n[workload b]\nimage = box\ncommand = sleep 60\nnetwork = none\nstop_timeout = 0s\ndepends_on = a'
	local n pids=()
	for n in 1 2 3 4; do
		(direct up "$STACK" >"$BATS_TEST_TMPDIR/up$n" 2>&1 </dev/null 3>&- && status=0 || status=$?; echo "status $status" >>"$BATS_TEST_TMPDIR/up$n") 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	cat "$BATS_TEST_TMPDIR"/up?
	[ "$(grep -l 'status 0' "$BATS_TEST_TMPDIR"/up? | wc -l)" -ge 1 ]
	for n in $(grep -L 'status 0' "$BATS_TEST_TMPDIR"/up?); do
		grep -E 'process [0-9]+|is busy' "$n"
	done
	[ "$(hyfw ps -q | wc -l)" -eq 2 ]
	hyfw down "$STACK"
}

@test "run of one name, many at once: one wins" {
	local n won pids=()
	for n in 1 2 3 4 5 6; do
		(direct run -d --name one --network none box -- sleep 60 </dev/null >"$BATS_TEST_TMPDIR/run$n" 2>&1 3>&- && status=0 || status=$?; echo "status $status" >>"$BATS_TEST_TMPDIR/run$n") 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	cat "$BATS_TEST_TMPDIR"/run?
	won=$(grep -l 'status 0' "$BATS_TEST_TMPDIR"/run? | wc -l)
	[ "$won" -eq 1 ]
	[ "$(hyfw ps -q)" = one ]
}
