-- forgotten/suppressions · they stay suppressed, by person key alone
update suppressions
set msisdn = null
where person_key in :person_keys;
