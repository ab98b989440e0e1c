{%- set comorbidities = lace_comorbidities() -%}
{%- set findings = [] -%}
{%- for grades in comorbidities -%}
    {%- for points, names in grades -%}{%- do findings.extend(names) -%}{%- endfor -%}
{%- endfor -%}
-- METHODS L.1, B.6 and F.4: everybody with medical cover in the year before the run's day, where she
-- belongs by the newest snapshot, how she is reached, and what keeps her off lists. Coordinators are
-- those whom a group's care log of the last year names; members are dealt to them by practice, then
-- by person. Who is the payer's case manager is told by the payer's own log entries.

with

run as (

    select as_of from {{ ref('stg_ledger__run') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

-- The newest snapshot of each payer alone: the view of all would be spelt out for every month.
newest as (

    select
        payer_key,
        max(snapshot_number) as snapshot_number
    from {{ ref('int_attribution_snapshot') }}
    group by payer_key

),

panels as (

    select
        decided.person_key,
        decided.npi,
        groups.program_id,
        program_clinicians.partner_id,
        program_clinicians.practice_id,
        decided.group_number is not null and not decided.is_in_program as is_attributed_elsewhere,
        decided.step = 8 as is_unattributed
    from {{ ref('int_attribution_decided') }} as decided
    inner join newest
        on
            decided.payer_key = newest.payer_key
            and decided.snapshot_number = newest.snapshot_number
    left join {{ ref('int_attribution_group') }} as groups
        on decided.group_number = groups.group_number
    left join {{ ref('int_program_clinician_month') }} as program_clinicians
        on
            decided.payer_key = program_clinicians.payer_key
            and decided.npi = program_clinicians.npi
            and decided.group_number = program_clinicians.group_number
            and decided.snapshot_number = program_clinicians.snapshot_number

),

spans as (

    select * from {{ ref('int_coverage_span') }} where coverage_kind = 'medical'

),

covers as (

    select
        spans.person_key,
        max(spans.span_end_date) as cover_end_date,
        bool_or(
            spans.span_start_date <= run.as_of and spans.span_end_date >= run.as_of
        ) as is_covered
    from spans
    cross join run
    where
        spans.span_start_date <= run.as_of
        and spans.span_end_date >= {{ date_plus_months('run.as_of', -12) }}
    group by spans.person_key

),

-- LACE's C (F.1) of the 24 months before the run's day; a stay that no claim tells of adds nothing yet.
-- In the same pass, hospice of the last twelve.
ailments as (

    select
        events.person_key,
        0
        {%- for grades in comorbidities %}
        + case
            {%- for points, names in grades %}
            when bool_or(events.concept_key in {{ concepts(names) }}) then {{ points }}
            {%- endfor %}
            else 0
        end
        {%- endfor %} as points,
        bool_or(
            events.concept_key = {{ concept('hospice') }}
            and events.event_date > {{ date_plus_months('run.as_of', -12) }}
        ) as is_hospice
    from {{ ref('int_clinical_event') }} as events
    cross join run
    where
        (
            events.concept_key = {{ concept('hospice') }}
            or (
                events.concept_key in {{ concepts(findings) }}
                and events.source_kind in ({{ source_kind('stay') }}, {{ source_kind('visit') }})
            )
        )
        and events.event_date >= {{ lookback_start('run.as_of', 24) }}
        and events.event_date <= run.as_of
    group by events.person_key

),

-- Part of HR1 (C.3): an unplanned readmission in the year before.
readmitted as (

    select distinct stays.person_key
    from {{ ref('int_index_stay') }} as stays
    cross join run
    where
        stays.is_readmission
        and stays.admission_date > {{ date_plus_months('run.as_of', -12) }}
        and stays.admission_date <= run.as_of

),

senders as (

    select distinct
        payer,
        source_id,
        program_id,
        partner_id
    from {{ ref('stg_ledger__provider_roster') }}
    where program_id is not null and partner_id is not null

),

-- B.6: an encounter in the group's own records makes a member provisional before claims do.
encounters as (

    select
        results.payer,
        results.person_id,
        min(senders.program_id) as program_id,
        min(senders.partner_id) as partner_id,
        count(distinct senders.program_id) as programs
    from {{ ref('stg_ledger__clinical_result') }} as results
    cross join run
    inner join senders
        on results.payer = senders.payer and results.source_id = senders.source_id
    where
        results.setting = 'office'
        and results.service_date > {{ date_plus_days('run.as_of', -60) }}
        and results.service_date <= run.as_of
    group by results.payer, results.person_id

),

contacts as (

    select *
    from {{ ref('stg_ledger__member_contact') }}
    qualify row_number() over (
        partition by payer, person_id order by delivery_order desc, row_number desc
    ) = 1

),

log_entries as (

    select
        entries.payer,
        entries.source_id,
        entries.person_id,
        entries.coordinator_id,
        entries.coordinator_role,
        entries.activity_date
    from {{ ref('stg_ledger__care_log_entry') }} as entries
    cross join run
    where
        entries.coordinator_id is not null
        and entries.activity_date > {{ date_plus_months('run.as_of', -12) }}

),

coordinators as (

    select
        senders.program_id,
        senders.partner_id,
        log_entries.coordinator_id,
        row_number() over (
            partition by senders.program_id, senders.partner_id
            order by log_entries.coordinator_id
        ) - 1 as slot,
        count(*) over (partition by senders.program_id, senders.partner_id) as slots
    from log_entries
    inner join senders
        on log_entries.payer = senders.payer and log_entries.source_id = senders.source_id
    where coalesce(log_entries.coordinator_role, 'other') <> 'payer_case_manager'
    group by senders.program_id, senders.partner_id, log_entries.coordinator_id

),

case_managers as (

    select
        payer,
        person_id,
        max_by(coordinator_id, activity_date) as case_manager_id
    from (
        select
            payer,
            person_id,
            activity_date,
            max(coordinator_id) as coordinator_id
        from log_entries
        where coordinator_role = 'payer_case_manager'
        group by payer, person_id, activity_date
    ) as days_of_case_managers
    group by payer, person_id

),

dealt as (

    select
        person_key,
        program_id,
        partner_id,
        row_number() over (
            partition by program_id, partner_id order by practice_id nulls last, person_key
        ) - 1 as place,
        count(*) over (partition by program_id, partner_id) as members
    from panels
    where program_id is not null

),

owners as (

    select
        dealt.person_key,
        coordinators.coordinator_id
    from dealt
    inner join coordinators
        on
            dealt.program_id = coordinators.program_id
            and dealt.partner_id = coordinators.partner_id
            and cast(
                floor(cast(dealt.place * coordinators.slots as double) / dealt.members) as bigint
            ) = coordinators.slot

),

final as (

    select
        cast(covers.person_key as int) as person_key,
        cast(panels.npi as bigint) as npi,
        cast(persons.payer as string) as payer,
        cast(persons.person_id as string) as person_id,
        cast(panels.program_id as string) as program_id,
        cast(panels.partner_id as string) as partner_id,
        cast(panels.practice_id as string) as practice_id,
        cast(owners.coordinator_id as string) as coordinator_id,
        cast(case_managers.case_manager_id as string) as case_manager_id,
        cast(contacts.last_name as string) as last_name,
        cast(contacts.first_name as string) as first_name,
        cast(persons.sex as string) as sex,
        cast(contacts.phone_number as string) as phone_number,
        cast(contacts.phone_type as string) as phone_type,
        cast(contacts.language_code as string) as language_code,
        cast(contacts.preferred_contact as string) as preferred_contact,
        cast(coalesce(ailments.points, 0) as int) as comorbidity_points,
        cast(case when encounters.programs = 1 then encounters.program_id end as string)
            as encounter_program_id,
        cast(case when encounters.programs = 1 then encounters.partner_id end as string)
            as encounter_partner_id,
        cast(coalesce(encounters.programs > 1, false) as boolean) as is_seen_by_two_programs,
        cast(covers.is_covered as boolean) as is_covered,
        cast(coalesce(ailments.is_hospice, false) as boolean) as is_hospice,
        cast(readmitted.person_key is not null as boolean) as was_readmitted,
        cast(coalesce(panels.is_attributed_elsewhere, false) as boolean)
            as is_attributed_elsewhere,
        cast(coalesce(panels.is_unattributed, false) as boolean) as is_unattributed,
        cast(persons.birth_date as date) as birth_date,
        cast(persons.death_date as date) as death_date,
        cast(covers.cover_end_date as date) as cover_end_date,
        cast(contacts.opt_out_date as date) as opt_out_date
    from covers
    inner join persons on covers.person_key = persons.person_key
    left join panels on covers.person_key = panels.person_key
    left join owners on covers.person_key = owners.person_key
    left join readmitted on covers.person_key = readmitted.person_key
    left join encounters
        on
            panels.program_id is null
            and persons.payer = encounters.payer
            and persons.person_id = encounters.person_id
    left join ailments on covers.person_key = ailments.person_key
    left join contacts
        on persons.payer = contacts.payer and persons.person_id = contacts.person_id
    left join case_managers
        on persons.payer = case_managers.payer and persons.person_id = case_managers.person_id

)

select * from final
