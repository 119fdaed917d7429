"""A mail server that nobody of ours wrote: aiosmtpd, with STARTTLS and signing in, each message a file.

Usage: mail_server.py FOLDER CERTIFICATE KEY. Prints its port.
"""
import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Keep:
    """Writes what it gets."""

    def __init__(self, folder):
        self.folder, self.count = pathlib.Path(folder), 0

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        head = f"X-Mail-From: {envelope.mail_from}\r\nX-Rcpt-To: {','.join(envelope.rcpt_tos)}\r\nX-Tls: {session.ssl is not None}\r\n"
        (self.folder / f"{self.count}.eml").write_bytes(head.encode() + envelope.original_content)
        return "250 taken"


def sign_in(server, session, envelope, mechanism, data):
    # Not handled: the server itself says so to whoever is refused.
    return AuthResult(success=(data.login, data.password) == (b"studio", b"correct horse"), handled=False)


async def main(folder, certificate, key):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    keep = Keep(folder)

    def session():
        return SMTP(keep, tls_context=tls, require_starttls=True, authenticator=sign_in, auth_required=True)

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:4]))
