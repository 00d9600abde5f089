"""Webhooks on their way out: at least once, in order within a call, a stable id over retries.

* `adapter.outbox.outbox`: takes rows to their customers and settles them.
* `adapter.outbox.lanes` (pure): which lane may go next.
* `adapter.outbox.retry` (pure): when to try again.
* `adapter.outbox.post`: one attempt over HTTP.
* `adapter.outbox.signing`: Standard Webhooks signatures.
* `adapter.outbox.egress`: which addresses may be called.
"""
