-- What goes with a coordinator's contact, by landmark (so that nobody is counted as not contacted because
-- what is measured came first). Association, not proof: whom a nurse reaches is not chance.
--   follow_up    discharges home of the last year; landmark: the end of day 2 after it, among those with
--                no visit and alive by then; contacted: reached by then; event: a visit on days 3 to 7
--   gap_closure  gaps open at a month's start and at its end; contacted: reached about that gap in the
--                month; event: closed in the 90 days after the month; of a measure's rates the one that
--                has a weight, as on worklists
-- Only days that care log and claims both tell of; below 30 in either group (min_den) no verdict.
-- Intervals of each rate are Wilson's, of their difference Newcombe's hybrid of the two.

with

run as (

    select as_of from {{ ref('stg_ledger__run') }}

),

members as (

    select
        person_key,
        payer,
        person_id,
        program_id
    from {{ ref('int_care_member') }}
    where program_id is not null

),

reached as (

    select
        members.person_key,
        entries.gap_code,
        entries.task,
        entries.activity_date
    from {{ ref('stg_ledger__care_log_entry') }} as entries
    inner join members
        on entries.payer = members.payer and entries.person_id = members.person_id
    where entries.activity = 'outreach' and entries.outcome in ('reached', 'completed')

),

log_start as (

    select min(activity_date) as log_start_date from {{ ref('stg_ledger__care_log_entry') }}

),

visits as (

    select
        visits.person_key,
        visits.visit_date
    from {{ ref('int_office_visit') }} as visits
    inner join members on visits.person_key = members.person_key
    group by visits.person_key, visits.visit_date

),

claims_end as (

    select max(visit_date) as claims_end_date from visits

),

-- Discharged home alive, not again in hospital and with no visit by the end of day 2.
discharges as (

    select
        stays.index_key,
        stays.person_key,
        members.program_id,
        stays.discharge_date
    from {{ ref('int_index_stay') }} as stays
    inner join members on stays.person_key = members.person_key
    cross join run
    cross join log_start
    cross join claims_end
    left join {{ ref('int_person') }} as persons on stays.person_key = persons.person_key
    where
        stays.discharge_status_code in ('01', '06', '07')
        and stays.discharge_date > {{ date_plus_months('run.as_of', -12) }}
        and stays.discharge_date >= log_start.log_start_date
        and {{ date_plus_days('stays.discharge_date', 7) }} <= claims_end.claims_end_date
        and coalesce(stays.days_until_next > 2, true)
        and coalesce(
            persons.death_date > {{ date_plus_days('stays.discharge_date', 2) }}, true
        )

),

discharge_visits as (

    select
        discharges.index_key,
        bool_or(
            visits.visit_date <= {{ date_plus_days('discharges.discharge_date', 2) }}
        ) as is_early,
        bool_or(
            visits.visit_date > {{ date_plus_days('discharges.discharge_date', 2) }}
        ) as is_event
    from discharges
    inner join visits
        on
            discharges.person_key = visits.person_key
            and visits.visit_date > discharges.discharge_date
            and visits.visit_date <= {{ date_plus_days('discharges.discharge_date', 7) }}
    group by discharges.index_key

),

discharge_contacts as (

    select distinct discharges.index_key
    from discharges
    inner join reached
        on
            discharges.person_key = reached.person_key
            and reached.activity_date >= discharges.discharge_date
            and reached.activity_date <= {{ date_plus_days('discharges.discharge_date', 2) }}

),

months as (

    select distinct
        {{ first_of_month('reached.activity_date') }} as month_start_date,
        {{ end_of_month('reached.activity_date') }} as month_end_date
    from reached
    cross join claims_end
    where {{ date_plus_days(end_of_month('reached.activity_date'), 90) }}
        <= claims_end.claims_end_date

),

open_gaps as (

    select
        members.person_key,
        members.program_id,
        gaps.measure_id,
        months.month_start_date,
        months.month_end_date,
        max(
            case
                when
                    gaps.closed_on > months.month_end_date
                    and gaps.closed_on <= {{ date_plus_days('months.month_end_date', 90) }}
                    then 1
                else 0
            end
        ) as closed
    from {{ ref('fct_gap') }} as gaps
    inner join members on gaps.payer = members.payer and gaps.person_id = members.person_id
    inner join months
        on
            gaps.opened_on < months.month_start_date
            and coalesce(gaps.closed_on > months.month_end_date, true)
    where
        gaps.state in ('OVERDUE', 'DUE_SOON', 'OPEN', 'CLOSED', 'MISSED')
        and gaps.weight > 0
        and gaps.measured_date >= months.month_end_date
    group by
        members.person_key,
        members.program_id,
        gaps.measure_id,
        months.month_start_date,
        months.month_end_date

),

gap_contacts as (

    select distinct
        reached.person_key,
        reached.gap_code,
        {{ first_of_month('reached.activity_date') }} as month_start_date
    from reached
    where reached.task = 'gap' and reached.gap_code is not null

),

observed as (

    select
        'follow_up' as analysis,
        discharges.program_id,
        discharge_contacts.index_key is not null as is_contacted,
        coalesce(discharge_visits.is_event, false) as is_event
    from discharges
    left join discharge_visits on discharges.index_key = discharge_visits.index_key
    left join discharge_contacts on discharges.index_key = discharge_contacts.index_key
    where not coalesce(discharge_visits.is_early, false)
    union all
    select
        'gap_closure' as analysis,
        open_gaps.program_id,
        gap_contacts.person_key is not null as is_contacted,
        open_gaps.closed = 1 as is_event
    from open_gaps
    left join gap_contacts
        on
            open_gaps.person_key = gap_contacts.person_key
            and open_gaps.measure_id = gap_contacts.gap_code
            and open_gaps.month_start_date = gap_contacts.month_start_date

),

counted as (

    select
        analysis,
        program_id,
        sum(case when is_contacted then 1 else 0 end) as contacted,
        sum(case when is_contacted and is_event then 1 else 0 end) as contacted_events,
        sum(case when is_contacted then 0 else 1 end) as others,
        sum(case when is_event and not is_contacted then 1 else 0 end) as other_events
    from observed
    group by analysis, program_id

),

rated as (

    select
        *,
        {{ rounded_quotient('contacted_events * 10000', 'contacted') }} * 0.0001 as contacted_rate,
        {{ rounded_quotient('other_events * 10000', 'others') }} * 0.0001 as other_rate,
        {{ wilson_bound('contacted_events', 'contacted', 'lower') }} as contacted_lower,
        {{ wilson_bound('contacted_events', 'contacted', 'upper') }} as contacted_upper,
        {{ wilson_bound('other_events', 'others', 'lower') }} as other_lower,
        {{ wilson_bound('other_events', 'others', 'upper') }} as other_upper
    from counted

),

compared as (

    select
        *,
        contacted_rate - other_rate as difference,
        cast(
            cast(contacted_rate - other_rate as double)
            - sqrt(
                power(cast(contacted_rate - contacted_lower as double), 2)
                + power(cast(other_upper - other_rate as double), 2)
            ) as decimal(7, 4)
        ) as difference_lower,
        cast(
            cast(contacted_rate - other_rate as double)
            + sqrt(
                power(cast(contacted_upper - contacted_rate as double), 2)
                + power(cast(other_rate - other_lower as double), 2)
            ) as decimal(7, 4)
        ) as difference_upper
    from rated

),

final as (

    select
        cast(analysis as string) as analysis,
        cast(program_id as string) as program_id,
        cast(
            case
                when contacted < 30 or others < 30 then 'insufficient'
                when difference_lower > 0 then 'more'
                when difference_upper < 0 then 'fewer'
                else 'similar'
            end as string
        ) as verdict,
        cast(contacted as bigint) as contacted,
        cast(contacted_events as bigint) as contacted_events,
        cast(others as bigint) as others,
        cast(other_events as bigint) as other_events,
        cast(contacted_rate as decimal(7, 4)) as contacted_rate,
        cast(contacted_lower as decimal(7, 4)) as contacted_lower,
        cast(contacted_upper as decimal(7, 4)) as contacted_upper,
        cast(other_rate as decimal(7, 4)) as other_rate,
        cast(other_lower as decimal(7, 4)) as other_lower,
        cast(other_upper as decimal(7, 4)) as other_upper,
        cast(difference as decimal(7, 4)) as difference,
        cast(difference_lower as decimal(7, 4)) as difference_lower,
        cast(difference_upper as decimal(7, 4)) as difference_upper
    from compared

)

select * from final
