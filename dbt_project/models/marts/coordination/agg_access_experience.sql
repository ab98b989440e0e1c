{%- set scores = ['access', 'communication', 'coordination', 'overall'] -%}
-- The triple aim's third part: what a group's practices offer on the run's day (extended hours, weekend
-- consulting and acute care, records, electronic prescriptions), and how their patients rate them in the
-- newest survey and the one before, each practice's score weighted by who answered.

with

run as (

    select as_of from {{ ref('stg_ledger__run') }}

),

senders as (

    select distinct
        source_id,
        program_id,
        partner_id,
        practice_id
    from {{ ref('stg_ledger__provider_roster') }}
    where program_id is not null and partner_id is not null and practice_id is not null

),

profiles as (

    select profiles.*
    from {{ ref('stg_ledger__practice_profile') }} as profiles
    inner join run
        on profiles.profile_start_date <= run.as_of and profiles.profile_end_date >= run.as_of
    qualify row_number() over (
        partition by profiles.source_id, profiles.practice_id
        order by profiles.profile_start_date desc, profiles.delivery_order desc
    ) = 1

),

access as (

    select
        senders.program_id,
        senders.partner_id,
        count(*) as practices,
        sum(case when profiles.has_extended_hours then 1 else 0 end) as with_extended_hours,
        sum(case when profiles.has_weekend_telephone then 1 else 0 end) as with_weekend_telephone,
        sum(case when profiles.has_weekend_acute_care then 1 else 0 end) as with_weekend_acute_care,
        sum(case when profiles.ehr_since_date <= run.as_of then 1 else 0 end) as with_ehr,
        sum(case when profiles.e_prescribing_since_date <= run.as_of then 1 else 0 end)
            as with_e_prescribing
    from profiles
    cross join run
    inner join senders
        on
            profiles.source_id = senders.source_id
            and profiles.practice_id = senders.practice_id
    group by senders.program_id, senders.partner_id

),

waves as (

    select
        senders.program_id,
        senders.partner_id,
        surveys.survey_date,
        {%- for score in scores %}
        sum(
            case
                when surveys.{{ score }}_score is not null then surveys.respondents else 0
            end
        ) as {{ score }}_respondents,
        sum(
            coalesce(cast(surveys.{{ score }}_score * 10000 as bigint), 0) * surveys.respondents
        ) as {{ score }}_points,
        {%- endfor %}
        sum(surveys.respondents) as respondents
    from {{ ref('stg_ledger__patient_experience') }} as surveys
    inner join senders
        on surveys.source_id = senders.source_id and surveys.practice_id = senders.practice_id
    group by senders.program_id, senders.partner_id, surveys.survey_date

),

placed as (

    select
        *,
        row_number() over (
            partition by program_id, partner_id order by survey_date desc
        ) as place
    from waves

),

experience as (

    select
        program_id,
        partner_id,
        max(case when place = 1 then survey_date end) as survey_date,
        max(case when place = 1 then respondents end) as respondents,
        {%- for score in scores %}
        max(
            case
                when place = 1
                    then {{ rounded_quotient(score ~ '_points', score ~ '_respondents') }}
            end
        ) as {{ score }}_score,
        {%- endfor %}
        max(
            case
                when place = 2 then {{ rounded_quotient('overall_points', 'overall_respondents') }}
            end
        ) as overall_score_before,
        max(case when place = 2 then respondents end) as respondents_before
    from placed
    group by program_id, partner_id

),

final as (

    select
        cast(coalesce(access.program_id, experience.program_id) as string) as program_id,
        cast(coalesce(access.partner_id, experience.partner_id) as string) as partner_id,
        cast(access.practices as bigint) as practices,
        cast(access.with_extended_hours as bigint) as with_extended_hours,
        cast(access.with_weekend_telephone as bigint) as with_weekend_telephone,
        cast(access.with_weekend_acute_care as bigint) as with_weekend_acute_care,
        cast(access.with_ehr as bigint) as with_ehr,
        cast(access.with_e_prescribing as bigint) as with_e_prescribing,
        cast(experience.respondents as bigint) as respondents,
        cast(experience.respondents_before as bigint) as respondents_before,
        {%- for score in scores %}
        cast(experience.{{ score }}_score * 0.0001 as decimal(7, 4)) as {{ score }}_score,
        {%- endfor %}
        cast(experience.overall_score_before * 0.0001 as decimal(7, 4)) as overall_score_before,
        cast(experience.survey_date as date) as survey_date
    from access
    full outer join experience
        on
            access.program_id = experience.program_id
            and access.partner_id = experience.partner_id

)

select * from final
