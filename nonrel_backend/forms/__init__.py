"""Form fields and widgets of collections and embedded models."""
