# The terminal, the display and the facts of a machine that runs; one boot.
load helpers

setup_file() {
	common_setup_file
	make_guest
	capabilities_load
	run_machine -d --name vm --set display=vnc --set vnc_listen=127.0.0.1 --set vnc_password=secret77 </dev/null >/dev/null
	capabilities_save
	HYFW_TIMEOUT=60 wait_until 60 logged vm "guest: ready"
}

teardown() { :; } # the machine is for all tests
teardown_file() {
	hyfw rm -f vm || true
	common_teardown_file
}

# On a terminal: types TEXT once READY was seen (nothing: at once), waits for the
# command's end or SECONDS; prints what it said and "status N" or "still there".
on_terminal() { # SECONDS TYPED WANTED COMMAND...
	/usr/bin/python3 - "$@" <<-'END'
		import os, pty, select, signal, sys, time
		seconds, typed, wanted, command = float(sys.argv[1]), eval("b'''" + sys.argv[2] + "'''"), sys.argv[3].encode(), sys.argv[4:]
		pid, fd = pty.fork()
		if pid == 0:
		    os.execvp(command[0], command)
		seen, sent, then, end = b"", False, False, time.time() + seconds
		time.sleep(0.7)
		while time.time() < end:
		    if not sent:
		        os.write(fd, typed); sent = True
		    if sent and not then and wanted in seen:
		        os.write(fd, b"\x10\x11"); then = True
		    if select.select([fd], [], [], 0.2)[0]:
		        try:
		            data = os.read(fd, 4096)
		        except OSError:
		            data = b""
		        if not data:
		            break
		        seen += data
		sys.stdout.write(seen.decode(errors="replace").replace("\r", ""))
		done = (0, 0)
		for _ in range(20):
		    done = os.waitpid(pid, os.WNOHANG)
		    if done[0]:
		        break
		    time.sleep(0.1)
		if done[0]:
		    print("\nstatus", os.waitstatus_to_exitcode(done[1]))
		else:
		    print("\nstill there"); os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
	END
}

@test "console: what is typed is run, the detach keys let go of the machine" {
	run on_terminal 20 'echo typed $((20 + 3))\n' "typed 23" "${HYFW_COMMAND[@]}" console vm
	[[ $output == *"typed 23"* ]]
	[[ $output == *"guest: status 0"* || $output == *"status "* ]]
	[[ $output != *"still there"* ]]
	is_status vm running
	logged vm "typed 23"
}

@test "attach does the same, and with keys of one's own" {
	run on_terminal 20 'echo again $((40 + 2))\n' "again 42" "${HYFW_COMMAND[@]}" attach vm
	[[ $output == *"again 42"* ]]
	[[ $output != *"still there"* ]]
	is_status vm running
}

@test "vnc tells where the display is, that it has a password, and never which" {
	hyfw vnc vm >"$BATS_TEST_TMPDIR/vnc"
	grep -q -E '^vnc on 127.0.0.1 port [0-9]+$' "$BATS_TEST_TMPDIR/vnc"
	grep -q '^password: set$' "$BATS_TEST_TMPDIR/vnc"
	absent secret77 "$BATS_TEST_TMPDIR/vnc"
	port=$(sed -n 's/.* port //p' "$BATS_TEST_TMPDIR/vnc")
	# RFB 3.8: the only security type offered is 2, VNC's password
	run /usr/bin/python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
s.settimeout(5)
version = s.recv(12); s.sendall(version); count = s.recv(1)[0]; print(list(s.recv(count)))' "$port"
	[ "$output" = "[2]" ]
	hyfw inspect vm >"$BATS_TEST_TMPDIR/inspect"
	absent secret77 "$BATS_TEST_TMPDIR/inspect"
}

@test "inspect and stats have what machines have" {
	hyfw --format json inspect vm >"$BATS_TEST_TMPDIR/inspect"
	for fact in accelerator "machine type" uuid "qemu user" "nested virtualization"; do
		[ -n "$(json 0 confinement "$fact" <"$BATS_TEST_TMPDIR/inspect")" ]
	done
	[[ "$(json 0 confinement display <"$BATS_TEST_TMPDIR/inspect")" == "vnc at 127.0.0.1:"* ]]
	hyfw stats vm | grep -q 'DISK READ / WRITTEN'
	hyfw --format json stats vm >"$BATS_TEST_TMPDIR/stats"
	[ "$(json 0 balloon_bytes <"$BATS_TEST_TMPDIR/stats")" = 268435456 ]
	[ "$(json 0 cpu_ns <"$BATS_TEST_TMPDIR/stats")" -gt 0 ]
}

@test "poweroff typed on the console ends it with 0" {
	run on_terminal 30 'poweroff -f\n' "never to be seen" "${HYFW_COMMAND[@]}" console vm
	[[ $output == *"status 0"* ]]
	wait_until 10 is_status vm exited
	run hyfw wait vm
	[ "$output" = 0 ]
}
