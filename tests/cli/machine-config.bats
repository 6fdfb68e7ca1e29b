#!/usr/bin/env bats
# What the command line says of machines without running one: plans, refusals,
# parity, doctor.
load helpers

# Drivers make their directory when they are first asked.
setup_file() {
	common_setup_file
	mkdir -p "$BATS_FILE_TMPDIR/kernel"
	: >"$BATS_FILE_TMPDIR/kernel/vmlinuz"
	printf '[workload vm]\nisolation = kvm\nnetwork = none\ndisk = some\nkernel = %s\n' \
		"$BATS_FILE_TMPDIR/kernel/vmlinuz" >"$BATS_FILE_TMPDIR/first.ini"
	hyfw plan "$BATS_FILE_TMPDIR/first.ini" >/dev/null || true
	hyfw doctor >/dev/null || true
	machine_snapshot >"$SNAPSHOT"
}

setup() {
	CONF=$BATS_TEST_TMPDIR
	KERNEL=$BATS_FILE_TMPDIR/kernel/vmlinuz
}

ini() { # NAME TEXT
	printf '%s\n' "$2" >"$CONF/$1"
}

@test "a machine needs neither image nor command" {
	ini vm.ini $'[workload vm]\nisolation = kvm\nnetwork = none\nkernel = '"$KERNEL"
	run hyfw plan "$CONF/vm.ini"
	[ "$status" -eq 0 ]
	[[ $output == *"kvm: "* ]]
	[[ $output != *"overlay: "* && $output != *"seccomp: "* ]]
}

@test "what a machine cannot honour is refused by name, with the line" {
	ini vm.ini $'[workload vm]\nisolation = kvm\nnetwork = none\nkernel = '"$KERNEL"$'\nvolume = data:/data'
	run --separate-stderr hyfw plan "$CONF/vm.ini"
	[ "$status" -eq 125 ]
	[[ $stderr == *"vm.ini:5: [workload vm] volume = data:/data: isolation driver kvm mounts no directories"* ]]
	ini box.ini $'[workload box]\nimage = box\ncommand = true\ndisk = data'
	run --separate-stderr hyfw check "$CONF/box.ini"
	[ "$status" -eq 125 ]
	[[ $stderr == *"box.ini:4: [workload box] disk = data: isolation driver namespaces takes no disks"* ]]
}

@test "a security module that a machine cannot use is refused when it is asked for" {
	ini vm.ini $'[workload vm]\nisolation = kvm\nnetwork = none\nkernel = '"$KERNEL"$'\nsecurity = cgroups seccomp'
	run --separate-stderr hyfw check "$CONF/vm.ini"
	[ "$status" -eq 125 ]
	[[ $stderr == *"vm.ini:5: [workload vm] security = seccomp: isolation driver kvm does not put into effect"* ]]
}

@test "two machines cannot write to one disk" {
	truncate -s 1M "$CONF/disk.img"
	ln "$CONF/disk.img" "$CONF/again.img"
	ini two.ini "[workload a]
isolation = kvm
network = none
disk = $CONF/disk.img:format=raw
[workload b]
isolation = kvm
network = none
disk = $CONF/again.img:format=raw"
	run --separate-stderr hyfw check "$CONF/two.ini"
	[ "$status" -eq 125 ]
	[[ $stderr == *"two.ini:8: [workload b] disk = "*"workload a has the same disk"* ]]
}

@test "plan --isolation names every key that cannot be honoured" {
	ini box.ini $'[workload box]\nrootfs = /srv\ncommand = sleep 10\nnetwork = none\ntmpfs = /tmp\nmemory = 64M'
	run --separate-stderr hyfw plan --isolation kvm "$CONF/box.ini"
	[ "$status" -eq 125 ]
	[[ $stderr == *"box.ini:2: [workload box] rootfs = /srv: isolation driver kvm takes no directory"* ]]
	[[ $stderr == *"box.ini:3: [workload box] command = "* ]]
	[[ $stderr == *"box.ini:5: [workload box] tmpfs = "* ]]
	[[ $stderr == *"[workload box]: 3 of its keys cannot be honoured"* ]]
}

@test "plan --isolation shows what would differ" {
	ini vm.ini $'[workload vm]\nisolation = kvm\nnetwork = none\nmemory = 64M\nkernel = '"$KERNEL"
	run --separate-stderr hyfw plan --isolation namespaces "$CONF/vm.ini"
	[ "$status" -eq 125 ] # kernel, and nothing to start from
	ini box.ini $'[workload box]\nimage = box\ncommand = true\nnetwork = none'
	run hyfw --format json plan --isolation namespaces "$CONF/box.ini"
	[ "$status" -eq 0 ]
	[ "$(jq_ '.["differences"]' <<<"$output")" = "[]" ]
}

# A member of JSON on standard input, as Python writes it.
jq_() {
	python3 -c 'import json, sys; d = json.load(sys.stdin); print(json.dumps(eval("d" + sys.argv[1][1:])))' "$1"
}

@test "driver parity tells what each isolation driver makes of a key" {
	run hyfw driver parity
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "KEY "*"kvm "*"namespaces "* ]]
	run hyfw --format json driver parity
	parity=$output
	of() { python3 -c 'import json, sys; print(json.dumps([k["isolation"] for k in json.load(sys.stdin) if k["key"] == sys.argv[1]][0]))' "$1" <<<"$parity"; }
	[ "$(of volume)" = '{"kvm": "refused", "namespaces": "honoured"}' ]
	[ "$(of disk)" = '{"kvm": "honoured", "namespaces": "refused"}' ]
	[ "$(of kernel)" = '{"kvm": "own", "namespaces": "refused"}' ]
	[ "$(of cpus)" = '{"kvm": "honoured", "namespaces": "honoured"}' ]
	[ "$(of cap_add)" = '{"kvm": "refused", "namespaces": "honoured"}' ]
	run hyfw driver list
	[[ $output == *namespaces* ]]
}

@test "what parity calls refused is refused, and the rest is not" {
	local key value isolation verdict
	qemu-img create -q -f qcow2 "$CONF/d.img" 1M
	while read -r key isolation verdict value; do
		ini key.ini "[workload w]
isolation = $isolation
network = none
$([ "$isolation" = kvm ] && echo "kernel = $KERNEL" || printf 'rootfs = /srv\ncommand = true')
$key = $value"
		run --separate-stderr hyfw plan "$CONF/key.ini"
		case $verdict in
		refused) [[ $status -eq 125 && $stderr == *"[workload w] $key = "* ]] ;;
		*) [ "$status" -eq 0 ] ;;
		esac
	done < <(python3 -c '
import json, sys
values = {"volume": "/srv:/data", "tmpfs": "/tmp", "cap_add": "net_admin", "seccomp": "unconfined", "workdir": "/", "env": "A=b",
	"entrypoint": "true", "cpus": "0.5", "pids": "10", "memory": "512M", "label": "a=b", "stop_timeout": "3s", "disk": sys.argv[1] + ":format=raw"}
for key in json.load(sys.stdin):
	for isolation in ("kvm", "namespaces"):
		if key["key"] in values:
			print(key["key"], isolation, key["isolation"][isolation], values[key["key"]])' "$CONF/d.img" < <(hyfw --format json driver parity))
}

@test "doctor tells what is here and what is not" {
	run hyfw doctor
	[ "$status" -eq 0 ]
	[[ $output == *"driver namespaces"*"works here"* ]]
	[[ $output == *"cgroups"*"version "* ]]
	run hyfw doctor -q
	[[ $output != *" ok "* ]]
	run hyfw --format json doctor
	[ "$(jq_ '.["ok"]' <<<"$output")" = true ]
	run hyfw doctor more
	[ "$status" -eq 125 ]
}

@test "doctor calls a data directory that others may write to bad" {
	mkdir -m 0777 "$CONF/open"
	run "$HYFW" --root "$CONF/data" --state "$CONF/open/state" doctor
	mkdir -p "$CONF/data"
	chmod 0777 "$CONF/data"
	run "$HYFW" --root "$CONF/data" --state "$STATE" doctor
	[ "$status" -ne 0 ]
}

@test "update gives disks to a machine that does not run, and takes them away" {
	disks() { hyfw inspect vm | python3 -c 'import json, sys; d = json.load(sys.stdin); print(*[x["source"] for x in (d[0] if isinstance(d, list) else d)["disks"]])'; }
	truncate -s 1M "$CONF/a.img" "$CONF/b.img"
	hyfw create --name vm --isolation kvm --network none --set kernel="$KERNEL" --disk "$CONF/a.img:format=raw"
	[ "$(disks)" = "$CONF/a.img" ]
	hyfw update --add-disk "$CONF/b.img:format=raw,ro" vm
	[ "$(disks)" = "$CONF/a.img $CONF/b.img" ]
	run --separate-stderr hyfw update --add-disk "$CONF/b.img" vm
	[ "$status" -eq 125 ]
	[[ $stderr == *"workload vm: it has the disk $CONF/b.img already"* ]]
	run --separate-stderr hyfw update --add-disk "$CONF/c.img:bsu=scsi" vm
	[ "$status" -eq 125 ]
	[[ $stderr == *"did you mean 'bus='?"* ]]
	hyfw update --remove-disk 0 vm
	[ "$(disks)" = "$CONF/b.img" ]
	run --separate-stderr hyfw update --remove-disk 7 vm
	[[ $stderr == *"it has no disk 7"* ]]
	run --separate-stderr hyfw update --add-network nowhere vm
	[[ $stderr == *"there is no [network nowhere]"* ]]
	hyfw rm vm
}

@test "update refuses what a container cannot have" {
	hyfw create --name box --network none box true
	run --separate-stderr hyfw update --add-disk data box
	[ "$status" -eq 125 ]
	[[ $stderr == *"isolation driver namespaces takes no disks"* ]]
	run --separate-stderr hyfw update box
	[ "$status" -eq 125 ]
	hyfw rm box
}
