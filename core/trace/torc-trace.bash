# SPDX-License-Identifier: Apache-2.0
# Bash completion for torc-trace: commands, their options, running torcs, files.
# Needs nothing but bash; source it, or install it as bash-completion's completions/torc-trace.
# shellcheck shell=bash

_torc_trace()
{
	local line=${COMP_LINE:0:COMP_POINT} word before command='' words='' last=''

	word=${line##*[[:blank:]]}
	read -ra before <<<"${line%"$word"}"
	[[ ${#before[@]} -lt 2 ]] || command=${before[1]} last=${before[-1]}
	COMPREPLY=()
	case $last in
	--interval | --count | --seconds) return 0 ;;
	-o)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return 0
		;;
	esac
	case $command in
	'') words="live record report --help --version" ;;
	live) words="--interval --count $(pgrep -x torc 2>/dev/null)" ;;
	record) words="--seconds -o $(pgrep -x torc 2>/dev/null)" ;;
	report)
		words="--json --csv --hgrm --perfetto"
		[[ $word == -* ]] || words+=" $(compgen -f -- "$word")"
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
	return 0
}

complete -F _torc_trace torc-trace
