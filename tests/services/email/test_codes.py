"""The codes in the addresses of mails."""

import uuid
from typing import Any

from bridge.services.email.codes import Purpose, code_for, read_code
from tests.identity.test_spellings import spellings
from tests.web.test_new_key import renew_key


def test_a_code_in_a_mail_address_has_one_spelling_but_for_its_case() -> None:
    connection = uuid.uuid4()
    code = code_for(connection, Purpose.REPLY)
    tried = [
        *spellings(code),
        code.replace("i", "ı"),
        code.replace("s", "ſ"),
        *map(str.upper, spellings(code)),
    ]
    tried += [code[:-1] + letter for letter in "abcdefghijklmnopqrstuvwxyz234567"]
    taken = {each for each in tried if read_code(each, Purpose.REPLY) is not None}
    assert {each.lower() for each in taken} == {code}
    assert len(taken) > 1


def test_a_code_counts_on_with_a_new_key(settings: Any) -> None:
    uid = uuid.uuid4()
    code = code_for(uid, Purpose.STOP)
    renew_key(settings)
    assert read_code(code, Purpose.STOP) == uid
    assert code_for(uid, Purpose.STOP) != code
    settings.SECRET_KEY_FALLBACKS = []
    assert read_code(code, Purpose.STOP) is None
