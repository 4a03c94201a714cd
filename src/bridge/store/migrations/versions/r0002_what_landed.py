"""The journal says which cells of a write landed that did not end as meant, and under which code it was told."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the two columns, empty: of older writes it is not known."""
    op.add_column("journal", sa.Column("landed", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("journal", sa.Column("code", sa.Integer(), nullable=True))
