"""The managed identity endpoint of App Service, so that the unmodified DefaultAzureCredential finds an identity.

Owns the wire format of `IDENTITY_ENDPOINT` (App Service documentation, "REST endpoint reference", API version
2019-08-01) and the tokens' shape. The tokens are signed with a key that nobody else has: they look like Entra's and
prove nothing outside this machine. It knows nothing of what a token is used for.
"""

import secrets
import time

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

API_VERSION = "2019-08-01"
TOKEN_SECONDS = 86_400  # App Service's managed identity tokens live a day


class ManagedIdentity:
    """One system-assigned identity; `header` is the secret that App Service puts into IDENTITY_HEADER."""

    path = "/msi/token"

    def __init__(self, header: str, tenant_id: str, object_id: str, client_id: str) -> None:
        self.header = header
        self._tenant_id = tenant_id
        self._object_id = object_id
        self._client_id = client_id
        self._signing_key = secrets.token_bytes(32)

    @property
    def routes(self) -> list[Route]:
        """What to mount into a Starlette application that is served over plain http."""
        return [Route(self.path, self._token, methods=["GET"])]

    async def _token(self, request: Request) -> JSONResponse:
        """401 without the secret header, 400 without a resource or with an unknown API version."""
        if not secrets.compare_digest(request.headers.get("x-identity-header", "").encode(), self.header.encode()):
            return _refusal(401, "The X-IDENTITY-HEADER is missing or wrong.")
        if request.query_params.get("api-version") != API_VERSION:
            return _refusal(400, f"The api-version must be {API_VERSION}.")
        resource = request.query_params.get("resource", "")
        if not resource:
            return _refusal(400, "The resource is missing.")
        expires_on = int(time.time()) + TOKEN_SECONDS
        return JSONResponse(
            {
                "access_token": self.token(resource, expires_on),
                "client_id": self._client_id,
                "expires_on": str(expires_on),
                "resource": resource,
                "token_type": "Bearer",
            }
        )

    def token(self, resource: str, expires_on: int) -> str:
        """A JWT for `resource` that expires at `expires_on` (Unix seconds)."""
        claims = {
            "aud": resource,
            "iss": f"https://sts.windows.net/{self._tenant_id}/",
            "tid": self._tenant_id,
            "oid": self._object_id,
            "sub": self._object_id,
            "appid": self._client_id,
            "iat": expires_on - TOKEN_SECONDS,
            "nbf": expires_on - TOKEN_SECONDS,
            "exp": expires_on,
        }
        return jwt.encode(claims, self._signing_key, algorithm="HS256")


def _refusal(status: int, message: str) -> JSONResponse:
    return JSONResponse({"statusCode": status, "message": message}, status)
