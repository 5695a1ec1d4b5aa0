"""A page as an HTTP answer, with the headers that keep it from being framed, cached or scripted.

Owns those headers. What a page says is ``rendering.pages``'s.
"""

import azure.functions as func

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def html(text: str, status: int) -> func.HttpResponse:
    """The answer that shows a page."""
    return func.HttpResponse(text, status_code=status, mimetype="text/html", charset="utf-8", headers=HEADERS)
