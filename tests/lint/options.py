#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The options in --help, in the manual page and in the bash completion are the same set, of torc and of its tools.

usage: options.py PATH-TO-TORC
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = {"torc-vfio": ROOT / "vfio" / "tool" / "torc-vfio.1", "torc-trace": ROOT / "core" / "trace" / "torc-trace.1"}
BENCH = ROOT / "bench" / "torc-bench"
# Keys of key=value options; compared as well, so that none is forgotten when one is added.
KEYED = ("--cpus", "--memory", "--memory-zone", "--numa", "--disk", "--net", "--device", "--platform", "--metrics")


def from_help(torc):
    """Options and keys from the lines that start with two blanks and a dash."""
    text = subprocess.run([torc, "--help"], check=True, capture_output=True, text=True).stdout
    options, keys = set(), {}
    # Keys go on in the next line.
    text = re.sub(r"\n +\[,", "[,", text)
    for line in re.findall(r"^  (-.*)$", text, re.MULTILINE):
        names = re.match(r"(-[-\w]+(?:, -[-\w]+)*)", line).group(1).split(", ")
        options.update(names)
        if names[0] in KEYED:
            keys[names[0]] = set(re.findall(r"\b([a-z0-9_]+)=", line))
    return options, keys


def from_man(torc):
    """Options and keys from the .It Fl lines, and from the .It Cm lines below one."""
    options, keys = set(), {}
    text = subprocess.run([torc, "--schema", "man"], check=True, capture_output=True, text=True).stdout.replace("\\-", "-")
    names = [""]
    for line in text.splitlines():
        if line.startswith(".It Cm ") and names[0] in KEYED:
            keys[names[0]].update(re.findall(r"Cm (\w+) Ns =", line)[:1])
        if not line.startswith(".It Fl "):
            continue
        flags = re.match(r"\.It Fl ([-\w]+(?: , [-\w]+)*)", line).group(1)
        names = ["-" + flag for flag in flags.split(" , ")]
        options.update(names)
        if names[0] in KEYED:
            keys.setdefault(names[0], set()).update(re.findall(r"Cm (\w+) Ns =", line))
    return options, keys


def complete(torc, line):
    """What the completion offers at the end of a line."""
    script = (
        f"source <('{torc}' --schema bash); COMP_WORDBREAKS=' =:'; COMP_LINE=$1; COMP_POINT=${{#1}}; "
        '_torc; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    command = ["bash", "-c", script, "bash", line]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def from_completion(torc):
    keys = {option: {key.rstrip("=") for key in complete(torc, f"torc {option} ")} for option in KEYED}
    return complete(torc, "torc -"), keys


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    help_options, help_keys = from_help(sys.argv[1])
    failed = False
    if len(help_options) < 3:
        print("torc --help: hardly any options found; has its layout changed?")
        failed = True
    for name, (options, keys) in (("torc --schema man", from_man(sys.argv[1])), ("torc --schema bash", from_completion(sys.argv[1]))):
        pairs = [("options", help_options, options)]
        pairs += [(f"keys of {o}", help_keys.get(o, set()), keys.get(o, set())) for o in KEYED]
        for what, want, have in pairs:
            if want != have:
                missing = " ".join(sorted(want - have)) or "none"
                extra = " ".join(sorted(have - want)) or "none"
                print(f"{name}: {what}: not as in torc --help: missing {missing}; extra {extra}")
                failed = True
    for tool, page in TOOLS.items():
        failed |= not same_long_options(pathlib.Path(sys.argv[1]).resolve().parent / tool, page)
    failed |= not same_long_options(BENCH, BENCH.with_suffix(".1"))
    return 1 if failed else 0


def same_long_options(tool, page):
    """Of the tools: --help, the manual page and the completion name the same long options."""
    text = subprocess.run([tool, "--help"], check=True, capture_output=True, text=True).stdout
    want = set(re.findall(r"^  (?:-\w, )?--([a-z]+)", text, re.MULTILINE)) - {"help", "version"}
    manual = set(re.findall(r"Fl -([a-z]+)", page.read_text())) - {"help", "version"}
    completion = set(re.findall(r"--([a-z]+)", page.with_suffix(".bash").read_text())) - {"help", "version"}
    if want and want == manual == completion:
        return True
    print(f"{tool}: --help has {sorted(want)}, the manual page {sorted(manual)}, completion {sorted(completion)}")
    return False


if __name__ == "__main__":
    sys.exit(main())
