"""Which workspaces there are, who we are in each, and the promotion in all of them.

`promote` is the way in. `candidates` finds connections, in this order: `environment`, `settings`
and `profiles`; `cli_tokens`, `user_sign_in` and `service_principal` get tokens, and
`trusted_hosts` says where a token may go. `run`, `tally` and `verdict` say how it went.
"""
