"""The tables of the store, as SQLAlchemy Core. Instants are seconds since 1970 (UTC) as floats.

A message is named by (run, batch, row): a hash as key costs the ledger four times as much (docs/adr/0004).
Its wire reference opens to the same three numbers, so a receipt finds its row without an index.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

BigKey = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite gives out row ids to INTEGER keys only
Instant = sa.Double
_UNKNOWN = sa.text("run is null")
_CURRENT = sa.text("is_current")
_PAST = sa.text("not is_current")

instance = sa.Table(
    "instance",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("instance_id", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column(
        "keys_check", sa.Text, comment="tells whether the pseudonym key is still the same; null: none yet"
    ),
    sa.Column(
        "salt",
        sa.Text,
        nullable=False,
        comment="makes references unlike those of any other store of these keys",
    ),
    sa.CheckConstraint("id = 1", name="only_one_instance"),
    comment="one row; none in a backup, so that a copied one is never opened as it is",
)

restores = sa.Table(
    "restores",
    metadata,
    sa.Column("restore", sa.Integer, primary_key=True),
    sa.Column("backup_at", Instant, nullable=False, comment="what happened from here …"),
    sa.Column("restored_at", Instant, nullable=False, comment="… to here is not known"),
    sa.Column("backup_instance_id", sa.Text, nullable=False),
    sa.Column("opt_outs_checked_at", Instant, comment="null: no run may send yet"),
    sa.Column("opt_outs_checked_by", sa.Text),
)

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False, server_default="{}"),
    sa.Column("credentials", sa.LargeBinary),
    sa.Column("rate_mps", sa.Double, comment="messages per second; null: as fast as it answers"),
    sa.Column("concurrency", sa.Integer, nullable=False, server_default="50"),
    sa.Column("next_free_at", Instant, nullable=False, server_default="0"),
    sa.Column("blocked_until", Instant, nullable=False, server_default="0"),
    sa.Column("receipt_cursor", sa.Text, comment="where the next pull of receipts goes on"),
)

connections = sa.Table(
    "connections",
    metadata,
    sa.Column("connection", sa.Text, primary_key=True, comment="what campaign files call it"),
    sa.Column("kind", sa.Text, nullable=False, comment="sql | http"),
    sa.Column("settings", sa.Text, nullable=False, server_default="{}"),
    sa.Column("secret", sa.LargeBinary, comment="sealed: the URL of a database, the token of an HTTP source"),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run", sa.Integer, primary_key=True),
    sa.Column("run_key", sa.Text, unique=True),
    sa.Column("campaign", sa.Text, nullable=False),
    sa.Column("flow_run_id", sa.Text, unique=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("state_reason", sa.Text),
    sa.Column("state_at", Instant, nullable=False, server_default="0"),
    sa.Column("origin", sa.Text, nullable=False, comment="hand | schedule"),
    sa.Column("is_simulated", sa.Boolean, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("scheduled_at", Instant),
    sa.Column("frozen_at", Instant),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("source_fingerprint", sa.Text),
    sa.Column("text_fingerprint", sa.Text),
    sa.Column("plan_fingerprint", sa.Text),
    sa.Column("n_source_rows", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_rejects", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_contacts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_excluded", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_audience", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_holdout", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_messages", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_batches", sa.Integer, nullable=False, server_default="0"),
    sa.Column("batch_size", sa.Integer, nullable=False, server_default="1000"),
    sa.Column("segments", sa.Integer, nullable=False, server_default="0"),
    sa.Column("cost", sa.Double, nullable=False, server_default="0"),
    sa.Column("currency", sa.Text, nullable=False, server_default="EUR"),
    sa.Column("validity_s", sa.Integer, nullable=False, server_default="172800"),
    sa.Column("folder", sa.Text),
    sa.Column("same_plan_as", sa.Integer, comment="the run that this very plan was frozen as before"),
    sa.Column("guards", sa.Text, comment="JSON: which failures stop it; null: as by default"),
    sa.Column("quality", sa.Text, comment="JSON: what the quality gate found; null: it has not judged"),
    sa.Column("recent", sa.Text, comment="JSON: how its latest messages went, for the guards"),
    sa.Column(
        "purpose", sa.Text, nullable=False, server_default="marketing", comment="what people agreed to"
    ),
    sqlite_autoincrement=True,  # a run number is never given out twice: references carry it
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("run", sa.Integer, sa.ForeignKey("runs.run"), primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("part", sa.Integer, nullable=False),
    sa.Column("n_messages", sa.Integer, nullable=False),
    sa.Column("next_row", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_claims", sa.Integer, nullable=False, server_default="0"),
    sa.Column("not_before", Instant),
    sa.Column("not_after", Instant),
    sa.Column("owner", sa.Text, comment="the lease: one task attempt, not one process"),
    sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("expires_at", Instant, nullable=False, server_default="0"),
)

claims = sa.Table(
    "claims",
    metadata,
    sa.Column("run", sa.Integer, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("claim_no", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False, comment="submit | resubmit"),
    sa.Column(
        "is_bulk", sa.Boolean, nullable=False, server_default=sa.false(), comment="all of it in one request"
    ),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("first_row", sa.Integer, nullable=False),
    sa.Column("last_row", sa.Integer, nullable=False, comment="exclusive"),
    sa.Column(
        "rows", sa.Text, comment="JSON list; null: exactly first_row..last_row, never attempted before"
    ),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("n_settled", sa.Integer, nullable=False, server_default="0"),
    sa.Column("request_key", sa.Text, nullable=False),
    sa.Column("slot_at", Instant, nullable=False),
    sa.Column("step_s", sa.Double, nullable=False),
    sa.Column("send_before", Instant, nullable=False),
    sa.Column("state", sa.Text, nullable=False, comment="open | settled | doubt"),
    sa.Column("claimed_at", Instant, nullable=False),
    sa.Index("claims_open", "run", "state"),
)

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("run", sa.Integer, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("claim_no", sa.Integer, comment="null: decided without a claim (a stop, a receipt)"),
    sa.Column("status", sa.SmallInteger, nullable=False, comment="messaging.outcomes.OutcomeStatus"),
    sa.Column("attempts", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column(
        "attempts_fence",
        sa.Integer,
        nullable=False,
        server_default="0",
        comment="attempts count under this fence",
    ),
    sa.Column("retry_at", Instant),
    sa.Column("gateway_message_id", sa.Text),
    sa.Column("error_kind", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("decision", sa.Text, comment="assumed sent | send again"),
    sa.Column("stop_reason", sa.Text),
    sa.Column("receipt", sa.SmallInteger, comment="messaging.outcomes.ReceiptStatus"),
    sa.Column("receipt_code", sa.Text),
    sa.Column("receipt_at", Instant),
    sa.Column("settled_at", Instant),
    sqlite_with_rowid=False,
)

possible_duplicates = sa.Table(
    "possible_duplicates",
    metadata,
    sa.Column("run", sa.Integer, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column(
        "at", Instant, nullable=False, comment="of the first evidence that the gateway took a second copy"
    ),
    sqlite_with_rowid=False,
)

receipt_pages = sa.Table(
    "receipt_pages",
    metadata,
    sa.Column("page", BigKey, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("fetched_at", Instant, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("read_at", Instant),
)

receipts = sa.Table(
    "receipts",
    metadata,
    sa.Column("receipt", BigKey, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("gateway_message_id", sa.Text, nullable=False, server_default=""),
    sa.Column("reference", sa.Text, nullable=False, server_default=""),
    sa.Column("part", sa.SmallInteger, nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    sa.Column("code", sa.Text),
    sa.Column("done_at", Instant),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("run", sa.Integer, comment="null: no message of ours is known for it yet"),
    sa.Column("batch", sa.Integer),
    sa.Column("row", sa.Integer),
    sa.UniqueConstraint(
        "account", "gateway_message_id", "reference", "part", "status", name="a_receipt_once"
    ),
    sa.Index("receipts_of_message", "run", "batch", "row"),
    sa.Index("receipts_unknown", "account", "receipt", sqlite_where=_UNKNOWN, postgresql_where=_UNKNOWN),
)

replies = sa.Table(
    "replies",
    metadata,
    sa.Column("reply", BigKey, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("gateway_message_id", sa.Text, nullable=False),
    sa.Column("person_key", sa.Text, nullable=False),
    sa.Column("msisdn", sa.Text),
    sa.Column("to", sa.Text, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("received_at", Instant, nullable=False),
    sa.UniqueConstraint("account", "gateway_message_id", name="a_reply_once"),
    sa.Index("replies_of_person", "person_key"),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("person_key", sa.Text, primary_key=True),
    sa.Column(
        "scope",
        sa.Text,
        primary_key=True,
        server_default="",
        comment="'': everywhere; else a sender ID or account",
    ),
    sa.Column("msisdn", sa.Text, comment="null once forgotten"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("event", BigKey, primary_key=True),
    sa.Column("run", sa.Integer),
    sa.Column("batch", sa.Integer),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("claim_no", sa.Integer),
    sa.Column("at", Instant, nullable=False),
    sa.Column(
        "payload", sa.Text, nullable=False, server_default="{}", comment="JSON; arrays, one element a message"
    ),
    sa.Column("export", sa.Integer, comment="null: not in the lake yet"),
    sa.Index("events_to_export", "export", "event"),
    sqlite_autoincrement=True,
)

exports = sa.Table(
    "exports",
    metadata,
    sa.Column("export", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False, comment="events | planned | excluded | rejects | messages"),
    sa.Column("run", sa.Integer),
    sa.Column("file", sa.Text, comment="relative to the lake; null while it is being written"),
    sa.Column("n_rows", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("superseded_at", Instant),
    sqlite_autoincrement=True,
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("entry", BigKey, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False, server_default="{}"),
)

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("contact", BigKey, primary_key=True),
    sa.Column("person_key", sa.Text, nullable=False, unique=True),
    sa.Column("msisdn", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("number_type", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text),
    sa.Column("first_name", sa.Text),
    sa.Column("last_name", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("time_zone", sa.Text),
    sa.Column("attributes", sa.Text, nullable=False, server_default="{}", comment="JSON: name → text"),
    sa.Column(
        "source_hash",
        sa.BigInteger,
        comment="of the row that an import took it from; null: changed by hand since",
    ),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False, comment="a name, or an import as 'import 12'"),
)

attributes = sa.Table(
    "attributes",
    metadata,
    sa.Column("attribute", sa.Text, primary_key=True, comment="every name that some contact has a value of"),
    sa.Column("header", sa.Text, nullable=False, comment="as the first source wrote it"),
)

contact_changes = sa.Table(
    "contact_changes",
    metadata,
    sa.Column("change", BigKey, primary_key=True),
    sa.Column("person_key", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column(
        "kind", sa.Text, nullable=False, comment="added | edited | imported | deleted | listed | unlisted"
    ),
    sa.Column("fields", sa.Text, nullable=False, server_default="{}", comment="JSON: name → [before, after]"),
    sa.Index("changes_of_person", "person_key"),
)

lists = sa.Table(
    "lists",
    metadata,
    sa.Column("list", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False, comment="list | tag"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("kind", "name", name="a_list_once"),
    sqlite_autoincrement=True,  # an import that still adds to a deleted list must not fill the next one
)

list_members = sa.Table(
    "list_members",
    metadata,
    sa.Column("list", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("contact", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("added_at", Instant, nullable=False),
    sa.Column("added_by", sa.Text, nullable=False),
    sa.Index("lists_of_contact", "contact"),
    sqlite_with_rowid=False,
)

segments = sa.Table(
    "segments",
    metadata,
    sa.Column("segment", sa.Text, primary_key=True),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("filter", sa.Text, nullable=False, comment="JSON: messaging.segment_filter"),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
)

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("consent", BigKey, primary_key=True),
    sa.Column("person_key", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("is_given", sa.Boolean, nullable=False),
    sa.Column("at", Instant, nullable=False, comment="when it was given or withdrawn"),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, comment="how it can be shown: the cell, a form's address, a recording"),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
    sa.Column("is_current", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Index("consents_before", "person_key", sqlite_where=_PAST, postgresql_where=_PAST),
    sa.Index(
        "one_current_consent",
        "person_key",
        "purpose",
        unique=True,
        sqlite_where=_CURRENT,
        postgresql_where=_CURRENT,
    ),
)

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("import", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, comment="of the import file, or of the source"),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column(
        "fingerprint", sa.Text, nullable=False, comment="of the source's content and of how it is read"
    ),
    sa.Column("state", sa.Text, nullable=False, comment="running | finished | failed"),
    sa.Column("state_reason", sa.Text),
    sa.Column("n_rows", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_new", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_changed", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_same", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_double", sa.Integer, nullable=False, server_default="0"),
    sa.Column("n_rejects", sa.Integer, nullable=False, server_default="0"),
    sa.Column("folder", sa.Text, comment="where its rejects lie, relative to the var folder"),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("by", sa.Text, nullable=False),
    sa.Index("imports_by_fingerprint", "fingerprint"),
    sqlite_autoincrement=True,
)

behaviour = sa.Table(
    "behaviour",
    metadata,
    sa.Column("person_key", sa.Text, primary_key=True),
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("texted_at", Instant, comment="accepted by the gateway, or in doubt"),
    sa.Column("delivered_at", Instant),
    sa.Column("failed_at", Instant, comment="a final receipt that is none of delivered and read"),
    sa.Column("replied_at", Instant),
    sa.Column("clicked_at", Instant),
    sa.Index("behaviour_in_run", "run"),
    sqlite_with_rowid=False,
    comment="what came of each message for its person, as of the last load of the analytics",
)
