"""From an HTTP request to a stored delivery.

`endpoint` checks size, signature and headers, `delivery` parses the body, `admission` says whose
deliveries count, and `inbox` writes the row that makes a branch pending. `lifecycle` handles
events of installations and repositories, `reruns` the buttons of a check run.
"""
