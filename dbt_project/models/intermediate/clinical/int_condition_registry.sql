-- METHODS C.1 and C.2: who has which condition on which day, and on what evidence: one facility
-- stay, or outpatient claims on two different days, in the window that ends that day.
--   run            the run's own day, 24 months: the registry
--   before_period  the day before each measured period, 12 months: what was known before it, as the
--                  look-back of the first period holds no more
-- Whether the rule was ever met looks back 24 months from each day with evidence.

with

events as (

    select
        events.*,
        conditions.condition
    from {{ ref('int_clinical_event') }} as events
    inner join ({{ condition_rows() }}) as conditions
        on events.concept_key = conditions.concept_key
    where events.source_kind in ({{ source_kind('stay') }}, {{ source_kind('visit') }})

),

periods as (

    select * from {{ ref('int_measurement_period') }}

),

run as (

    select as_of from {{ ref('stg_ledger__run') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

member_months as (

    select * from {{ ref('int_member_month_counted') }} where is_medical

),

days_asked as (

    select distinct
        'before_period' as basis,
        {{ date_plus_days('period_start_date', -1) }} as as_of_date,
        {{ date_plus_months('period_start_date', -12) }} as window_start_date
    from periods
    union all
    select
        'run' as basis,
        as_of as as_of_date,
        {{ lookback_start('as_of', 24) }} as window_start_date
    from run

),

evidence_days as (

    select
        person_key,
        condition,
        event_date,
        bool_or(source_kind = {{ source_kind('stay') }}) as is_stay,
        min(evidence_claim_key) as claim_key
    from events
    group by person_key, condition, event_date

),

sequenced as (

    select
        *,
        lag(event_date) over (
            partition by person_key, condition order by event_date
        ) as earlier_date,
        lag(claim_key) over (
            partition by person_key, condition order by event_date
        ) as earlier_claim_key
    from evidence_days

),

proofs as (

    select
        *,
        is_stay
        or coalesce(earlier_date >= {{ lookback_start('event_date', 24) }}, false) as is_met_ever
    from sequenced

),

judged as (

    select
        days_asked.basis,
        days_asked.as_of_date,
        proofs.*,
        proofs.event_date >= days_asked.window_start_date as is_in_window,
        proofs.event_date >= days_asked.window_start_date
        and (proofs.is_stay or coalesce(proofs.earlier_date >= days_asked.window_start_date, false))
            as is_met
    from proofs
    inner join days_asked on proofs.event_date <= days_asked.as_of_date

),

qualified as (

    select
        basis,
        as_of_date,
        person_key,
        condition,
        min(event_date) as onset_date,
        max(event_date) as last_evidence_date,
        min(case when is_met then event_date end) as qualify_date,
        min(case when is_met_ever then event_date end) as first_qualify_date,
        min_by(case when is_met then claim_key end, case when is_met then event_date end)
            as evidence_claim_key,
        -- The engines disagree on values that are null here, so there are none.
        nullif(
            min_by(
                case when is_met then case when is_stay then -1 else earlier_claim_key end end,
                case when is_met then event_date end
            ),
            -1
        ) as earlier_evidence_claim_key
    from judged
    group by basis, as_of_date, person_key, condition
    having bool_or(is_met_ever)

),

bipolar_persons as (

    select
        basis,
        as_of_date,
        person_key
    from judged
    where condition = 'bipolar' and is_in_window
    group by basis, as_of_date, person_key

),

months_known as (

    select
        member_months.person_key,
        count(*) as known_months
    from member_months
    cross join run
    where
        member_months.month_number > {{ month_number('run.as_of') }} - 24
        and member_months.month_number <= {{ month_number('run.as_of') }}
    group by member_months.person_key

),

final as (

    select
        cast(qualified.basis as string) as basis,
        qualified.person_key,
        cast(qualified.condition as string) as condition,
        cast(qualified.evidence_claim_key as bigint) as evidence_claim_key,
        cast(qualified.earlier_evidence_claim_key as bigint) as earlier_evidence_claim_key,
        cast(coalesce(months_known.known_months, 0) as int) as known_months,
        cast(qualified.qualify_date is not null as boolean) as is_active,
        -- persistence = sticky keeps these for good.
        cast(
            qualified.condition in (
                'diabetes', 'ischemic_heart_disease', 'congestive_heart_failure', 'copd', 'ckd'
            ) as boolean
        ) as is_lasting,
        cast(coalesce(months_known.known_months, 0) < 12 as boolean) as has_short_history,
        cast(qualified.as_of_date as date) as as_of_date,
        cast(qualified.onset_date as date) as onset_date,
        cast(qualified.qualify_date as date) as qualify_date,
        cast(qualified.first_qualify_date as date) as first_qualify_date,
        cast(qualified.last_evidence_date as date) as last_evidence_date
    from qualified
    inner join persons on qualified.person_key = persons.person_key
    left join months_known on qualified.person_key = months_known.person_key
    anti join bipolar_persons
        on
            qualified.condition = 'depression'
            and qualified.basis = bipolar_persons.basis
            and qualified.as_of_date = bipolar_persons.as_of_date
            and qualified.person_key = bipolar_persons.person_key
    where
        qualified.condition <> 'bipolar'
        -- Chronic obstructive disease below 40 is another disease (copd_min_age).
        and (
            qualified.condition <> 'copd'
            or persons.birth_date is null
            or {{ completed_years('persons.birth_date', 'qualified.as_of_date') }} >= 40
        )

)

select * from final
