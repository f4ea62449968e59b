import re

# An address up to its last @, since a password may hold one (paths made of it have one slash); the same without a scheme; what
# follows ? and #; named secrets.
_HIDDEN = (
    (r"([\w+.-]\w:/+)[^\s'\"]*@", r"\1***@"),
    (r"(?<![\w/*])[\w.+-]+:[^\s'\"@/]+@(?=[\w\[])", "***@"),
    (r"([\w+.-]\w:/+[^\s?#'\"]*[?#])[^\s'\")]+", r"\1***"),
    (
        r"((?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|credentials?)=)[^\s&;,'\")]+",
        r"\1***",
    ),
)


def hide_credentials(text: str) -> str:
    """A text with the users, passwords and options of the addresses in it replaced by `***`.

    >>> hide_credentials("no answer from bolt://ann:secret@graphs:7687?token=x")
    'no answer from bolt://***@graphs:7687?***'
    """
    for pattern, shown in _HIDDEN:
        text = re.sub(pattern, shown, text, flags=re.IGNORECASE)
    return text
