"""`brickpush setup`: register the App, write its files, rotate its webhook secret.

`wizard` leads through it, in the browser (`page`, `page_access`, `serving`) or at the terminal
(`prompts`); `registration_flow` is the exchange with GitHub, `import_app` takes over an App that
exists, `inputs` validates what people enter, `files` writes, `rotate_secret` rotates.
"""
