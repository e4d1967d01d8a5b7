"""What a field's column holds."""


def stored_field(field):
    """The field whose values the column holds: of a foreign key, its target's."""
    while field.remote_field and getattr(field, "target_field", None):
        field = field.target_field
    return field
