#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every check of lint.py accepts a small good tree, and finds the one thing that is wrong in a bad one."""
import os
import shutil
import tempfile
import unittest

import lint

SPDX = '/* SPDX-License-Identifier: Apache-2.0 */\n'
DOC = '/**\n * f - do it\n */\n'


def body(lines):
    return 'int f(void)\n{\n' + '\tg();\n' * (lines - 3) + '}\n'


class LintTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../.clang-format'), self.root)

    def check(self, name, files):
        for path, text in files.items():
            os.makedirs(os.path.join(self.root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(self.root, path), 'w', encoding='utf-8') as file:
                file.write(text)
        return list(lint.CHECKS[name](lint.Tree(self.root)))

    def good(self, name, files):
        self.assertEqual(self.check(name, files), [])

    def bad(self, name, files, count=1):
        self.assertEqual(len(self.check(name, files)), count)

    def test_includes_go_down(self):
        self.good('includes', {
            'core/vmm/a.c': '#include "vfio/pci/a.h"\n#include "core/base/a.h"\n#include <stdio.h>\n',
            'io/serial/a.c': '#include "io/ring/a.h"\n#include "numa/a.h"\n#include "io/serial/a.h"\n',
            'core/acpi/a.c': '#include "core/base/a.h"\n',
            'tests/unit/a.c': '#include "core/vmm/a.h"\n#include "tests/fake/a.h"\n',
        })

    def test_includes_up_or_sideways(self):
        for path, text in {
                'core/base/a.c': '#include "numa/a.h"\n',
                'core/acpi/a.c': '#include "core/kvm/a.h"\n',
                'vfio/pci/a.c': '#include "io/virtio/a.h"\n',
                'core/pci/a.c': '#include "io/ring/a.h"\n',
                'core/vmm/a.c': '#include "tests/fake/a.h"\n',
                'core/kvm/a.c': '#include "a.h"\n',
                'other/a.c': '\n'}.items():
            with self.subTest(path):
                self.bad('includes', {path: text})
                os.unlink(os.path.join(self.root, path))

    def test_order_of_includes(self):
        good = ('#include "numa/a.h"\n\n#include <errno.h>\n#include <sys/stat.h>\n\n#include <cmocka.h>\n\n'
                '#include <linux/kvm.h>\n\n#include "core/base/a.h"\n#include "numa/b.h"\n')
        self.good('include-order', {'numa/a.c': good})
        # Of several files with one header.
        self.good('include-order', {'numa/c.c': good, 'numa/d.h': '\n'})
        for before, after in {'<errno.h>\n#include <sys/stat.h>': '<sys/stat.h>\n#include <errno.h>',
                              '<cmocka.h>\n\n': '<cmocka.h>\n', '"core/base/a.h"\n': '"core/base/a.h"\n\n',
                              '#include "numa/a.h"\n\n#include <errno.h>': '#include <errno.h>\n\n#include "numa/a.h"'}.items():
            with self.subTest(after):
                self.bad('include-order', {'numa/a.c': good.replace(before, after)})

    def test_size_of_files(self):
        self.good('size', {'numa/a.c': '\n' * 900})
        self.bad('size', {'numa/a.c': '\n' * 901})

    def test_size_of_functions(self):
        short = '\n'.join([body(44)] * 9)
        self.good('size', {'numa/a.c': short + '\n' + body(80)})
        self.bad('size', {'numa/a.c': short + '\n' + body(81)})
        # One in ten may be long; of two the message is followed by both.
        self.bad('size', {'numa/a.c': short + '\n' + body(45) + '\n' + body(45)}, 3)

    def test_tables_do_not_count(self):
        table = 'int f(void)\n{\n\tstatic const int t[] = {\n' + '\t\t{ 1, 2 },\n' * 90 + '\t};\n}\n'
        self.good('size', {'numa/a.c': table})

    def test_opens(self):
        self.good('opens', {'io/disk/a.c': 'fd = host_open_file(host, path, 0, 0);\nr = ops->open(x);\n/* as open(2) */\n',
                            'io/disk/d.c': 'fd = fd_open(path, 0, 0);\nstatic const struct host_source disk_source = { "d", f };\n',
                            'vfio/bind/a.c': 'fd = open(path, 0);\n'})
        self.bad('opens', {'io/disk/b.c': 'fd = fd_open(path, O_RDONLY, 0);\n'})
        self.bad('opens', {'vfio/pci/c.c': 'if (openat(at, path, 0) < 0)\n'}, 2)

    def test_spdx(self):
        self.good('spdx', {'numa/a.h': SPDX, 'a.sh': '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n'})
        self.bad('spdx', {'numa/b.c': '\n' + SPDX})
        self.bad('spdx', {'tool': '#!/bin/sh\n'}, 2)

    def test_docs_good(self):
        self.good('docs', {'numa/a.h':
                           '#define F(x) \\\n\tg(x)\n' + DOC + 'int f(int a,\n\tint b) __attribute__((pure));\n\n' +
                           DOC + 'static inline int f(void)\n{\n\tint a = 0;\n\n\tg(a);\n\treturn h();\n}\n' +
                           'struct s {\n\tvoid (*g)(int); /* not; a prototype( */\n};\nstruct t;\n'
                           'typedef void (*fn)(int);\nenum e {\n\tA = (1),\n};\n'
                           '_Static_assert(sizeof(int) == 4, "int");\n'})

    def test_docs_bad(self):
        for text in ('int f(void);\n', '/* f - x */\nint f(void);\n', DOC + '\nint f(void);\n',
                     DOC + 'int g(void);\n', DOC + '#define X\nstatic inline int f(void)\n{\n}\n',
                     DOC + 'int f(void);\nstruct s *f(void);\n',
                     'struct s {\n\tint a; /* a\n\t} */\n};\nint f(void);\n'):
            with self.subTest(text):
                self.bad('docs', {'numa/a.h': text})

    def test_format(self):
        self.good('format', {'numa/a.c': SPDX + 'int f(void)\n{\n\treturn 0;\n}\n'})
        self.bad('format', {'numa/a.c': SPDX + 'int f(void)\n{\n\treturn  0;\n}\n'})

    def test_hosts(self):
        self.good('hosts', {'a.md': 'www.debian.org docs.io-uring.example mycrates.iox\n'})
        self.bad('hosts', {'a.md': 'https://' + '.'.join(('deb', 'debian', 'org')) + '/x\n' +
                                   '.'.join(('static', 'crates', 'io')) + '\n'}, 2)

    def test_headers(self):
        guard = '#ifndef NUMA_A_H\n#define NUMA_A_H\n#include <stdint.h>\nstruct s {\n\tuint8_t a;\n};\n#endif\n'
        self.good('headers', {'numa/a.h': guard})
        self.bad('headers', {'numa/a.h': guard.replace('NUMA', 'CORE')})
        self.assertNotEqual(self.check('headers', {'numa/a.h': 'struct s {\n\tuint8_t a;\n};\n'}), [])
        self.assertNotEqual(self.check('headers', {'numa/a.h': 'struct s {\n\tint a;\n};\n'}), [])

    def test_shell(self):
        self.good('shell', {'a.sh': '#!/bin/sh\necho "$1"\n'})
        self.bad('shell', {'tool': '#!/bin/bash\necho $1\n'})

    def test_c_includes(self):
        self.good('c-includes', {'tests/unit/a.c': '#include "numa/a.h"\n'})
        self.bad('c-includes', {'tests/unit/a.c': '#include "numa/a.c"\n'})


if __name__ == '__main__':
    unittest.main()
