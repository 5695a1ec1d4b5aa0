"""What people read: cards, e-mails, text. Pure and golden-tested."""
