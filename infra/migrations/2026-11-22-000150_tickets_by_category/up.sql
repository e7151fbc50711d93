-- A page of one category costs the same however few of a community's tickets are of it.
CREATE INDEX repair_tickets_by_category ON repair_tickets (community_id, category, id);
