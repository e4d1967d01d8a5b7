"""DocumentResource"""


class DocumentResource:
    pass
