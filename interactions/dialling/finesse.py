"""The dialler of Cisco Finesse: the gadget around the desk dials, in the session that the agent has with Finesse.

The page asks the gadget by a message to its parent window (static/js/finesse-gadget.js); the server never talks to
Finesse and knows no password of it.
"""

from typing import Any


class Finesse:
    name = "finesse"

    def action(self, number: str, interaction: str) -> dict[str, Any]:
        return {"dialler": self.name, "number": number}
