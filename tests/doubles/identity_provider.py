"""An OpenID Connect provider in a process of its own: it really signs (RS256) and really checks codes and PKCE.

Whoever asks is signed in at once, as the person whose claims the file holds at that moment:
`python -m tests.doubles.identity_provider PEOPLE.json PORT_FILE [--forge]`. Forged tokens are signed with a key that
nobody published.
"""

import argparse
import base64
import hashlib
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "cim", "a secret between the two"


class Provider(ThreadingHTTPServer):
    def __init__(self, people: Path, *, forge: bool) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.people = people
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.published = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.signing = (
            rsa.generate_private_key(public_exponent=65537, key_size=2048) if forge else self.published
        )
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}

    def person(self) -> dict[str, Any]:
        return json.loads(self.people.read_text())


class Answers(BaseHTTPRequestHandler):
    server: Provider

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        issuer = self.server.issuer
        if url.path == "/.well-known/openid-configuration":
            ends = {"end_session_endpoint": f"{issuer}/end"} if self.server.person().get("ends") else {}
            self._say(
                {
                    **ends,
                    "issuer": issuer,
                    "authorization_endpoint": f"{issuer}/authorize",
                    "token_endpoint": f"{issuer}/token",
                    "userinfo_endpoint": f"{issuer}/userinfo",
                    "jwks_uri": f"{issuer}/keys",
                    "token_endpoint_auth_methods_supported": ["client_secret_post"],
                }
            )
        elif url.path == "/keys":
            key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.server.published.public_key()))
            self._say({"keys": [{**key, "kid": "one", "alg": "RS256", "use": "sig"}]})
        elif url.path == "/authorize":
            if asked.get("client_id") != CLIENT or asked.get("code_challenge_method") != "S256":
                self._say({"error": "invalid_request"}, 400)
                return
            code = secrets.token_urlsafe()
            self.server.codes[code] = asked
            self.send_response(302)
            back = urlencode({"code": code, "state": asked["state"]})
            self.send_header("Location", f"{asked['redirect_uri']}?{back}")
            self.end_headers()
        elif url.path == "/end":
            hint = jwt.decode(
                asked["id_token_hint"], self.server.published.public_key(), ["RS256"], audience=CLIENT
            )
            assert hint["iss"] == issuer
            self.send_response(302)
            self.send_header("Location", asked["post_logout_redirect_uri"])
            self.end_headers()
        elif url.path == "/userinfo":
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            found = self.server.tokens.get(token)
            self._say(found or {"error": "invalid_token"}, 200 if found else 401)
        else:
            self._say({"error": "not found"}, 404)

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        told = {name: values[0] for name, values in sent.items()}
        asked = self.server.codes.pop(told.get("code", ""), None)
        proof = hashlib.sha256(told.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        if (
            asked is None
            or (told.get("client_id"), told.get("client_secret")) != (CLIENT, SECRET)
            or challenge != asked["code_challenge"]
            or told.get("redirect_uri") != asked["redirect_uri"]
        ):
            self._say({"error": "invalid_grant"}, 400)
            return
        person = self.server.person()
        token = secrets.token_urlsafe()
        self.server.tokens[token] = person
        now = int(time.time())
        claims = {
            "iss": self.server.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "sub": person["sub"],
            **({"nonce": asked["nonce"]} if "nonce" in asked else {}),
            **person.get("id_token", {}),
        }
        signed = jwt.encode(claims, self.server.signing, algorithm="RS256", headers={"kid": "one"})
        self._say({"access_token": token, "token_type": "Bearer", "expires_in": 300, "id_token": signed})

    def _say(self, answer: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("people", type=Path)
    parser.add_argument("port_file", type=Path)
    parser.add_argument("--forge", action="store_true")
    given = parser.parse_args(arguments)
    provider = Provider(given.people, forge=given.forge)
    given.port_file.write_text(str(provider.server_port))
    provider.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
