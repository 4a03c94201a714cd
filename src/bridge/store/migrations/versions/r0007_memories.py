"""What is remembered of places outside from one run to the next."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table, empty: every place is looked at once more."""
    op.create_table(
        "memories",
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_memories")),
    )
