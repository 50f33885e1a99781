-- contacts/leave · what is left of its memberships: those of lists that were deleted
delete from list_members
where contact = :contact;
