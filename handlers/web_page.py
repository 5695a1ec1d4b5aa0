"""A page or a picture as an HTTP answer, with the headers that keep it from being framed, cached or scripted.

Owns those headers. What a page says is ``rendering.pages``'s.
"""

import azure.functions as func

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def html(text: str, status: int) -> func.HttpResponse:
    """The answer that shows a page."""
    return func.HttpResponse(text, status_code=status, mimetype="text/html", charset="utf-8", headers=HEADERS)


def png(picture: bytes, etag: str) -> func.HttpResponse:
    """The answer that shows a picture: kept by the browser that asked, which asks each time whether it is still the same."""
    headers = HEADERS | {"Cache-Control": "private, no-cache", "ETag": etag}
    return func.HttpResponse(picture, status_code=200, mimetype="image/png", headers=headers)


def unchanged(etag: str) -> func.HttpResponse:
    """The answer to who has the picture already."""
    return func.HttpResponse(status_code=304, headers=HEADERS | {"Cache-Control": "private, no-cache", "ETag": etag})
