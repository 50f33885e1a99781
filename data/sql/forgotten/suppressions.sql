-- forgotten/suppressions · they stay suppressed, by person key alone: a reason or a source in words might tell of them
update suppressions
set msisdn = null,
    reason = 'forgotten',
    source = 'forget'
where person_key in :person_keys;
