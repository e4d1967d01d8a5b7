"""Form fields and widgets for collections and embedded models."""
