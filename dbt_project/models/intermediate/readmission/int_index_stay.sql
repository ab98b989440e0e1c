-- METHODS F.3 and A.5: every acute or psychiatric episode (the last stay of a chain of transfers is the
-- index, its first one gives the admission and the reason), why it is no index stay by the rules of
-- health plans and by Medicare's hospital-wide ones (readmission_form; never a mixture), and the first
-- admission 1 to 30 days after it. If that one is planned there is no readmission, whatever follows.
-- A psychiatric admission counts like any other, unless index_psychiatric says otherwise; observation
-- is no stay here. The variables are those of dbt_project.yml.
--
-- Planned, by CMS's public algorithm over short lists of codes: a transplant, maintenance chemotherapy
-- or rehabilitation always; a procedure that may be planned unless the reason is acute. Where no
-- procedure was coded at all, what the hospital said: an elective admission, or a discharge status of
-- 81 to 95 before it, unless the reason is acute.

with

stays as (

    select * from {{ ref('int_inpatient_stay') }} where stay_type in ('acute', 'psychiatric')

),

links as (

    select
        stay_key,
        admission_type
    from {{ ref('int_adt_stay_link') }}
    where stay_key is not null

),

reasons as (

    select
        concept,
        code_low,
        code_high
    from {{ ref('clinical_value_set') }}
    where
        concept in (
            'planned_reason', 'acute_reason', 'cancer_reason', 'maternity_reason',
            'psychiatric_reason'
        )

),

procedures as (

    select
        person_key,
        concept_key,
        event_date
    from {{ ref('int_clinical_event') }}
    where
        concept_key in {{ concepts([
            'hospital_procedure', 'transplant_procedure', 'planned_procedure'
        ]) }}
        and source_kind = {{ source_kind('service') }}

),

covers as (

    select * from {{ ref('int_coverage_span') }} where coverage_kind = 'medical'

),

run as (

    select as_of from {{ ref('stg_ledger__run') }}

),

placed as (

    select
        *,
        row_number() over (
            partition by episode_key order by admission_date, stay_key
        ) as place,
        row_number() over (
            partition by episode_key order by admission_date desc, stay_key desc
        ) as place_from_end
    from stays

),

episodes as (

    select
        episode_key as index_key,
        person_key,
        max(case when place = 1 then stay_key end) as first_stay_key,
        max(case when place_from_end = 1 then stay_key end) as last_stay_key,
        max(case when place_from_end = 1 then facility_npi end) as facility_npi,
        max(case when place_from_end = 1 then stay_type end) as stay_type,
        max(case when place_from_end = 1 then drg_code end) as drg_code,
        max(case when place_from_end = 1 then discharge_status_code end)
            as discharge_status_code,
        max(case when place = 1 then principal_diagnosis_code end) as principal_diagnosis_code,
        sum(allowed_cents) as allowed_cents,
        bool_or(is_open_stay) as is_open,
        min(admission_date) as admission_date,
        max(case when place_from_end = 1 then discharge_date end) as discharge_date
    from placed
    group by episode_key, person_key

),

-- The last day that claims tell of: what comes later is not known yet.
data_end as (

    select least(max(stays.admission_date), max(run.as_of)) as data_end_date
    from stays
    cross join run

),

diagnoses as (

    select distinct principal_diagnosis_code
    from episodes
    where principal_diagnosis_code is not null

),

judged_diagnoses as (

    select
        diagnoses.principal_diagnosis_code,
        bool_or(reasons.concept = 'planned_reason') as is_planned_reason,
        bool_or(reasons.concept = 'acute_reason') as is_acute_reason,
        bool_or(reasons.concept = 'cancer_reason') as is_cancer_reason,
        bool_or(reasons.concept = 'maternity_reason') as is_maternity_reason,
        bool_or(reasons.concept = 'psychiatric_reason') as is_psychiatric_reason
    from diagnoses
    inner join reasons
        on
            substr(diagnoses.principal_diagnosis_code, 1, length(reasons.code_low))
            between reasons.code_low and reasons.code_high
    group by diagnoses.principal_diagnosis_code

),

operated as (

    select
        episodes.index_key,
        bool_or(procedures.concept_key = {{ concept('transplant_procedure') }}) as has_transplant,
        bool_or(procedures.concept_key = {{ concept('planned_procedure') }}) as has_planned
    from episodes
    inner join procedures
        on
            episodes.person_key = procedures.person_key
            and procedures.event_date >= episodes.admission_date
            and procedures.event_date <= coalesce(episodes.discharge_date, date '9999-12-31')
    group by episodes.index_key

),

-- One span covers the day of discharge; the year before it may have a gap of 45 days.
covered as (

    select
        episodes.index_key,
        bool_or(
            covers.span_start_date <= episodes.discharge_date
            and covers.span_end_date >= {{ date_plus_days('episodes.discharge_date', 30) }}
        ) as is_enrolled_after,
        sum(
            {{ whole_days_between(
                'greatest(covers.span_start_date, '
                ~ date_plus_days('episodes.discharge_date', -365) ~ ')',
                'least(covers.span_end_date, ' ~ date_plus_days('episodes.discharge_date', -1) ~ ')'
            ) }} + 1
        ) as days_before,
        count(*) as spans_before,
        min(covers.span_start_date)
        <= {{ date_plus_days('min(episodes.discharge_date)', -365) }} as is_first_span_early
    from episodes
    inner join covers
        on
            episodes.person_key = covers.person_key
            and covers.span_start_date < episodes.discharge_date
            and covers.span_end_date >= {{ date_plus_days('episodes.discharge_date', -365) }}
    group by episodes.index_key

),

described as (

    select
        episodes.*,
        operated.index_key is not null as has_procedure,
        coalesce(judged_diagnoses.is_acute_reason, false) as is_acute_reason,
        coalesce(judged_diagnoses.is_planned_reason, false) as is_planned_reason,
        coalesce(judged_diagnoses.is_cancer_reason, false) as is_cancer_reason,
        coalesce(judged_diagnoses.is_maternity_reason, false) as is_maternity_reason,
        coalesce(judged_diagnoses.is_psychiatric_reason, false)
        or episodes.stay_type = 'psychiatric' as is_psychiatric,
        case
            when operated.has_transplant then 'TRANSPLANT'
            when judged_diagnoses.is_planned_reason then 'PLANNED_REASON'
            when operated.has_planned and not coalesce(judged_diagnoses.is_acute_reason, false)
                then 'PLANNED_PROCEDURE'
            when
                operated.index_key is null
                and links.admission_type = 'elective'
                and not coalesce(judged_diagnoses.is_acute_reason, false)
                then 'ELECTIVE'
        end as planned_by,
        coalesce(covered.is_enrolled_after, false) as is_enrolled_after,
        coalesce(
            covered.days_before >= 365 - 45
            and (
                covered.spans_before = 1
                or (covered.spans_before = 2 and covered.is_first_span_early)
            ),
            false
        ) as is_enrolled_before,
        {{ date_plus_days('episodes.discharge_date', 30) }} > data_end.data_end_date as is_recent
    from episodes
    cross join data_end
    left join judged_diagnoses
        on episodes.principal_diagnosis_code = judged_diagnoses.principal_diagnosis_code
    left join operated on episodes.index_key = operated.index_key
    left join covered on episodes.index_key = covered.index_key
    left join links on episodes.first_stay_key = links.stay_key

),

excluded as (

    select
        *,
        case
            when is_open then 'OPEN_STAY'
            when discharge_status_code in ('20', '40', '41', '42') then 'DIED'
            when discharge_status_code = '07' then 'AGAINST_ADVICE'
            when is_recent then 'TOO_RECENT'
            when not is_enrolled_after then 'NOT_ENROLLED'
        end as common_exclusion
    from described

),

-- Health plans leave out members with very many index stays in a year.
numbered as (

    select
        *,
        coalesce(
            common_exclusion,
            case
                when is_maternity_reason then 'MATERNITY_OR_NEWBORN'
                when discharge_date = admission_date then 'SAME_DAY'
                when is_psychiatric and not {{ var('index_psychiatric') }} then 'PSYCHIATRIC'
            end
        ) as plan_exclusion,
        coalesce(
            common_exclusion,
            case
                when is_cancer_reason and (is_planned_reason or not has_procedure)
                    then 'CANCER_TREATMENT'
                when is_planned_reason then 'REHABILITATION'
                when is_psychiatric then 'PSYCHIATRIC'
            end
        ) as medicare_exclusion
    from excluded

),

year_counts as (

    select
        person_key,
        year(discharge_date) as discharge_year,
        count(*) as index_stays
    from numbered
    where plan_exclusion is null
    group by person_key, year(discharge_date)

),

-- The first admission 1 to 30 days after the discharge; of two on one day the planned one last. On the
-- day itself one to the same hospital alone, with count_same_day: to another it is a transfer.
followed as (

    select
        earlier.index_key,
        later.index_key as next_index_key,
        later.planned_by is not null
        or (
            earlier.discharge_status_code between '81' and '95'
            and not later.has_procedure
            and not later.is_acute_reason
        ) as is_next_planned,
        {{ whole_days_between('earlier.discharge_date', 'later.admission_date') }}
            as days_until_next
    from described as earlier
    inner join described as later
        on
            earlier.person_key = later.person_key
            and (
                later.admission_date > earlier.discharge_date
                {%- if var('count_same_day') %}
                or (
                    later.admission_date = earlier.discharge_date
                    and earlier.admission_date < earlier.discharge_date
                    and later.facility_npi = earlier.facility_npi
                )
                {%- endif %}
            )
            and later.admission_date <= {{ date_plus_days('earlier.discharge_date', 30) }}
    qualify row_number() over (
        partition by earlier.index_key
        order by
            later.admission_date,
            case when later.planned_by is null then 0 else 1 end,
            later.index_key
    ) = 1

),

readmissions as (

    select
        next_index_key as index_key,
        bool_or(not is_next_planned) as is_readmission
    from followed
    group by next_index_key

),

final as (

    select
        cast(numbered.index_key as bigint) as index_key,
        numbered.person_key,
        cast(numbered.first_stay_key as bigint) as first_stay_key,
        cast(numbered.last_stay_key as bigint) as last_stay_key,
        cast(followed.next_index_key as bigint) as next_index_key,
        cast(numbered.facility_npi as bigint) as facility_npi,
        cast(numbered.stay_type as string) as stay_type,
        cast(numbered.drg_code as string) as drg_code,
        cast(numbered.principal_diagnosis_code as string) as principal_diagnosis_code,
        cast(numbered.discharge_status_code as string) as discharge_status_code,
        cast(numbered.planned_by as string) as planned_by,
        cast(
            case
                when numbered.plan_exclusion is not null then numbered.plan_exclusion
                when year_counts.index_stays >= {{ var('outlier_stays') }} then 'OUTLIER'
            end as string
        ) as plan_exclusion,
        cast(numbered.medicare_exclusion as string) as medicare_exclusion,
        cast(
            case
                when not numbered.is_open then {{ whole_days_between(
                    'numbered.admission_date', 'numbered.discharge_date'
                ) }}
                else {{ whole_days_between('numbered.admission_date', 'run.as_of') }}
            end as int
        ) as length_of_stay_days,
        cast(followed.days_until_next as int) as days_until_next,
        cast(numbered.allowed_cents as bigint) as allowed_cents,
        cast(numbered.is_open as boolean) as is_open,
        cast(numbered.is_enrolled_before as boolean) as is_enrolled_before,
        cast(numbered.is_enrolled_after as boolean) as is_enrolled_after,
        cast(numbered.has_procedure as boolean) as has_procedure,
        cast(numbered.is_cancer_reason as boolean) as is_cancer_reason,
        cast(coalesce(not followed.is_next_planned, false) as boolean) as is_readmitted,
        cast(coalesce(readmissions.is_readmission, false) as boolean) as is_readmission,
        cast(numbered.admission_date as date) as admission_date,
        cast(numbered.discharge_date as date) as discharge_date
    from numbered
    cross join run
    left join year_counts
        on
            numbered.person_key = year_counts.person_key
            and year(numbered.discharge_date) = year_counts.discharge_year
    left join followed on numbered.index_key = followed.index_key
    left join readmissions on numbered.index_key = readmissions.index_key

)

select * from final
