"""The dialler that needs nothing: the browser hands a `tel:` address to whatever phone the computer knows."""

from typing import Any


class Tel:
    name = "tel"

    def action(self, number: str, interaction: str) -> dict[str, Any]:
        return {"dialler": self.name, "uri": f"tel:{number}"}
