"""Pages on this machine: who may come in, what is sent, and the server; rooms with pages bring their own routes.

A room has routes and a folder of static files: ES modules, without a build step. Its pages are `Shell`s, each of which
loads one module. `serve` opens the server; nothing of it is reachable without the link that is printed.
"""

from batchwright.pages.assets import Shell, static_route
from batchwright.pages.security import Door, secure
from batchwright.pages.serving import serve

__all__ = ["Door", "Shell", "secure", "serve", "static_route"]
