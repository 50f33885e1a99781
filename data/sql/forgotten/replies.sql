-- forgotten/replies · that they wrote stays, neither what nor from which number
update replies
set msisdn = null,
    text = null
where person_key in :person_keys;
