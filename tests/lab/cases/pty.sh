# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034
# For cases that run torc on a terminal; source lib.sh first. script(1) makes the terminal; what it reads are the keys.

# on_terminal OPTION...: torc on a terminal of its own, below a shell that notes the settings before and after.
# Keys go to descriptor 9, what the terminal shows to `typescript`, torc's messages to `log`.
on_terminal() {
	mkfifo input
	exec 9<>input
	: >typescript
	: >log
	cat >session <<-'SESSION'
		tty >terminal
		stty -g >before
		sh -c 'echo $$ >pid; exec "$@" 2>log' sh "$@"
		echo $? >status
		stty -g >after
		exec sleep 600
	SESSION
	quoted=''
	for word; do quoted="$quoted '$word'"; done
	TERM=dumb setsid script -qefc "sh session '$PROGRAM' $quoted" typescript <input >/dev/null 2>&1 9>&- &
	session=$!
	trap 'kill "$session" 2>/dev/null || :; cleanup' EXIT
	limit=$(($(seconds) + 80))
	while [ ! -s pid ]; do
		[ "$(seconds)" -lt $limit ] || fail "no terminal"
		sleep 0.2
	done
	torc=$(cat pid) terminal=$(cat terminal)
}

# is_raw: the terminal hands every key on at once, without echo, and makes no signal of it.
is_raw() {
	stty -F "$terminal" -a | tr ' ' '\n' | tr -d ';' >settings
	for setting in -icanon -echo -isig -icrnl -ixon; do
		grep -qxe "$setting" settings || return 1
	done
}

# await_raw: until it is so.
await_raw() {
	limit=$(($(seconds) + 80))
	until is_raw; do
		[ "$(seconds)" -lt $limit ] || fail "not raw: $(stty -F "$terminal" -a)"
		sleep 0.2
	done
}

# ended: torc's exit status into $status.
ended() {
	limit=$(($(seconds) + 120))
	while [ ! -s after ]; do
		[ "$(seconds)" -lt $limit ] || fail "torc does not end"
		sleep 0.2
	done
	status=$(cat status)
	torc=''
}

# expect_restored: the terminal is as it was.
expect_restored() {
	cmp -s before after || fail "the terminal's settings: $(cat before) before, $(cat after) after"
}
