#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every option and key of Cloud Hypervisor's is known to torc, or is refused by its name with what it would need.
# Usage: foreign.sh TORC LIST; prints TAP.
set -u

torc=$1 list=$2 n=0 failed=0 refused=0

# asked NAME OPTION [VALUE]: torc knows NAME, which is "option --x" or "key x", or says what it needs.
asked() {
	name=$1
	shift
	said=$("$torc" --kernel /nosuch --dry-run "$@" 2>&1)
	n=$((n + 1)) ok=ok
	case $said in
	*"$name: not supported yet: it needs "*) refused=$((refused + 1)) ;;
	*"$name: unknown"* | *"$name"*"not supported"* | *"value tty,"*) ok='not ok' failed=1 ;;
	esac
	echo "$ok $n $name of $*"
	[ "$ok" = ok ] || printf '%s\n' "$said" | sed 's/^/# /'
}

# in_full OPTION KEY: a value of OPTION's that has KEY.
in_full() {
	case $1-$2 in
	serial-file | serial-socket | console-file) echo "$2=/nosuch" ;;
	serial-* | console-*) echo "tty,$2=x" ;;
	*) echo "$2=x" ;;
	esac
}

while read -r option keys; do
	case $option in
	'#'*) continue ;;
	help | version) asked "option --$option" "--$option" ;;
	*) asked "option --$option" "--$option" /dev/null ;;
	esac
	case $said in
	*"option --$option: not supported yet"*) continue ;;
	esac
	for key in $keys; do
		asked "key $key" "--$option" "$(in_full "$option" "$key")"
	done
done <"$list"

echo "# $refused of $n refused"
echo "1..$n"
[ $n -gt 150 ] && [ $refused -gt 0 ] && [ $failed -eq 0 ]
