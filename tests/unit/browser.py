# SPDX-License-Identifier: Apache-2.0
"""Chromium without a screen, spoken to in its DevTools protocol through a pair of pipes; and the PNGs that it makes."""
import base64
import json
import os
import shutil
import struct
import subprocess
import tempfile
import zlib

PROGRAM = 'chromium-headless-shell'


class Browser:
    """One browser with one page in it. What the page complains about is in `complaints`."""

    def __init__(self):
        self.folder = tempfile.mkdtemp()
        to_read, self.to = os.pipe()
        self.of, of_write = os.pipe()

        def place():
            # The browser reads from 3 and writes to 4; away from these first, whatever they are.
            first, second = os.dup2(to_read, 100), os.dup2(of_write, 101)
            os.dup2(first, 3)
            os.dup2(second, 4)

        # The sandbox wants namespaces of its own, which a container may not have; all pages here are our own.
        self.process = subprocess.Popen(  # pylint: disable=subprocess-popen-preexec-fn
            [PROGRAM, '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars',
             '--remote-debugging-pipe', f'--user-data-dir={self.folder}', 'about:blank'],
            preexec_fn=place, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(of_write)
        self.buffer, self.number, self.complaints, self.happened = b'', 0, [], []
        self.session = None
        page = next(each for each in self.call('Target.getTargets')['targetInfos'] if each['type'] == 'page')
        self.session = self.call('Target.attachToTarget', targetId=page['targetId'], flatten=True)['sessionId']
        for domain in 'Page', 'Runtime', 'Log', 'Network':
            self.call(f'{domain}.enable')

    def close(self):
        self.process.terminate()
        self.process.wait()
        os.close(self.to)
        os.close(self.of)
        shutil.rmtree(self.folder, ignore_errors=True)

    def receive(self):
        """The next message; events are noted on the way."""
        while b'\0' not in self.buffer:
            part = os.read(self.of, 1 << 20)
            if not part:
                raise RuntimeError(f'{PROGRAM} has ended')
            self.buffer += part
        text, self.buffer = self.buffer.split(b'\0', 1)
        message = json.loads(text)
        event, parameters = message.get('method'), message.get('params', {})
        self.happened.append(event)
        if event == 'Runtime.exceptionThrown':
            self.complaints.append(parameters['exceptionDetails']['text'])
        elif event == 'Runtime.consoleAPICalled' and parameters['type'] in ('error', 'warning', 'assert'):
            self.complaints.append(str(parameters['args']))
        elif event == 'Log.entryAdded' and parameters['entry']['level'] in ('error', 'warning'):
            self.complaints.append(parameters['entry']['text'])
        elif event == 'Network.requestWillBeSent' and parameters['type'] != 'Document':
            if not parameters['request']['url'].startswith('data:'):
                self.complaints.append('asks for ' + parameters['request']['url'])
        return message

    def call(self, method, **parameters):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': parameters}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.to, json.dumps(message).encode() + b'\0')
        answer = self.receive()
        while answer.get('id') != self.number:
            answer = self.receive()
        if 'error' in answer:
            raise RuntimeError(f'{method}: {answer["error"]["message"]}')
        return answer['result']

    def open(self, path, width=1200, height=900, scheme='light'):
        """Load a file and wait until that is done."""
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])
        self.complaints, self.happened = [], []
        self.call('Page.navigate', url=f'file://{path}')
        while 'Page.loadEventFired' not in self.happened:
            self.receive()

    def evaluate(self, expression):
        """What an expression gives in the page."""
        answer = self.call('Runtime.evaluate', expression=expression, returnByValue=True)
        if 'exceptionDetails' in answer:
            raise RuntimeError(answer['exceptionDetails']['exception']['description'])
        return answer['result'].get('value')

    def boxes(self, selector):
        """[(x, y, width, height)] of what a CSS selector finds."""
        return [tuple(box) for box in self.evaluate(
            f'[...document.querySelectorAll({json.dumps(selector)})].map(e => e.getBoundingClientRect())'
            '.map(b => [b.x + scrollX, b.y + scrollY, b.width, b.height])')]

    def picture(self, box, scale):
        """What is drawn there, as a PNG."""
        clip = dict(zip(('x', 'y', 'width', 'height'), box), scale=scale)
        return base64.b64decode(self.call('Page.captureScreenshot', clip=clip, captureBeyondViewport=True)['data'])


def pixels(png):
    """Rows of (red, green, blue) of an 8-bit RGB or RGBA PNG; the PNG specification, 9.2, has its filters."""
    at, data, width, step = 8, b'', 0, 0
    while at < len(png):
        size, kind = struct.unpack_from('>I4s', png, at)
        body = png[at + 8:at + 8 + size]
        at += size + 12
        if kind == b'IHDR':
            width, _, depth, colour, _, _, interlace = struct.unpack('>IIBBBBB', body)
            assert depth == 8 and colour in (2, 6) and not interlace
            step = 3 if colour == 2 else 4
        elif kind == b'IDAT':
            data += body
    data = zlib.decompress(data)
    length, rows, above = width * step, [], bytearray(width * step)
    for start in range(0, len(data), length + 1):
        row = bytearray(data[start + 1:start + 1 + length])
        unfilter(data[start], row, above, step)
        rows.append(list(zip(row[::step], row[1::step], row[2::step])))
        above = row
    return rows


def paeth(left, above, corner):
    guess = left + above - corner
    to_left, to_above, to_corner = abs(guess - left), abs(guess - above), abs(guess - corner)
    if to_left <= to_above and to_left <= to_corner:
        return left
    return above if to_above <= to_corner else corner


def unfilter(kind, row, above, step):
    if kind == 2:
        row[:] = [(one + other) & 255 for one, other in zip(row, above)]
        return
    for i in range(len(row)) if kind else ():
        left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
        if kind == 4:
            # As a rule it is all the same.
            best = left if left == above[i] == corner else paeth(left, above[i], corner)
        else:
            best = left if kind == 1 else (left + above[i]) // 2
        row[i] = (row[i] + best) & 255
