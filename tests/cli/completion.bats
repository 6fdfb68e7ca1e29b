# Bash completion, asked as bash asks it.
load helpers

# complete WORD...: what is offered for the last word
complete_words() {
	# shellcheck disable=SC2016 # the inner shell's variables
	PATH=$HYFW_PREFIX/bin:$PATH DATA=$DATA STATE=$STATE HYFW=$HYFW bash --norc -c '
		hyfw() { "$HYFW" --root "$DATA" --state "$STATE" "$@"; }
		eval "$(hyfw completion bash)"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_hyfw
		printf "%s\n" "${COMPREPLY[@]}"' -- "$@"
}

offers() { # WANTED WORD...
	local wanted=$1 got
	shift
	got=$(complete_words "$@")
	echo "$*: $got"
	grep -qxF -- "$wanted" <<<"$got"
}

@test "commands" {
	offers run hyfw r
	offers recover hyfw r
	[ -z "$(complete_words hyfw zzz)" ]
}

@test "flags of hyfw and of a command" {
	offers --plugin-path hyfw --p
	offers --read-only hyfw run --re
	offers --cpuset-cpus hyfw run --cpu
}

@test "verbs of nouns" {
	offers import hyfw image i
	offers inspect hyfw plugin i
}

@test "live names of workloads and images, also behind global flags" {
	hyfw run -d --name alive --network none --rootfs "$ROOTFS" -- sleep 60
	hyfw create --name asleep --network none --rootfs "$ROOTFS" -- true
	offers alive hyfw stop a
	[ "$(complete_words hyfw stop a)" = alive ]
	offers asleep hyfw rm a
	offers box hyfw run b
	offers box hyfw image rm b
	offers alive hyfw --root "$DATA" stop a
}

@test "INI files of stacks" {
	cd "$BATS_TEST_TMPDIR"
	touch one.ini two.txt
	offers one.ini hyfw up o
	[ -z "$(complete_words hyfw up tw)" ]
}

@test "the installed script is the one that hyfw prints" {
	diff <(hyfw completion bash) "$HYFW_PREFIX/share/bash-completion/completions/hyfw"
}

@test "another shell is refused" {
	run --separate-stderr hyfw completion tcsh
	[ "$status" -eq 125 ]
	[[ $stderr == *bash* ]]
}
