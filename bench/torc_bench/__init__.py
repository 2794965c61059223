# SPDX-License-Identifier: Apache-2.0
"""
What torc-bench is made of: measurements of a device on the bare host and in guests, and the pages of results.

A workload, a VMM, a refusal and a metric is a row of a table each: workloads.py, vmms.py, refusals.py, metrics.py.
What bench/ has for the lab (guests that are waited for, what the kernel counts, plots) is the library below.
"""
