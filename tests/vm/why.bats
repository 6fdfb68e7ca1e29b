# `hyfw why` in the test machine: denials of SELinux that really happened, and whether what it proposes
# permits them, and only them.
LABELLED=/srv/hyfw-test-why
load labels

# A socket that a process of the host (unconfined_t) listens on.
listen() { # PATH
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(5)
while True:
    s.accept()[0].close()' "$1" >/dev/null 2>&1 3>&- 8>&- &
	LISTENER=$!
	wait_until 20 test -S "$1"
	chmod 666 "$1"
}

stop_listening() {
	kill "$LISTENER"
	wait "$LISTENER" || true
}

# All that processes of containers may do to unconfined_t and to its files, class by class.
permissions() {
	python3 - <<'END'
import os
source = "system_u:system_r:container_t:s0:c1,c2"
for target in ("unconfined_u:unconfined_r:unconfined_t:s0", "system_u:object_r:etc_t:s0", "system_u:object_r:var_run_t:s0"):
    for name in sorted(os.listdir("/sys/fs/selinux/class")):
        with open("/sys/fs/selinux/class/%s/index" % name) as f:
            index = int(f.read())
        fd = os.open("/sys/fs/selinux/access", os.O_RDWR)
        os.write(fd, ("%s %s %d" % (source, target, index)).encode())
        print(target.split(":")[2], name, os.read(fd, 200).split()[0].decode())
        os.close(fd)
END
}

# What the two texts of a policy module permit: NAME.te through the compilers for it, NAME.cil as it is.
rules_of() { # PATH
	checkmodule -M -m -o "$1.mod" "$1.te" >/dev/null
	semodule_package -o "$1.pp" -m "$1.mod"
	/usr/libexec/selinux/hll/pp "$1.pp" | grep '^(allow '
	diff <(/usr/libexec/selinux/hll/pp "$1.pp" | grep '^(allow ' | sort) <(grep '^(allow ' "$1.cil" | sort)
}

# Its messages would go to a file of bats, which is refused too.
inside() { hyfw exec "$@" 2>/dev/null; }

why() { hyfw --format json why "$1" | json "${@:2}"; }

@test "the management socket: explained, a module proposed, and that permits it and nothing else" {
	local before after
	listen "$DIR/manager"
	box nginx -v "$DIR:/run/manager:z"
	[ "$(inside nginx -- probe connect /run/manager/manager)" = "connect EACCES" ]
	run hyfw why nginx
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"selinux: probe (container_t) may not connect to the listening socket "*" of type unconfined_t"* ]]
	[[ $output == *"subject  $(label_of nginx)"* ]]
	[[ $output == *"object   unconfined_u:unconfined_r:unconfined_t:s0"* ]]
	[[ $output == *"asked    unix_stream_socket { connectto }"* ]]
	[[ $output == *"permit   a policy module, for every workload of type container_t: hyfw why --policy FILE nginx"* ]]
	[ "$(why nginx 0 permit 0 by)" = policy ]

	hyfw why --policy "$BATS_TEST_TMPDIR/hyfw_manager" nginx
	cat "$BATS_TEST_TMPDIR"/hyfw_manager.{te,cil}
	[ "$(grep -v '^;' "$BATS_TEST_TMPDIR/hyfw_manager.cil" | grep .)" = "(allow container_t unconfined_t (unix_stream_socket (connectto)))" ]
	[ "$(grep '^allow' "$BATS_TEST_TMPDIR/hyfw_manager.te")" = "allow container_t unconfined_t:unix_stream_socket { connectto };" ]
	rules_of "$BATS_TEST_TMPDIR/hyfw_manager"
	run hyfw why --policy "$BATS_TEST_TMPDIR/hyfw_manager" nginx
	[ "$status" -eq 125 ] # not over a file that is there
	[ "$(inside nginx -- probe connect /run/manager/manager)" = "connect EACCES" ] # nothing is loaded

	before=$(permissions)
	semodule -i "$BATS_TEST_TMPDIR/hyfw_manager.cil"
	after=$(permissions)
	[ "$(inside nginx -- probe connect /run/manager/manager)" = "connect ok" ]
	[ "$(inside nginx -- sh -c 'cat /proc/1/attr/current >/dev/null && kill -0 1 && echo own')" = own ]
	[ "$(why nginx 0 permit 0 by)" = nothing ]
	semodule -r hyfw_manager
	stop_listening
	run diff <(echo "$before") <(echo "$after")
	echo "$output"
	[ "$(grep -c '^[<>]' <<<"$output")" -eq 2 ]
	[[ $output == *"> unconfined_t unix_stream_socket "* ]]
}

# Here it is the .te that is loaded, as audit2allow(1) has taught administrators.
@test "a volume with the socket of the host's log: the module for it, compiled from .te" {
	local before after
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
with open(sys.argv[2], "wb", 0) as f:
    while True:
        f.write(s.recv(1000))' "$DIR/log" "$BATS_TEST_TMPDIR/got" >/dev/null 2>&1 3>&- 8>&- &
	LISTENER=$!
	wait_until 20 test -S "$DIR/log"
	chmod 666 "$DIR/log"
	box shop -v "$DIR/log:/dev/log:z"
	inside shop -- logger first >/dev/null || true
	run hyfw why shop
	echo "$output"
	[[ $output == *"selinux: logger (container_t) may not send to the socket "*" of type unconfined_t"* ]]
	hyfw why --policy "$BATS_TEST_TMPDIR/hyfw_log" shop
	cat "$BATS_TEST_TMPDIR"/hyfw_log.te
	[ "$(rules_of "$BATS_TEST_TMPDIR/hyfw_log")" = "(allow container_t unconfined_t (unix_dgram_socket (sendto)))" ]
	before=$(permissions)
	semodule -i "$BATS_TEST_TMPDIR/hyfw_log.pp"
	after=$(permissions)
	inside shop -- logger second >/dev/null
	wait_until 10 grep -q second "$BATS_TEST_TMPDIR/got"
	semodule -r hyfw_log
	absent -q first "$BATS_TEST_TMPDIR/got"
	stop_listening
	run diff <(echo "$before") <(echo "$after")
	echo "$output"
	[ "$(grep -c '^[<>]' <<<"$output")" -eq 2 ]
	[[ $output == *"> unconfined_t unix_dgram_socket "* ]]
}

@test "a directory handed in without a word: the volume's option, and it permits" {
	chcon -R -t var_lib_t "$DIR"
	box one -v "$DIR:/data"
	run inside one -- cat /data/secret
	[ "$status" -ne 0 ]
	hyfw why one
	[ "$(why one 0 permit 0 by)" = volume ]
	[[ $(why one 0 permit 0 how) == "volume = $DIR:/data:Z,"* ]]
	hyfw stop one
	[ "$(why one 0 permit 0 by)" = volume ] # of one that does not run, too
	hyfw rm one
	box two -v "$DIR:/data:ro"
	run inside two -- cat /data/secret
	[ "$status" -ne 0 ]
	[[ $(why two 0 permit 0 how) == "volume = $DIR:/data:ro,Z, or :ro,z"* ]] # no more than was asked for
	hyfw rm -f two
	[ "$(run_box -v "$DIR:/data:Z" -- cat /data/secret)" = secret ]
}

@test "another one's volume: the categories part them" {
	box b -v "$DIR:/data:Z"
	box a -v "$DIR:/data"
	run inside a -- cat /data/secret
	[ "$status" -ne 0 ]
	hyfw why a
	[[ $(why a 0 permit 0 how) == "volume = $DIR:/data:z in each workload"* ]]
	[[ $(why a 0 permit 1 how) == "selinux_level = s0:$(pair_of b): only the categories"* ]]
	run --separate-stderr hyfw why b # those of a are not its own
	[ -z "$output" ]
	[[ $stderr == *"nothing that was refused to b is known"* ]]
}

@test "a switch of the policy that would permit it, and it does" {
	chcon -R -t public_content_t "$DIR"
	box one -v "$DIR:/usr/share/x"
	run inside one -- cat /usr/share/x/secret
	[ "$status" -ne 0 ]
	hyfw why one
	hyfw --format json why one | grep -F 'setsebool -P container_read_public_content on'
	setsebool container_read_public_content on
	run inside one -- cat /usr/share/x/secret
	setsebool container_read_public_content off
	[ "$output" = secret ]
}

@test "the system's directories get no label, and it says so" {
	box one -v /etc:/host
	run inside one -- cat /host/shadow
	run inside one -- ls /host/selinux
	[ "$status" -ne 0 ]
	hyfw why one
	hyfw --format json why one | grep -F '/etc belongs to the system and is not relabelled'
}

@test "names that a workload chose do not reach the terminal or the policy" {
	local name
	name=$(printf 'x" scontext=\033[31m\nallow')
	echo 1 >"$DIR/$name"
	chcon -R -t var_lib_t "$DIR"
	box one -v "$DIR:/data"
	run inside one -- cat "/data/$name"
	[ "$status" -ne 0 ]
	run inside one -- cat "/data/secret"
	hyfw why --policy "$BATS_TEST_TMPDIR/hyfw_name" one >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/said"
	cat -v "$BATS_TEST_TMPDIR/out"
	run grep -q $'\033' "$BATS_TEST_TMPDIR/out"
	[ "$status" -eq 1 ]
	[ ! -e "$BATS_TEST_TMPDIR/hyfw_name.cil" ] # a volume's option is less
	grep -q 'nothing of it takes a policy module' "$BATS_TEST_TMPDIR/said"
	run hyfw why --policy "$BATS_TEST_TMPDIR/not-a-name" one
	[ "$status" -eq 125 ]
}

@test "--follow tells those to come" {
	chcon -R -t var_lib_t "$DIR"
	box one -v "$DIR:/data"
	setenforce 0 # the policy does not let an administrator listen
	"${HYFW_COMMAND[@]}" why -f one >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 8>&- &
	local pid=$!
	# SELinux and the filters of system calls have a socket each
	wait_until 20 awk '$2 == 9 && $4 == "00000001" { found++ } END { exit found < 2 }' /proc/net/netlink
	setenforce 1
	run inside one -- cat /data/secret
	wait_until 20 grep -q 'cat (container_t) may not' "$BATS_TEST_TMPDIR/out"
	kill "$pid"
	wait "$pid"
}
