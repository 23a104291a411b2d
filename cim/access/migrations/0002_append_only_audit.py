from django.db import migrations

# The entry of an account that is deleted loses the key to it and nothing else: that is what SET_NULL does.
REFUSE = """
create function access_refuse_audit_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if new.actor_id is null and to_jsonb(new) - 'actor_id' = to_jsonb(old) - 'actor_id' then
            return new;
        end if;
    elsif current_setting('cim.purging_audit', true) = 'yes' then
        return old;
    end if;
    raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
end
$$;

create trigger audit_is_append_only before update or delete on access_auditentry
    for each row execute function access_refuse_audit_change();
"""

# Runs with the rights of the owner: the role of web and workers has no DELETE on the table (Q4).
PURGE = """
create function access_purge_audit(made_before timestamptz) returns bigint
    language plpgsql security definer set search_path from current as $$
declare
    purged bigint;
begin
    perform set_config('cim.purging_audit', 'yes', true);
    delete from access_auditentry where at < made_before;
    get diagnostics purged = row_count;
    perform set_config('cim.purging_audit', '', true);
    insert into access_auditentry (actor_name, action, via, object_type, object_id, data)
        values ('', 'audit.purge', 'system', '', '', jsonb_build_object('before', made_before, 'entries', purged));
    return purged;
end
$$;
revoke all on function access_purge_audit(timestamptz) from public;
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0001_access")]

    operations = [
        migrations.RunSQL(
            REFUSE,
            "drop trigger audit_is_append_only on access_auditentry; drop function access_refuse_audit_change();",
        ),
        migrations.RunSQL(PURGE, "drop function access_purge_audit(timestamptz);"),
    ]
