"""What tells that a linked pair has not changed since it came out quiet."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table, empty: every pair is compared once more."""
    op.create_table(
        "marks",
        sa.Column("link", ID, autoincrement=False, nullable=False),
        sa.Column("civicrm", sa.LargeBinary(), nullable=False),
        sa.Column("airtable", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["links.id"], name=op.f("fk_marks_link_links"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("link", name=op.f("pk_marks")),
    )
