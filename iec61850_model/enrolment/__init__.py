"""How a box gets its certificate: one-time code, requests and their proofs. Pure: no network, no clock.

``hub.enrolment`` and ``device_agent.enrolment`` are the two sides of it; docs/enrolment.md tells the whole.
"""
