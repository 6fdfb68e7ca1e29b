# Machines that a libvirtd keeps, and those of a libvirtd on another host: the tests'
# own, which is reached over TCP and knows its files by its own names.
load helpers

setup_file() {
	common_setup_file
	make_guest
	command -v libvirtd >/dev/null || skip "no libvirtd"
	export DAEMON=$HYFW_TEST_STATE/far PORT=$((20000 + BASHPID % 10000))
	export HERE="qemu+unix:///system?socket=$DAEMON/sock/libvirt-sock" FAR="qemu+tcp://127.0.0.1:$PORT/system"
	printf '[plugin kvm]\nuri = %s\n' "$FAR" >"$BATS_FILE_TMPDIR/far.ini"
	printf '[plugin kvm]\nuri = %s\n' "$HERE" >"$BATS_FILE_TMPDIR/here.ini"
	start_daemon
	hyfw_at here recover # its directories
	machine_snapshot >"$SNAPSHOT"
}

teardown_file() {
	[ ! -f "$DAEMON/pid" ] || stop_daemon TERM
	rm -rf --one-file-system "$DAEMON"
	common_teardown_file
}

start_daemon() {
	rm -f "$DAEMON/sock/libvirt-sock"
	PRIVATE_LIBVIRTD_TCP=$PORT setsid "$HYFW_TOP/tests/cli/private-libvirtd" "$DAEMON" far \
		>>"$BATS_FILE_TMPDIR/libvirtd.log" 2>&1 3>&- &
	wait_until 20 virsh -q -c "$FAR" version
}

stop_daemon() { # SIGNAL
	local daemon
	daemon=$(cat "$DAEMON/pid")
	kill -s "$1" "$daemon"
	wait_until 10 bash -c "! kill -0 $daemon 2>/dev/null"
}

hyfw_at() { # far|here ARGUMENT...
	local where=$1
	shift
	"${HYFW_COMMAND[@]}" --config "$BATS_FILE_TMPDIR/$where.ini" "$@"
}

machine_at() { # far|here ARGUMENT...
	local where=$1
	shift
	hyfw_at "$where" "$@" --isolation kvm --network none -m 256M --set accel=tcg --set kernel="$GUEST/vmlinuz" \
		--set initrd="$GUEST/initrd" --set cmdline="$GUEST_CMDLINE"
}

defined() { # NAME
	virsh -q -c "$FAR" list --all --name | grep -q -x -F -- "$(owner_mark)-$1"
}

logged() { # TEXT
	hyfw_at far logs vm | grep -q -F -- "$1"
}

answers() { # NUMBER
	{ printf 'echo sum $((%d + 1))\n' "$(($1 - 1))"; sleep 1; } |
		timeout -s KILL 2 "${HYFW_COMMAND[@]}" --config "$BATS_FILE_TMPDIR/far.ini" attach vm >/dev/null 2>&1 || true
	logged "sum $1"
}

@test "a machine of a libvirtd on another host: console, limits, a connection that is lost, its definition" {
	mkdir -p "$DAEMON/disks"
	qemu-img create -q -f qcow2 "$DAEMON/disks/a.qcow2" 16M
	virsh -q -c "$FAR" pool-create-as pool dir --target "$DAEMON/disks"
	machine_at far run -d --name vm --cpus 1 --set persistent=yes --set autostart=yes --set libvirt_disk=pool/a.qcow2
	domain=$(owner_mark)-vm
	virsh -c "$FAR" dumpxml "$domain" | grep -q "<source pool='pool' volume='a.qcow2'"
	virsh -c "$FAR" dumpxml "$domain" | grep -q "<driver name='qemu' type='qcow2'"
	virsh -c "$FAR" dominfo "$domain" | grep -q -E '^Autostart: +enable'
	virsh -c "$FAR" schedinfo "$domain" | grep -q -E '^global_quota *: 100000'
	limit=$(virsh -c "$FAR" memtune "$domain" | awk '$1 == "hard_limit" { print $3 }')
	[ "$limit" -gt 262144 ]
	[ "$limit" -lt 1048576 ]

	HYFW_TIMEOUT=90 wait_until 90 logged "guest: ready"
	answers 42
	hyfw_at far pause vm
	[ "$(virsh -c "$FAR" domstate "$domain")" = paused ]
	hyfw_at far unpause vm
	run hyfw_at far save vm
	[[ $output == *"save: wants files of the host"* ]]

	# one that hangs holds its monitor up for a moment, once
	daemon=$(cat "$DAEMON/pid")
	kill -STOP "$daemon"
	SECONDS=0
	run -125 --separate-stderr hyfw_at far pause vm
	[[ $stderr == *"pause: libvirtd at $FAR does not answer, and may still do it when it does"* ]]
	run --separate-stderr hyfw_at far --format json stats vm
	[[ $stderr == *"libvirtd at $FAR does not answer"* ]]
	hyfw_at far logs vm | grep -q "sum 42"
	[ "$SECONDS" -lt 10 ]
	kill -CONT "$daemon"
	counted() { hyfw_at far --format json stats vm | grep -q '"name"'; }
	wait_until 10 counted
	hyfw_at far unpause vm
	[ "$(virsh -c "$FAR" domstate "$domain")" = running ]

	stop_daemon KILL
	hyfw_at far ps | grep -q '^vm '
	start_daemon
	wait_until 30 answers 43

	# this host starts anew, without what it had in memory: the machine there goes on
	qemu=$(pgrep -f "guest=$domain,")
	killed "$(hyfw_at far --format json inspect vm | json 0 monitor_pid)"
	rm -rf --one-file-system "$STATE/workloads/vm" "$STATE"/drivers/kvm/*
	hyfw_at far start vm
	[ "$(pgrep -f "guest=$domain,")" = "$qemu" ]
	wait_until 30 answers 44

	hyfw_at far stop -t 30 vm
	run hyfw_at far wait vm
	[ "$output" = 0 ]
	[ "$(virsh -c "$FAR" domstate "$domain")" = "shut off" ]
	hyfw_at far rm vm
	run defined vm
	[ "$status" -eq 1 ]
	virsh -q -c "$FAR" pool-destroy pool
}

@test "what another host cannot have is refused by name" {
	local case
	for case in "--set disk=$GUEST/initrd:format=raw|disk" "--pids-limit 9|pids" \
		"--set firmware=efi|firmware" "--set display=vnc|display" "--set libvirt_disk=a.img|libvirt_disk"; do
		# shellcheck disable=SC2086 # words
		run machine_at far run -d --name vm ${case%|*}
		[ "$status" -eq 125 ]
		[[ $output == *"isolation kvm: ${case#*|}"* ]]
	done
	run machine_at far run -d --name vm --set libvirt_disk=nowhere/a
	[ "$status" -eq 125 ]
	[[ $output == *"libvirt_disk nowhere/a"* ]]
	run machine_at here run -d --name vm --set libvirt_disk=pool/a
	[[ $output == *"libvirt_disk: is for a libvirtd on another host"* ]]
	run hyfw run -d --name vm --isolation kvm --network none --set kernel="$GUEST/vmlinuz" --set persistent=yes
	[ "$status" -eq 125 ]
	[[ $output == *"persistent = yes: there is no libvirtd"* ]]
	run machine_at here run --rm -d --name vm --set persistent=yes
	[[ $output == *"persistent = yes"*"--rm"* ]]
}

@test "a persistent machine stays defined until its workload is removed; orphans go, strangers stay" {
	machine_at here create --name vm --set persistent=yes
	hyfw_at here start vm
	defined vm
	killed "$(hyfw_at here --format json inspect vm | json 0 monitor_pid)"
	hyfw_at here recover
	stop_daemon TERM
	start_daemon
	defined vm
	[ "$(virsh -c "$FAR" domstate "$(owner_mark)-vm")" = "shut off" ]

	for name in "$(owner_mark)-lost" "$(owner_mark)-marked" "$(owner_mark)-alien" "$(owner_mark)-come" \
		hyfw-12345678-other; do
		virsh -c "$FAR" dumpxml --inactive "$(owner_mark)-vm" |
			sed -e "s|<name>.*</name>|<name>$name</name>|" -e '/<uuid>/d' >"$BATS_TEST_TMPDIR/domain.xml"
		[[ $name != *-marked ]] || sed -i '/<hyfw:machine/d' "$BATS_TEST_TMPDIR/domain.xml"
		# a name that we could give, and the mark of another instance
		[[ $name != *-alien ]] || sed -i '/<hyfw:machine/s/ owner=[^ ]*/ owner="hyfw-0"/' "$BATS_TEST_TMPDIR/domain.xml"
		# one that another host of the same name has sent
		[[ $name != *-come ]] || sed -i 's|\(<hyfw:machine .*\)/>|\1><hyfw:definition>{}</hyfw:definition></hyfw:machine>|' \
			"$BATS_TEST_TMPDIR/domain.xml"
		virsh -q -c "$FAR" define "$BATS_TEST_TMPDIR/domain.xml"
	done
	hyfw_at here recover
	run virsh -q -c "$FAR" list --all --name
	[[ $output == *"$(owner_mark)-vm"* ]]
	[[ $output != *-lost* ]]
	[[ $output == *-marked* ]]
	[[ $output == *-alien* ]]
	[[ $output == *-come* ]]
	[[ $output == *hyfw-12345678-other* ]]
	virsh -q -c "$FAR" undefine "$(owner_mark)-marked"
	virsh -q -c "$FAR" undefine "$(owner_mark)-alien"
	virsh -q -c "$FAR" undefine "$(owner_mark)-come"
	virsh -q -c "$FAR" undefine hyfw-12345678-other

	hyfw_at here rm vm
	run defined vm
	[ "$status" -eq 1 ]
}
