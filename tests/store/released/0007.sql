BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0007');
CREATE TABLE apart (
	mapping TEXT NOT NULL, 
	civicrm TEXT NOT NULL, 
	airtable TEXT NOT NULL, 
	"by" TEXT NOT NULL, 
	evidence TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_apart PRIMARY KEY (mapping, civicrm, airtable)
);
CREATE TABLE asked (
	"by" TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	sync TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_asked PRIMARY KEY ("by", "key"), 
	CONSTRAINT fk_asked_sync_syncs FOREIGN KEY(sync) REFERENCES syncs (id) ON DELETE CASCADE
);
INSERT INTO "asked" VALUES('operator:maria','d618fb157a4b382e92fcd4a830c5fa8adef45a809543c524f7904e38f867dac8','5d0c1e7a','2026-11-17 12:05:00.000000');
CREATE TABLE bases (
	link INTEGER NOT NULL, 
	field TEXT NOT NULL, 
	definition TEXT NOT NULL, 
	sealed BOOLEAN NOT NULL, 
	value TEXT, 
	CONSTRAINT pk_bases PRIMARY KEY (link, field), 
	CONSTRAINT fk_bases_link_links FOREIGN KEY(link) REFERENCES links (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "bases" VALUES(1,'email','fe3f608d54bb8c76',0,'info@montanasewing.example');
INSERT INTO "bases" VALUES(1,'name','dff8d1af3de9efca',0,'Montaña Sewing Cooperative, Inc.');
INSERT INTO "bases" VALUES(1,'phone','855a9a80bdcea4f0',0,'+15125550183');
INSERT INTO "bases" VALUES(3,'email','fe3f608d54bb8c76',0,'new@mail.example');
INSERT INTO "bases" VALUES(3,'name','dff8d1af3de9efca',0,'Manos Unidas Cocina Coop');
INSERT INTO "bases" VALUES(3,'phone','855a9a80bdcea4f0',0,'+14105550103');
INSERT INTO "bases" VALUES(4,'name','dff8d1af3de9efca',0,'Tierra Viva Sewing SC');
INSERT INTO "bases" VALUES(4,'phone','855a9a80bdcea4f0',0,'+15135550129');
INSERT INTO "bases" VALUES(5,'name','dff8d1af3de9efca',0,'Evergreen Brewery, LLC');
INSERT INTO "bases" VALUES(5,'phone','855a9a80bdcea4f0',0,'+14125550164');
CREATE TABLE blocks (
	account TEXT NOT NULL, 
	until DATETIME NOT NULL, 
	reason TEXT NOT NULL, 
	CONSTRAINT pk_blocks PRIMARY KEY (account)
);
CREATE TABLE calls (
	account TEXT NOT NULL, 
	month TEXT NOT NULL, 
	calls INTEGER NOT NULL, 
	CONSTRAINT pk_calls PRIMARY KEY (account, month)
);
INSERT INTO "calls" VALUES('civicrm','2026-11',22);
INSERT INTO "calls" VALUES('appFederation0001','2026-11',12);
CREATE TABLE entries (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	fingerprint TEXT NOT NULL, 
	mapping TEXT NOT NULL, 
	code INTEGER NOT NULL, 
	rule TEXT, 
	severity TEXT NOT NULL, 
	civicrm TEXT, 
	airtable TEXT, 
	name TEXT NOT NULL, 
	field TEXT, 
	shown JSON NOT NULL, 
	details JSON NOT NULL, 
	evidence TEXT NOT NULL, 
	state TEXT NOT NULL, 
	opened_at DATETIME NOT NULL, 
	seen_at DATETIME NOT NULL, 
	runs INTEGER NOT NULL, 
	resolved_at DATETIME, 
	life INTEGER NOT NULL, 
	assignee TEXT, 
	snoozed_until DATE, 
	snoozed_evidence TEXT, 
	accepted_reason TEXT, 
	note TEXT NOT NULL, 
	CONSTRAINT uq_entries_fingerprint UNIQUE (fingerprint)
);
INSERT INTO "entries" VALUES(1,'c6f991536df9799b','groups',202,NULL,'medium','105','recBSo63bbH6xnAbn','Montaña Sewing Cooperative, Inc.','name','["Monta\u00f1a Sewing Cooperative, Inc.", "Tierra Viva Sewing SC"]','{}','a1e5aabc0e57c8f8','resolved','2026-11-16 12:00:00.000000','2026-11-16 12:05:35.000000',1,'2026-11-17 12:05:36.000000',0,NULL,NULL,NULL,NULL,'');
INSERT INTO "entries" VALUES(2,'1b5ef60910149a6a','groups',201,NULL,'low','108','recXLa75NxI2CWLA5','Evergreen Brewery, LLC','email','["hello@evergreenbrewery.example", "\u2014"]','{}','8ff99acb9ef28aac','open','2026-11-17 12:05:36.000000','2026-11-17 12:05:36.000000',1,NULL,0,NULL,NULL,NULL,NULL,'');
INSERT INTO "entries" VALUES(3,'a9f0c5602f25c550','groups',201,NULL,'low','107','rec2n00u3j0xBhLqP','Tierra Viva Sewing SC','email','["office@tierravivasewing.example", "\u2014"]','{}','83fa8b2dcad0659a','open','2026-11-17 12:05:36.000000','2026-11-17 12:05:36.000000',1,NULL,0,NULL,NULL,NULL,NULL,'');
INSERT INTO "entries" VALUES(4,'114b13a71cfd24b3','groups',202,NULL,'medium','102','recgxOHH0SQbtQj4i','Manos Unidas Cocina Coop','email','["hello@manosunidascocina.example", "new@mail.example"]','{}','2b2e57f38e011d3b','open','2026-11-17 12:05:36.000000','2026-11-17 12:05:36.000000',1,NULL,0,NULL,NULL,NULL,NULL,'');
CREATE TABLE events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	fingerprint TEXT NOT NULL, 
	happened TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	"by" TEXT NOT NULL, 
	run INTEGER, 
	note TEXT NOT NULL
);
INSERT INTO "events" VALUES(1,'c6f991536df9799b','opened','2026-11-16 12:00:00.000000','bridge',1,'');
INSERT INTO "events" VALUES(2,'1b5ef60910149a6a','opened','2026-11-17 12:05:36.000000','bridge',2,'');
INSERT INTO "events" VALUES(3,'a9f0c5602f25c550','opened','2026-11-17 12:05:36.000000','bridge',2,'');
INSERT INTO "events" VALUES(4,'114b13a71cfd24b3','opened','2026-11-17 12:05:36.000000','bridge',2,'');
INSERT INTO "events" VALUES(5,'c6f991536df9799b','resolved','2026-11-17 12:05:36.000000','bridge',2,'');
CREATE TABLE glimpses (
	link INTEGER NOT NULL, 
	civicrm BLOB NOT NULL, 
	CONSTRAINT pk_glimpses PRIMARY KEY (link), 
	CONSTRAINT fk_glimpses_link_links FOREIGN KEY(link) REFERENCES links (id) ON DELETE CASCADE
);
INSERT INTO "glimpses" VALUES(1,X'00FF20');
CREATE TABLE journal (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	run INTEGER NOT NULL, 
	mapping TEXT NOT NULL, 
	side TEXT NOT NULL, 
	action TEXT NOT NULL, 
	record TEXT, 
	partner TEXT NOT NULL, 
	name TEXT NOT NULL, 
	cells JSON NOT NULL, 
	extra JSON NOT NULL, 
	keys JSON NOT NULL, 
	intent_at DATETIME NOT NULL, 
	"by" TEXT NOT NULL, 
	outcome TEXT, 
	outcome_at DATETIME, 
	detail TEXT NOT NULL, landed JSON, code INTEGER, 
	CONSTRAINT fk_journal_run_runs FOREIGN KEY(run) REFERENCES runs (id)
);
INSERT INTO "journal" VALUES(1,1,'groups','airtable','update','recBSo63bbH6xnAbn','105','Montaña Sewing Cooperative, Inc.','[{"field": "name", "path": "Group name", "why": "first_contact", "clears": false, "sensitive": false, "seals": null, "before": ["text", "Tierra Viva Sewing SC"], "after": ["text", "Monta\u00f1a Sewing Cooperative, Inc."], "source": ["text", "Monta\u00f1a Sewing Cooperative, Inc."], "before_raw": "Tierra Viva Sewing SC", "after_raw": "Monta\u00f1a Sewing Cooperative, Inc."}]','{}','{"plain": {}, "locked": {}}','2026-11-16 12:02:43.000000','olga','done','2026-11-16 12:05:35.000000','',NULL,NULL);
INSERT INTO "journal" VALUES(2,1,'groups','airtable','create','recgxOHH0SQbtQj4i','102','Manos Unidas Cocina Coop','[{"field": "Archived", "path": "Archived", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": null, "source": null, "before_raw": null, "after_raw": false}, {"field": "Civi ID", "path": "Civi ID", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": null, "source": null, "before_raw": null, "after_raw": "COOP-0001"}, {"field": "name", "path": "Group name", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": ["text", "Manos Unidas Cocina Coop"], "source": ["text", "Manos Unidas Cocina Coop"], "before_raw": null, "after_raw": "Manos Unidas Cocina Coop"}, {"field": "phone", "path": "Phone", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": ["text", "+14105550103"], "source": ["text", "+14105550103"], "before_raw": null, "after_raw": "+14105550103"}]','{}','{"plain": {"Civi ID": "COOP-0001"}, "locked": {}}','2026-11-16 12:02:43.000000','olga','done','2026-11-16 12:05:35.000000','',NULL,NULL);
INSERT INTO "journal" VALUES(3,1,'groups','airtable','create','rec2n00u3j0xBhLqP','107','Tierra Viva Sewing SC','[{"field": "Archived", "path": "Archived", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": null, "source": null, "before_raw": null, "after_raw": false}, {"field": "Civi ID", "path": "Civi ID", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": null, "source": null, "before_raw": null, "after_raw": "COOP-0003"}, {"field": "name", "path": "Group name", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": ["text", "Tierra Viva Sewing SC"], "source": ["text", "Tierra Viva Sewing SC"], "before_raw": null, "after_raw": "Tierra Viva Sewing SC"}, {"field": "phone", "path": "Phone", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": ["text", "+15135550129"], "source": ["text", "+15135550129"], "before_raw": null, "after_raw": "+15135550129"}]','{}','{"plain": {"Civi ID": "COOP-0003"}, "locked": {}}','2026-11-16 12:02:43.000000','olga','done','2026-11-16 12:05:35.000000','',NULL,NULL);
INSERT INTO "journal" VALUES(4,1,'groups','airtable','create','recXLa75NxI2CWLA5','108','Evergreen Brewery, LLC','[{"field": "Archived", "path": "Archived", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": null, "source": null, "before_raw": null, "after_raw": false}, {"field": "Civi ID", "path": "Civi ID", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": null, "source": null, "before_raw": null, "after_raw": "COOP-0004"}, {"field": "name", "path": "Group name", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": ["text", "Evergreen Brewery, LLC"], "source": ["text", "Evergreen Brewery, LLC"], "before_raw": null, "after_raw": "Evergreen Brewery, LLC"}, {"field": "phone", "path": "Phone", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": ["text", "+14125550164"], "source": ["text", "+14125550164"], "before_raw": null, "after_raw": "+14125550164"}]','{}','{"plain": {"Civi ID": "COOP-0004"}, "locked": {}}','2026-11-16 12:02:43.000000','olga','done','2026-11-16 12:05:35.000000','',NULL,NULL);
INSERT INTO "journal" VALUES(5,2,'groups','civicrm','update','102','recgxOHH0SQbtQj4i','Manos Unidas Cocina Coop','[{"field": "email", "path": "email_primary.email", "why": "first_contact", "clears": false, "sensitive": false, "seals": null, "before": ["text", "hello@manosunidascocina.example"], "after": ["text", "new@mail.example"], "source": ["text", "new@mail.example"], "before_raw": "hello@manosunidascocina.example", "after_raw": "new@mail.example"}]','{}','{"plain": {}, "locked": {}}','2026-11-17 12:05:36.000000','olga','done','2026-11-17 12:05:36.000000','',NULL,NULL);
INSERT INTO "journal" VALUES(6,2,'groups','civicrm','update','105','recBSo63bbH6xnAbn','Montaña Sewing Cooperative, Inc.','[{"field": "email", "path": "email_primary.email", "why": "changed", "clears": false, "sensitive": false, "seals": null, "before": ["text", "info@montanasewing.example"], "after": ["text", "office@montanasewing.example"], "source": ["text", "office@montanasewing.example"], "before_raw": "info@montanasewing.example", "after_raw": "office@montanasewing.example"}]','{}','{"plain": {}, "locked": {}}','2026-11-17 12:05:36.000000','olga','refused','2026-11-17 12:05:36.000000','CiviCRM refused a part of it','["email"]',401);
CREATE TABLE leases (
	mapping TEXT NOT NULL, 
	token BIGINT NOT NULL, 
	holder TEXT, 
	machine TEXT DEFAULT '' NOT NULL, 
	pid INTEGER DEFAULT '0' NOT NULL, 
	process_started BIGINT DEFAULT '0' NOT NULL, 
	since DATETIME, 
	expires_at DATETIME, 
	CONSTRAINT pk_leases PRIMARY KEY (mapping)
);
INSERT INTO "leases" VALUES('groups',2,NULL,'7c7298fa-deb9-41ff-a404-5d4b039365c7/pid:[4026531836]',21917,630968,'2026-11-17 12:05:36.000000','2026-11-17 12:07:36.000000');
CREATE TABLE links (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	mapping TEXT NOT NULL, 
	civicrm TEXT NOT NULL, 
	airtable TEXT NOT NULL, 
	absent BOOLEAN DEFAULT false NOT NULL, 
	made_at DATETIME NOT NULL, 
	made_by TEXT NOT NULL, 
	CONSTRAINT uq_links_mapping_airtable UNIQUE (mapping, airtable), 
	CONSTRAINT uq_links_mapping_civicrm UNIQUE (mapping, civicrm)
);
INSERT INTO "links" VALUES(1,'groups','105','recBSo63bbH6xnAbn',0,'2026-11-16 12:00:00.000000','');
INSERT INTO "links" VALUES(3,'groups','102','recgxOHH0SQbtQj4i',0,'2026-11-16 12:05:35.000000','');
INSERT INTO "links" VALUES(4,'groups','107','rec2n00u3j0xBhLqP',0,'2026-11-16 12:05:35.000000','');
INSERT INTO "links" VALUES(5,'groups','108','recXLa75NxI2CWLA5',0,'2026-11-16 12:05:35.000000','');
CREATE TABLE mappings (
	mapping TEXT NOT NULL, 
	civicrm_count INTEGER NOT NULL, 
	airtable_count INTEGER NOT NULL, 
	digest TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	CONSTRAINT pk_mappings PRIMARY KEY (mapping)
);
INSERT INTO "mappings" VALUES('groups',4,6,'d76013e7901a257323ed59862441ed7ae03fad0f967c12631f3ac84838d370c1','397a568fbcb48387fc5598698f7f8d7e48fb841c30a09bdcf4ab01ca459cf014');
CREATE TABLE marks (
	link INTEGER NOT NULL, 
	civicrm BLOB NOT NULL, 
	airtable BLOB NOT NULL, 
	CONSTRAINT pk_marks PRIMARY KEY (link), 
	CONSTRAINT fk_marks_link_links FOREIGN KEY(link) REFERENCES links (id) ON DELETE CASCADE
);
INSERT INTO "marks" VALUES(1,X'00FF10',X'A1B2C3');
CREATE TABLE memories (
	place TEXT NOT NULL, 
	told JSON NOT NULL, 
	CONSTRAINT pk_memories PRIMARY KEY (place)
);
INSERT INTO "memories" VALUES('schema of appFederation0001','{"tables": [{"id": "tblGroups00000001", "name": "Groups", "fields": []}], "at": "2026-11-22T08:00:00+00:00"}');
CREATE TABLE meta (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_meta PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('pepper','plain:b5a45475896c78154a1e50b380e6b60aa30a3f15428d55b6c0c0b8a0c039b24e');
CREATE TABLE notices (
	place TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	seen JSON NOT NULL, 
	sent JSON NOT NULL, 
	sent_at DATETIME, 
	CONSTRAINT pk_notices PRIMARY KEY (place, fingerprint)
);
INSERT INTO "notices" VALUES('airtable:appSandbox0000001/Discrepancies','1b5ef60910149a6a','{"Note": "5f2b"}','{"State": "91ac"}','2026-11-17 12:05:36.000000');
CREATE TABLE outbox (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	"key" TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	payload JSON NOT NULL, 
	state TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	thread_of TEXT, 
	ts TEXT, 
	attempts INTEGER NOT NULL, 
	error TEXT NOT NULL, 
	CONSTRAINT uq_outbox_key UNIQUE ("key")
);
INSERT INTO "outbox" VALUES(1,'digest:#membership:2026-11-16','#membership','{"text": "Groups: 1 open discrepancy (1 new).", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*Groups: 1 open discrepancy (1 new).*", "verbatim": true}}, {"type": "context", "elements": [{"type": "mrkdwn", "text": "As of Nov 16, 2026 12:05 UTC", "verbatim": true}]}, {"type": "section", "text": {"type": "mrkdwn", "text": "*Differs, and never agreed before* \u00b7 Groups \u00b7 1 new\n\u2022 *medium \u00b7 new* Monta\u00f1a Sewing Cooperative, Inc.: \u201cname\u201d differs, and the two systems never agreed on it before. \u00b7 <http://127.0.0.1:32981/civicrm/contact/view?reset=1&amp;cid=105|CiviCRM> \u00b7 <https://airtable.com/appFederation0001/tbli0VpEBOWfbZAVa/recBSo63bbH6xnAbn|Airtable> \u00b7 #1", "verbatim": true}}, {"type": "context", "elements": [{"type": "mrkdwn", "text": "\u201cbridge report --to html\u201d writes all of this as a page.", "verbatim": true}]}], "unfurl_links": false, "unfurl_media": false, "metadata": {"event_type": "bridge_message", "event_payload": {"key": "digest:#membership:2026-11-16"}}}','sent','2026-11-16 12:05:35.000000',NULL,'C00000001:1794830735.000000',1,'');
INSERT INTO "outbox" VALUES(2,'digest:#membership:2026-11-16/1','#membership','{"text": "Groups: 1 open discrepancy (1 new).", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*Differs, and never agreed before* \u00b7 Groups \u00b7 1 new\nCorrect the one that is wrong. Once both say the same, this closes by itself.\n\u2022 *medium \u00b7 new* Monta\u00f1a Sewing Cooperative, Inc.: \u201cname\u201d differs, and the two systems never agreed on it before. \u00b7 <http://127.0.0.1:32981/civicrm/contact/view?reset=1&amp;cid=105|CiviCRM> \u00b7 <https://airtable.com/appFederation0001/tbli0VpEBOWfbZAVa/recBSo63bbH6xnAbn|Airtable> \u00b7 #1", "verbatim": true}}], "unfurl_links": false, "unfurl_media": false, "metadata": {"event_type": "bridge_message", "event_payload": {"key": "digest:#membership:2026-11-16/1"}}}','sent','2026-11-16 12:05:35.000000','digest:#membership:2026-11-16','C00000001:1794830736.000000',1,'');
INSERT INTO "outbox" VALUES(3,'digest:#membership:2026-11-17','#membership','{"text": "Groups: 3 open discrepancies (3 new). 1 was resolved.", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*Groups: 3 open discrepancies (3 new). 1 was resolved.*", "verbatim": true}}, {"type": "context", "elements": [{"type": "mrkdwn", "text": "As of Nov 17, 2026 12:05 UTC", "verbatim": true}]}, {"type": "section", "text": {"type": "mrkdwn", "text": "*Differs, and never agreed before* \u00b7 Groups \u00b7 1 new\n\u2022 *medium \u00b7 new* Manos Unidas Cocina Coop: \u201cemail\u201d differs, and the two systems never agreed on it before. \u00b7 <http://127.0.0.1:32981/civicrm/contact/view?reset=1&amp;cid=102|CiviCRM> \u00b7 <https://airtable.com/appFederation0001/tbli0VpEBOWfbZAVa/recgxOHH0SQbtQj4i|Airtable> \u00b7 #4", "verbatim": true}}, {"type": "section", "text": {"type": "mrkdwn", "text": "*Blank where it should be filled* \u00b7 Groups \u00b7 2 new\n\u2022 *low \u00b7 new* Evergreen Brewery, LLC: \u201cemail\u201d is blank in Airtable, which owns it, and filled in CiviCRM. \u00b7 <http://127.0.0.1:32981/civicrm/contact/view?reset=1&amp;cid=108|CiviCRM> \u00b7 <https://airtable.com/appFederation0001/tbli0VpEBOWfbZAVa/recXLa75NxI2CWLA5|Airtable> \u00b7 #2\n\u2022 *low \u00b7 new* Tierra Viva Sewing SC: \u201cemail\u201d is blank in Airtable, which owns it, and filled in CiviCRM. \u00b7 <http://127.0.0.1:32981/civicrm/contact/view?reset=1&amp;cid=107|CiviCRM> \u00b7 <https://airtable.com/appFederation0001/tbli0VpEBOWfbZAVa/rec2n00u3j0xBhLqP|Airtable> \u00b7 #3", "verbatim": true}}, {"type": "context", "elements": [{"type": "mrkdwn", "text": "\u201cbridge report --to html\u201d writes all of this as a page.", "verbatim": true}]}], "unfurl_links": false, "unfurl_media": false, "metadata": {"event_type": "bridge_message", "event_payload": {"key": "digest:#membership:2026-11-17"}}}','sent','2026-11-17 12:05:36.000000',NULL,'C00000001:1794917136.000000',1,'');
INSERT INTO "outbox" VALUES(4,'digest:#membership:2026-11-17/1','#membership','{"text": "Groups: 3 open discrepancies (3 new). 1 was resolved.", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*Differs, and never agreed before* \u00b7 Groups \u00b7 1 new\nCorrect the one that is wrong. Once both say the same, this closes by itself.\n\u2022 *medium \u00b7 new* Manos Unidas Cocina Coop: \u201cemail\u201d differs, and the two systems never agreed on it before. \u00b7 <http://127.0.0.1:32981/civicrm/contact/view?reset=1&amp;cid=102|CiviCRM> \u00b7 <https://airtable.com/appFederation0001/tbli0VpEBOWfbZAVa/recgxOHH0SQbtQj4i|Airtable> \u00b7 #4", "verbatim": true}}, {"type": "section", "text": {"type": "mrkdwn", "text": "*Blank where it should be filled* \u00b7 Groups \u00b7 2 new\nFill it in where it is blank, or clear it in the other system.\n\u2022 *low \u00b7 new* Evergreen Brewery, LLC: \u201cemail\u201d is blank in Airtable, which owns it, and filled in CiviCRM. \u00b7 <http://127.0.0.1:32981/civicrm/contact/view?reset=1&amp;cid=108|CiviCRM> \u00b7 <https://airtable.com/appFederation0001/tbli0VpEBOWfbZAVa/recXLa75NxI2CWLA5|Airtable> \u00b7 #2\n\u2022 *low \u00b7 new* Tierra Viva Sewing SC: \u201cemail\u201d is blank in Airtable, which owns it, and filled in CiviCRM. \u00b7 <http://127.0.0.1:32981/civicrm/contact/view?reset=1&amp;cid=107|CiviCRM> \u00b7 <https://airtable.com/appFederation0001/tbli0VpEBOWfbZAVa/rec2n00u3j0xBhLqP|Airtable> \u00b7 #3", "verbatim": true}}, {"type": "section", "text": {"type": "mrkdwn", "text": "Resolved: Monta\u00f1a Sewing Cooperative, Inc.", "verbatim": true}}], "unfurl_links": false, "unfurl_media": false, "metadata": {"event_type": "bridge_message", "event_payload": {"key": "digest:#membership:2026-11-17/1"}}}','sent','2026-11-17 12:05:36.000000','digest:#membership:2026-11-17','C00000001:1794917137.000000',1,'');
CREATE TABLE pins (
	mapping TEXT NOT NULL, 
	side TEXT NOT NULL, 
	path TEXT NOT NULL, 
	sight JSON NOT NULL, 
	CONSTRAINT pk_pins PRIMARY KEY (mapping, side, path)
);
INSERT INTO "pins" VALUES('groups','civicrm','email_primary.email','{"path": "email_primary.email", "id": "email", "name": "email_primary.email", "kind": "String", "writable": true, "options": null, "max_length": 254}');
INSERT INTO "pins" VALUES('groups','civicrm','external_identifier','{"path": "external_identifier", "id": "external_identifier", "name": "external_identifier", "kind": "String", "writable": true, "options": null, "max_length": 64}');
INSERT INTO "pins" VALUES('groups','civicrm','organization_name','{"path": "organization_name", "id": "organization_name", "name": "organization_name", "kind": "String", "writable": true, "options": null, "max_length": 128}');
INSERT INTO "pins" VALUES('groups','civicrm','phone_primary.phone','{"path": "phone_primary.phone", "id": "phone", "name": "phone_primary.phone", "kind": "String", "writable": true, "options": null, "max_length": 32}');
INSERT INTO "pins" VALUES('groups','airtable','','{"path": "", "id": "tbli0VpEBOWfbZAVa", "name": "Groups", "kind": "table", "writable": false, "options": null, "max_length": null}');
INSERT INTO "pins" VALUES('groups','airtable','Archived','{"path": "Archived", "id": "fld7YIH0CyupbOzJd", "name": "Archived", "kind": "checkbox", "writable": true, "options": null, "max_length": null}');
INSERT INTO "pins" VALUES('groups','airtable','Civi ID','{"path": "Civi ID", "id": "fldhuSS6AZPsK20FK", "name": "Civi ID", "kind": "singleLineText", "writable": true, "options": null, "max_length": 100000}');
INSERT INTO "pins" VALUES('groups','airtable','Contact email','{"path": "Contact email", "id": "fldcpXzkIRPxBFWGy", "name": "Contact email", "kind": "email", "writable": true, "options": null, "max_length": 100000}');
INSERT INTO "pins" VALUES('groups','airtable','Group name','{"path": "Group name", "id": "fldBEoonCrbZINl91", "name": "Group name", "kind": "singleLineText", "writable": true, "options": null, "max_length": 100000}');
INSERT INTO "pins" VALUES('groups','airtable','Phone','{"path": "Phone", "id": "fldEbcR8KykF8VH1o", "name": "Phone", "kind": "phoneNumber", "writable": true, "options": null, "max_length": 100000}');
CREATE TABLE plans (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	digest TEXT NOT NULL, 
	mapping TEXT NOT NULL, 
	run INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	document JSON NOT NULL, 
	body JSON NOT NULL, 
	approved_by TEXT
);
INSERT INTO "plans" VALUES(1,'4ffffdbcd7ad59711ecbb429753f0ca7f9ee42402344bc4dbcc3e5478ce24ce7','groups',1,'applied','2026-11-16 12:00:00.000000','{"format": 1, "mapping": "groups", "mapping_digest": "d76013e7901a257323ed59862441ed7ae03fad0f967c12631f3ac84838d370c1", "changes": [{"side": "airtable", "action": "update", "id": "recBSo63bbH6xnAbn", "partner": "105", "name": "Monta\u00f1a Sewing Cooperative, Inc.", "cells": [{"field": "name", "path": "Group name", "why": "first_contact", "clears": false, "before": "Tierra Viva Sewing SC", "after": "Monta\u00f1a Sewing Cooperative, Inc."}]}, {"side": "airtable", "action": "create", "id": null, "partner": "102", "name": "Manos Unidas Cocina Coop", "cells": [{"field": "Archived", "path": "Archived", "why": "create", "clears": false, "before": null, "after": false}, {"field": "Civi ID", "path": "Civi ID", "why": "create", "clears": false, "before": null, "after": "COOP-0001"}, {"field": "name", "path": "Group name", "why": "create", "clears": false, "before": null, "after": "Manos Unidas Cocina Coop"}, {"field": "phone", "path": "Phone", "why": "create", "clears": false, "before": null, "after": "+14105550103"}]}, {"side": "airtable", "action": "create", "id": null, "partner": "107", "name": "Tierra Viva Sewing SC", "cells": [{"field": "Archived", "path": "Archived", "why": "create", "clears": false, "before": null, "after": false}, {"field": "Civi ID", "path": "Civi ID", "why": "create", "clears": false, "before": null, "after": "COOP-0003"}, {"field": "name", "path": "Group name", "why": "create", "clears": false, "before": null, "after": "Tierra Viva Sewing SC"}, {"field": "phone", "path": "Phone", "why": "create", "clears": false, "before": null, "after": "+15135550129"}]}, {"side": "airtable", "action": "create", "id": null, "partner": "108", "name": "Evergreen Brewery, LLC", "cells": [{"field": "Archived", "path": "Archived", "why": "create", "clears": false, "before": null, "after": false}, {"field": "Civi ID", "path": "Civi ID", "why": "create", "clears": false, "before": null, "after": "COOP-0004"}, {"field": "name", "path": "Group name", "why": "create", "clears": false, "before": null, "after": "Evergreen Brewery, LLC"}, {"field": "phone", "path": "Phone", "why": "create", "clears": false, "before": null, "after": "+14125550164"}]}], "discrepancies": [{"fingerprint": "c6f991536df9799b", "code": 202, "rule": null, "severity": "medium", "name": "Monta\u00f1a Sewing Cooperative, Inc.", "field": "name", "civicrm_id": "105", "airtable_id": "recBSo63bbH6xnAbn", "civicrm": "Monta\u00f1a Sewing Cooperative, Inc.", "airtable": "Tierra Viva Sewing SC", "details": {}}], "new_links": [["105", "recBSo63bbH6xnAbn"]], "population": {"civicrm": 4, "airtable": 3}, "calls": {"civicrm": 0, "airtable": 6}, "breaches": [], "complete": true, "digest": "4ffffdbcd7ad59711ecbb429753f0ca7f9ee42402344bc4dbcc3e5478ce24ce7"}','{"mapping": "groups", "mapping_digest": "d76013e7901a257323ed59862441ed7ae03fad0f967c12631f3ac84838d370c1", "changes": [{"mapping": "groups", "side": "airtable", "action": "update", "id": "recBSo63bbH6xnAbn", "partner": "105", "name": "Monta\u00f1a Sewing Cooperative, Inc.", "cells": [{"field": "name", "path": "Group name", "why": "first_contact", "clears": false, "sensitive": false, "seals": null, "before": ["text", "Tierra Viva Sewing SC"], "after": ["text", "Monta\u00f1a Sewing Cooperative, Inc."], "source": ["text", "Monta\u00f1a Sewing Cooperative, Inc."], "before_raw": "Tierra Viva Sewing SC", "after_raw": "Monta\u00f1a Sewing Cooperative, Inc."}], "extra": {}, "keys": {"plain": {}, "locked": {}}}, {"mapping": "groups", "side": "airtable", "action": "create", "id": null, "partner": "102", "name": "Manos Unidas Cocina Coop", "cells": [{"field": "Archived", "path": "Archived", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": null, "source": null, "before_raw": null, "after_raw": false}, {"field": "Civi ID", "path": "Civi ID", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": null, "source": null, "before_raw": null, "after_raw": "COOP-0001"}, {"field": "name", "path": "Group name", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": ["text", "Manos Unidas Cocina Coop"], "source": ["text", "Manos Unidas Cocina Coop"], "before_raw": null, "after_raw": "Manos Unidas Cocina Coop"}, {"field": "phone", "path": "Phone", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": ["text", "+14105550103"], "source": ["text", "+14105550103"], "before_raw": null, "after_raw": "+14105550103"}], "extra": {}, "keys": {"plain": {"Civi ID": "COOP-0001"}, "locked": {}}}, {"mapping": "groups", "side": "airtable", "action": "create", "id": null, "partner": "107", "name": "Tierra Viva Sewing SC", "cells": [{"field": "Archived", "path": "Archived", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": null, "source": null, "before_raw": null, "after_raw": false}, {"field": "Civi ID", "path": "Civi ID", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": null, "source": null, "before_raw": null, "after_raw": "COOP-0003"}, {"field": "name", "path": "Group name", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": ["text", "Tierra Viva Sewing SC"], "source": ["text", "Tierra Viva Sewing SC"], "before_raw": null, "after_raw": "Tierra Viva Sewing SC"}, {"field": "phone", "path": "Phone", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": ["text", "+15135550129"], "source": ["text", "+15135550129"], "before_raw": null, "after_raw": "+15135550129"}], "extra": {}, "keys": {"plain": {"Civi ID": "COOP-0003"}, "locked": {}}}, {"mapping": "groups", "side": "airtable", "action": "create", "id": null, "partner": "108", "name": "Evergreen Brewery, LLC", "cells": [{"field": "Archived", "path": "Archived", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": null, "source": null, "before_raw": null, "after_raw": false}, {"field": "Civi ID", "path": "Civi ID", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": null, "source": null, "before_raw": null, "after_raw": "COOP-0004"}, {"field": "name", "path": "Group name", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": ["text", "Evergreen Brewery, LLC"], "source": ["text", "Evergreen Brewery, LLC"], "before_raw": null, "after_raw": "Evergreen Brewery, LLC"}, {"field": "phone", "path": "Phone", "why": "create", "clears": false, "sensitive": false, "seals": null, "before": null, "after": ["text", "+14125550164"], "source": ["text", "+14125550164"], "before_raw": null, "after_raw": "+14125550164"}], "extra": {}, "keys": {"plain": {"Civi ID": "COOP-0004"}, "locked": {}}}], "discrepancies": [{"mapping": "groups", "code": 202, "severity": "medium", "ids": {"civicrm": "105", "airtable": "recBSo63bbH6xnAbn"}, "name": "Monta\u00f1a Sewing Cooperative, Inc.", "rule": null, "field": "name", "shown": {"civicrm": "Monta\u00f1a Sewing Cooperative, Inc.", "airtable": "Tierra Viva Sewing SC"}, "details": {}, "evidence": "a1e5aabc0e57c8f8"}], "links": [["105", "recBSo63bbH6xnAbn"]], "population": [{"civicrm": 4, "airtable": 3}, {"civicrm": null, "airtable": null}], "complete": true, "calls": {"civicrm": 0, "airtable": 6}, "breaches": []}',NULL);
INSERT INTO "plans" VALUES(2,'e70b20f6c103592a29c805d7a0edfe65c771cde93fe039f9d9e65c8dbf62bdbc','groups',2,'applied','2026-11-17 12:05:36.000000','{"format": 1, "mapping": "groups", "mapping_digest": "d76013e7901a257323ed59862441ed7ae03fad0f967c12631f3ac84838d370c1", "changes": [{"side": "civicrm", "action": "update", "id": "102", "partner": "recgxOHH0SQbtQj4i", "name": "Manos Unidas Cocina Coop", "cells": [{"field": "email", "path": "email_primary.email", "why": "first_contact", "clears": false, "before": "hello@manosunidascocina.example", "after": "new@mail.example"}]}], "discrepancies": [{"fingerprint": "1b5ef60910149a6a", "code": 201, "rule": null, "severity": "low", "name": "Evergreen Brewery, LLC", "field": "email", "civicrm_id": "108", "airtable_id": "recXLa75NxI2CWLA5", "civicrm": "hello@evergreenbrewery.example", "airtable": "\u2014", "details": {}}, {"fingerprint": "a9f0c5602f25c550", "code": 201, "rule": null, "severity": "low", "name": "Tierra Viva Sewing SC", "field": "email", "civicrm_id": "107", "airtable_id": "rec2n00u3j0xBhLqP", "civicrm": "office@tierravivasewing.example", "airtable": "\u2014", "details": {}}, {"fingerprint": "114b13a71cfd24b3", "code": 202, "rule": null, "severity": "medium", "name": "Manos Unidas Cocina Coop", "field": "email", "civicrm_id": "102", "airtable_id": "recgxOHH0SQbtQj4i", "civicrm": "hello@manosunidascocina.example", "airtable": "new@mail.example", "details": {}}], "new_links": [], "population": {"civicrm": 4, "airtable": 6}, "calls": {"civicrm": 2, "airtable": 0}, "breaches": [], "complete": true, "digest": "e70b20f6c103592a29c805d7a0edfe65c771cde93fe039f9d9e65c8dbf62bdbc"}','{"mapping": "groups", "mapping_digest": "d76013e7901a257323ed59862441ed7ae03fad0f967c12631f3ac84838d370c1", "changes": [{"mapping": "groups", "side": "civicrm", "action": "update", "id": "102", "partner": "recgxOHH0SQbtQj4i", "name": "Manos Unidas Cocina Coop", "cells": [{"field": "email", "path": "email_primary.email", "why": "first_contact", "clears": false, "sensitive": false, "seals": null, "before": ["text", "hello@manosunidascocina.example"], "after": ["text", "new@mail.example"], "source": ["text", "new@mail.example"], "before_raw": "hello@manosunidascocina.example", "after_raw": "new@mail.example"}], "extra": {}, "keys": {"plain": {}, "locked": {}}}], "discrepancies": [{"mapping": "groups", "code": 201, "severity": "low", "ids": {"civicrm": "108", "airtable": "recXLa75NxI2CWLA5"}, "name": "Evergreen Brewery, LLC", "rule": null, "field": "email", "shown": {"civicrm": "hello@evergreenbrewery.example", "airtable": "\u2014"}, "details": {}, "evidence": "8ff99acb9ef28aac"}, {"mapping": "groups", "code": 201, "severity": "low", "ids": {"civicrm": "107", "airtable": "rec2n00u3j0xBhLqP"}, "name": "Tierra Viva Sewing SC", "rule": null, "field": "email", "shown": {"civicrm": "office@tierravivasewing.example", "airtable": "\u2014"}, "details": {}, "evidence": "83fa8b2dcad0659a"}, {"mapping": "groups", "code": 202, "severity": "medium", "ids": {"civicrm": "102", "airtable": "recgxOHH0SQbtQj4i"}, "name": "Manos Unidas Cocina Coop", "rule": null, "field": "email", "shown": {"civicrm": "hello@manosunidascocina.example", "airtable": "new@mail.example"}, "details": {}, "evidence": "2b2e57f38e011d3b"}], "links": [], "population": [{"civicrm": 4, "airtable": 6}, {"civicrm": 4, "airtable": 3}], "complete": true, "calls": {"civicrm": 2, "airtable": 0}, "breaches": []}',NULL);
CREATE TABLE runs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	mapping TEXT NOT NULL, 
	mode TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	state TEXT NOT NULL, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	digest TEXT, 
	counts JSON NOT NULL, 
	note TEXT NOT NULL, 
	"by" TEXT NOT NULL
);
INSERT INTO "runs" VALUES(1,'groups','correct','sweep','done','2026-11-16 12:00:00.000000','2026-11-16 12:05:35.000000','4ffffdbcd7ad59711ecbb429753f0ca7f9ee42402344bc4dbcc3e5478ce24ce7','{"civicrm_records": 4, "airtable_records": 3, "changes": 4, "written": 4, "refused": 0, "stale": 0, "in_doubt": 0, "doubts_settled": 0, "discrepancies": 1}','','olga');
INSERT INTO "runs" VALUES(2,'groups','correct','sweep','done','2026-11-17 12:05:36.000000','2026-11-17 12:05:36.000000','e70b20f6c103592a29c805d7a0edfe65c771cde93fe039f9d9e65c8dbf62bdbc','{"civicrm_records": 4, "airtable_records": 6, "changes": 1, "written": 1, "refused": 0, "stale": 0, "in_doubt": 0, "doubts_settled": 0, "discrepancies": 3}','','olga');
CREATE TABLE slots (
	base TEXT NOT NULL, 
	sent JSON NOT NULL, 
	paused_until FLOAT NOT NULL, 
	CONSTRAINT pk_slots PRIMARY KEY (base)
);
INSERT INTO "slots" VALUES('appFederation0001','[1795313974.3036728, 1795313974.3569033, 1795313974.741635, 1795313974.9700115, 1795313975.0017052, 1795313975.3412735, 1795313975.3872566, 1795313975.80024, 1795313976.020647, 1795313977.71587, 1795313977.7496734, 1795314037.97704]',0.0);
CREATE TABLE stops (
	link INTEGER NOT NULL, 
	field TEXT NOT NULL, 
	side TEXT NOT NULL, 
	code INTEGER NOT NULL, 
	definition TEXT NOT NULL, 
	sealed BOOLEAN NOT NULL, 
	source TEXT, 
	CONSTRAINT pk_stops PRIMARY KEY (link, field), 
	CONSTRAINT fk_stops_link_links FOREIGN KEY(link) REFERENCES links (id) ON DELETE CASCADE
);
CREATE TABLE syncs (
	id TEXT NOT NULL, 
	wish JSON NOT NULL, 
	"by" TEXT NOT NULL, 
	stage TEXT NOT NULL, 
	asked_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, 
	runs JSON NOT NULL, 
	problem TEXT NOT NULL, 
	machine TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	process_started BIGINT NOT NULL, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_syncs PRIMARY KEY (id)
);
INSERT INTO "syncs" VALUES('5d0c1e7a','{"names": ["groups"]}','operator:maria','done','2026-11-17 12:05:00.000000','2026-11-17 12:05:30.000000','2026-11-17 12:05:36.000000','[2]','','box',4242,1700000000,'2026-11-17 12:07:36.000000');
CREATE TABLE watermarks (
	mapping TEXT NOT NULL, 
	side TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_watermarks PRIMARY KEY (mapping, side)
);
INSERT INTO "watermarks" VALUES('groups','airtable','2026-11-17 12:05:36.000000');
INSERT INTO "watermarks" VALUES('groups','civicrm','2026-11-17 12:05:30.000000');
CREATE INDEX ix_entries_mapping ON entries (mapping);
CREATE INDEX ix_events_at ON events (at);
CREATE INDEX ix_events_fingerprint ON events (fingerprint);
CREATE INDEX ix_outbox_state ON outbox (state);
CREATE INDEX ix_plans_digest ON plans (digest);
CREATE INDEX ix_plans_state ON plans (state);
CREATE INDEX ix_runs_mapping ON runs (mapping);
CREATE INDEX ix_journal_open ON journal (mapping) WHERE outcome IS NULL OR outcome = 'in_doubt';
CREATE INDEX ix_journal_record ON journal (record, side);
CREATE INDEX ix_journal_run ON journal (run);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',2);
INSERT INTO "sqlite_sequence" VALUES('plans',2);
INSERT INTO "sqlite_sequence" VALUES('links',6);
INSERT INTO "sqlite_sequence" VALUES('entries',4);
INSERT INTO "sqlite_sequence" VALUES('events',5);
INSERT INTO "sqlite_sequence" VALUES('journal',6);
INSERT INTO "sqlite_sequence" VALUES('outbox',4);
COMMIT;
