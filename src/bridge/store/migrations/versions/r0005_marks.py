"""What tells that a linked pair has not changed since it came out quiet."""

import sqlalchemy as sa
from alembic import op

from bridge.store.schema import Id

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table, empty: every pair is compared once more."""
    op.create_table(
        "marks",
        sa.Column("link", Id, autoincrement=False, nullable=False),
        sa.Column("civicrm", sa.LargeBinary(), nullable=False),
        sa.Column("airtable", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["links.id"], name=op.f("fk_marks_link_links"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("link", name=op.f("pk_marks")),
    )
