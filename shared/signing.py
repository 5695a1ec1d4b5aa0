"""Signed links of approval pages, and the proof that a form was opened by the one who sends it.

Owns the tokens. They name a question and prove that we asked it; who may answer is judged when the answer comes.
"""

from dataclasses import dataclass

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer

from shared.domain.commands import RequestApproval

FORM_VALID_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Question:
    """Which approval of which workload a link is about."""

    workload: str
    approval_id: str


class InvalidLinkError(ValueError):
    """The link or form was not signed by us, or is too old."""


class ApprovalLinks:
    """Makes and reads the links and forms of approvals."""

    def __init__(self, key: str, public_url: str) -> None:
        self._links = URLSafeSerializer(key, salt="outerloop.approval")
        self._forms = URLSafeTimedSerializer(key, salt="outerloop.approval.form")
        self._public_url = public_url

    def for_message(self, message: RequestApproval) -> str:
        """The address of the page that answers a request."""
        return f"{self._public_url}/api/approvals/{self.token(Question(message.workload, message.approval_id))}"

    def token(self, question: Question) -> str:
        """The signed name of a question."""
        return str(self._links.dumps([question.workload, question.approval_id]))

    def question(self, token: str) -> Question:
        """The question that a token names. Raises InvalidLinkError."""
        try:
            workload, approval_id = self._links.loads(token)
        except (BadSignature, ValueError, TypeError):
            raise InvalidLinkError("this link was not made by this app, or is damaged") from None
        return Question(str(workload), str(approval_id))

    def form(self, question: Question, person: str, evidence_digest: str) -> str:
        """What the form carries along: who opened it, and the digest of the evidence that was shown."""
        return str(self._forms.dumps([question.approval_id, person, evidence_digest]))

    def evidence_shown(self, form: str, question: Question, person: str) -> str:
        """The digest of what this person was shown. Raises InvalidLinkError for anybody else's form or an old one."""
        try:
            approval_id, opened_by, digest = self._forms.loads(form, max_age=FORM_VALID_SECONDS)
        except (BadSignature, ValueError, TypeError):
            raise InvalidLinkError("this form is damaged or older than an hour: open the page again") from None
        if approval_id != question.approval_id or opened_by != person:
            raise InvalidLinkError("this form was opened by somebody else: open the page again")
        return str(digest)
