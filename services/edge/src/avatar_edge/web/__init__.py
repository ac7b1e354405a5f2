"""The page: a call in the browser, and the panel of the call on this machine."""
