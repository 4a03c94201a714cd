"""What tells a delta that the undated part of a linked CiviCRM record has not changed since the pair was last seen to."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table, empty: there is no CiviCRM watermark yet either, so that the first delta is a sweep."""
    op.create_table(
        "glimpses",
        sa.Column("link", ID, autoincrement=False, nullable=False),
        sa.Column("civicrm", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["links.id"], name=op.f("fk_glimpses_link_links"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("link", name=op.f("pk_glimpses")),
    )
