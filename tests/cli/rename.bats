# Another name for workloads that do not run, containers and machines.
load helpers

in_layer() { hyfw start -a "$1"; }

@test "a container: its layer, its ids, its log and its exit status go along" {
	hyfw create --name web --network none box -- sh -c 'cat /kept 2>/dev/null; echo forty-two >/kept; exit 3'
	run -3 in_layer web
	run -0 hyfw rename web shop
	[ "$output" = shop ]
	is_status shop exited
	run -125 --separate-stderr hyfw start web
	[[ $stderr == *"there is no workload web"* ]]
	run -3 in_layer shop
	[[ $output == *forty-two* ]]
	hyfw logs shop | grep -q forty-two
	[ ! -e "$DATA/workloads/web" ]
	grep -qx shop "$DATA"/ids/*
	[ ! -e "$DATA/renames" ]
	hyfw recover
	run -3 in_layer shop
	hyfw rm shop
	[ -z "$(ls "$DATA/ids" 2>/dev/null)" ]
	[ -z "$(ls "$DATA"/drivers/overlay/layers 2>/dev/null)" ]
}

@test "one from a directory; what is in the way is named, and nothing changed" {
	hyfw create --name web --network none --rootfs "$ROOTFS" -- sleep 100
	hyfw create --name taken --network none --rootfs "$ROOTFS" -- true
	run -125 --separate-stderr hyfw rename web taken
	[[ $stderr == *"workload web: the name taken is taken; \`hyfw rm taken\` frees it, or choose another" ]]
	run -125 --separate-stderr hyfw rename nobody other
	[[ $stderr == *"there is no workload nobody"* ]]
	run -125 --separate-stderr hyfw rename web 'a b'
	[[ $stderr == *"the name a b: not a name"* ]]
	hyfw start web
	run -125 --separate-stderr hyfw rename web other
	[[ $stderr == *"it is running; \`hyfw stop web\` first" ]]
	hyfw kill web
	wait_until 10 is_status web exited
	hyfw rename web other
	hyfw start other
	is_status other running
}

@test "one of a stack keeps its name" {
	printf '[workload front]\nrootfs = %s\nnetwork = none\ncommand = sleep 100\n' "$ROOTFS" >"$BATS_TEST_TMPDIR/shop.ini"
	hyfw up "$BATS_TEST_TMPDIR/shop.ini"
	hyfw stop -t 1 front || true
	run -125 --separate-stderr hyfw rename front back
	[[ $stderr == *"it belongs to the stack shop, whose file names it" ]]
	hyfw down "$BATS_TEST_TMPDIR/shop.ini"
}

@test "a machine: root disk, what is kept of it and its uuid go along; saved memory is in the way" {
	command -v qemu-img >/dev/null || skip "qemu-img is not installed (qemu-utils)"
	qemu-img create -q -f qcow2 "$BATS_TEST_TMPDIR/disk.qcow2" 16M
	hyfw image import disk "$BATS_TEST_TMPDIR/disk.qcow2"
	hyfw create --name vm --isolation kvm --network none disk
	mkdir -p "$DATA/drivers/kvm/machines" "$DATA/drivers/kvm/nvram"
	echo '{"disks":[{"name":"root","path":"'"$(echo "$DATA"/drivers/qcow2/roots/vm+*)"'","format":"qcow2"}]}' \
		>"$DATA/drivers/kvm/machines/vm.json"
	echo variables >"$DATA/drivers/kvm/nvram/vm.fd"
	echo memory >"$DATA/drivers/kvm/machines/vm.saved"
	run -125 --separate-stderr hyfw rename vm other
	[[ $stderr == *"its memory is saved under its name; start it and stop it first" ]]
	rm "$DATA/drivers/kvm/machines/vm.saved"
	run -0 hyfw rename vm other
	[ -e "$(echo "$DATA"/drivers/qcow2/roots/other+*)" ]
	[ -z "$(compgen -G "$DATA/drivers/qcow2/roots/vm+*" || true)" ]
	grep -q 'roots\\*/other+' "$DATA/drivers/kvm/machines/other.json"
	grep -qx variables "$DATA/drivers/kvm/nvram/other.fd"
	grep -q '\["uuid","[0-9a-f-]*"\]' "$DATA/workloads/other/definition.json"
	hyfw recover
	[ -e "$(echo "$DATA"/drivers/qcow2/roots/other+*)" ]
	hyfw rm other
	[ -z "$(ls "$DATA"/drivers/qcow2/roots/)" ]
	hyfw image rm disk
}

@test "killed anywhere it has one of the two names, and works" {
	local point name killed=0
	hyfw create --name web --network none box -- true
	for point in $(seq 1 60); do
		mkdir -p "$BATS_TEST_TMPDIR/crash"
		rm -f "$BATS_TEST_TMPDIR/crash/count"
		echo "$point" >"$BATS_TEST_TMPDIR/crash/at"
		if HYFW_CRASH_AT="$BATS_TEST_TMPDIR/crash" hyfw rename web shop >/dev/null 2>&1; then break; fi
		killed=$((killed + 1))
		name=$(hyfw ps -a -q)
		[ "$name" = web ] || [ "$name" = shop ]
		hyfw start -a "$name"
		[ "$name" = web ] || hyfw rename shop web
	done
	[ "$killed" -gt 10 ]
	[ "$point" -lt 60 ]
	is_status shop exited
}
