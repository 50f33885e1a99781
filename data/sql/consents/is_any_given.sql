-- consents/is_any_given · grain: one row, whether anybody has agreed to the purpose
select exists (
    select 1
    from consents
    where is_current
      and is_given
      and purpose = :purpose
);
