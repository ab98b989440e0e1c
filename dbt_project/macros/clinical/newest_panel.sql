{#- Members of programs by the newest snapshot of their payer: whom lists of today are about. -#}
{% macro newest_panel() -%}
    select
        attributions.person_key,
        persons.payer,
        persons.person_id,
        attributions.program_id,
        attributions.partner_id,
        attributions.practice_id,
        attributions.npi,
        persons.death_date
    from {{ ref('int_member_attribution') }} as attributions
    inner join {{ ref('int_person') }} as persons on attributions.person_key = persons.person_key
    inner join (
        select
            payer_key,
            max(snapshot_date) as snapshot_date
        from {{ ref('int_attribution_snapshot') }}
        group by payer_key
    ) as newest
        on
            persons.payer_key = newest.payer_key
            and attributions.snapshot_date = newest.snapshot_date
    where attributions.program_id is not null
{%- endmacro %}
