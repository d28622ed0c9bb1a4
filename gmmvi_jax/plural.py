"""Numbers of things, in words."""


def plural(count: int, noun: str) -> str:
    """Returns such as "1 component" and "1,200 components".

    Args:
        count: how many.
        noun: in the singular; its plural ends in s.
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
