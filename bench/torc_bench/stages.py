# SPDX-License-Identifier: Apache-2.0
"""Where the time of a device's interrupts goes, as torc-trace tells it of a torc that is under load."""
import json
import os
import subprocess

from torc_bench import workloads
from torc_bench.error import understood


def follow(session, pid):
    """The stages of torc's interrupts for TRACED_S, {"error": ...} where it fails. There is a torc-trace."""
    program, path = session.host.program('torc-trace'), f'{session.out}/trace'
    record = subprocess.run([program, 'record', '--seconds', str(workloads.TRACED_S), '-o', path, str(pid)],
                            capture_output=True, text=True, check=False)
    report = subprocess.run([program, 'report', '--json', path], capture_output=True, text=True, check=False)
    if os.path.exists(path):
        os.unlink(path)
    if record.returncode or report.returncode:
        return {'error': (record.stderr + report.stderr).strip()}
    return understood('torc-trace report', lambda text: of_report(json.loads(text)), report.stdout)


def of_report(report):
    """Of all vectors that had interrupts: how many, and means by stage; a stage that few had counts as often."""
    vectors = [vector for vector in report['vectors'] if vector['interrupts']]
    found = {'interrupts': sum(vector['interrupts'] for vector in vectors),
             'host_interrupts': sum(vector['host_interrupts'] for vector in vectors), 'stages': {}, 'total': None}
    for vector in vectors:
        for name, stage in [*vector['stages'].items(), ('total', vector.get('total', {}))]:
            if stage.get('count'):
                found['stages'].setdefault(name, []).append(stage)
    found['stages'] = {name: merge(parts) for name, parts in found['stages'].items()}
    found['total'] = found['stages'].pop('total', None)
    return found


def merge(parts):
    count = sum(part['count'] for part in parts)
    most = max(parts, key=lambda part: part['count'])
    return {'count': count, 'mean': sum(part['mean'] * part['count'] for part in parts) / count, 'p50': most['p50']}
