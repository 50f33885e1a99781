-- consents/outdate · newer statements are about to take their place; they stay as history
update consents
set is_current = false
where consent = :consent;
