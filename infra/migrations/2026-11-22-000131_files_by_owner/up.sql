-- What somebody has uploaded: counted at each upload as far as it belongs to nothing, let go with the account, listed in their own copy.
CREATE INDEX files_by_owner ON files (owner_id, subject_id);
