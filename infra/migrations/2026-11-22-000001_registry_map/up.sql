-- Whether a community's map is still the one that was drawn last is told by how many homes there are and what their versions
-- add up to: versions only grow. That sum is read from this index alone.
CREATE INDEX homes_of_map ON homes (community_id, version) WHERE building_id IS NOT NULL;
