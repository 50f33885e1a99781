-- forgotten/replies · that somebody wrote stays, neither who, nor what, nor from which number
update replies
set msisdn = null,
    text = null,
    person_key = ''
where person_key in :person_keys;
