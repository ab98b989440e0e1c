{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='append',
        pre_hook='{{ forget_changed_months(\"month_number\") }}'
    )
}}

-- METHODS A.7 step 4: a month counts by the payer's member_month_rule:
--   mid_month  covered on the 15th           first_day  covered on the 1st
--   any_day    covered on any day            prorate    covered days / days in month

with

segments as (

    select * from {{ with_changed_month(ref('int_coverage_segment')) }} as segments

),

versions as (

    select * from {{ ref('int_coverage_version') }}

),

months as (

    select * from {{ ref('int_month') }}

),

rules as (

    select * from {{ ref('int_payer_rule') }}

),

-- The days of a month of which one must be covered. A payer without a program counts mid-month.
payer_months as (

    select
        payers.payer_key,
        months.month_number,
        months.days_in_month,
        months.month_start_date,
        months.month_end_date,
        coalesce(rules.member_month_rule = 'prorate', false) as is_prorated,
        case coalesce(rules.member_month_rule, 'mid_month')
            when 'mid_month' then {{ date_plus_days('months.month_start_date', 14) }}
            when 'first_day' then months.month_start_date
            when 'any_day' then months.month_start_date
            when 'prorate' then months.month_start_date
        end as counts_from_date,
        case coalesce(rules.member_month_rule, 'mid_month')
            when 'mid_month' then {{ date_plus_days('months.month_start_date', 14) }}
            when 'first_day' then months.month_start_date
            when 'any_day' then months.month_end_date
            when 'prorate' then months.month_end_date
        end as counts_to_date
    from (select distinct payer_key from segments) as payers
    cross join months
    left join rules on payers.payer_key = rules.payer_key

),

-- What the version says of a segment is looked up before the segment is spelt out in months.
described_segments as (

    select
        segments.person_key,
        segments.payer_key,
        segments.version_number,
        segments.is_medical,
        segments.is_rx,
        versions.is_program_product,
        segments.segment_start_date,
        segments.segment_end_date,
        segments.changed_month_number
    from segments
    inner join versions on segments.version_number = versions.version_number

),

-- A segment that covers a whole month is the month; only parts of months need adding up.
whole_months as (

    select
        segments.person_key,
        segments.payer_key,
        payer_months.month_number,
        segments.is_medical,
        segments.is_rx,
        segments.version_number,
        segments.is_program_product,
        case when segments.is_medical then payer_months.days_in_month else 0 end as medical_days,
        payer_months.days_in_month as any_days
    from described_segments as segments
    inner join payer_months
        on
            segments.payer_key = payer_months.payer_key
            and segments.segment_start_date <= payer_months.month_start_date
            and segments.segment_end_date >= payer_months.month_end_date
            and segments.changed_month_number <= payer_months.month_number

),

parts as (

    select
        segments.person_key,
        payer_months.month_number,
        segments.version_number,
        segments.segment_start_date,
        segments.is_medical,
        segments.is_rx,
        segments.segment_start_date <= payer_months.counts_to_date
        and segments.segment_end_date >= payer_months.counts_from_date as is_counted,
        {{ whole_days_between(
            'greatest(segments.segment_start_date, payer_months.month_start_date)',
            'least(segments.segment_end_date, payer_months.month_end_date)'
        ) }} + 1 as part_days
    from segments
    inner join payer_months
        on
            segments.payer_key = payer_months.payer_key
            and segments.segment_start_date <= payer_months.month_end_date
            and segments.segment_end_date >= payer_months.month_start_date
            and segments.changed_month_number <= payer_months.month_number
    where
        segments.segment_start_date > payer_months.month_start_date
        or segments.segment_end_date < payer_months.month_end_date

),

part_months as (

    select
        person_key,
        month_number,
        bool_or(is_medical and is_counted) as is_medical,
        bool_or(is_rx and is_counted) as is_rx,
        -- The last counted segment of the month speaks for it, medical before pharmacy.
        max_by(
            version_number,
            (case when is_counted then 2 else 0 end + case when is_medical then 1 else 0 end)
            * 1000000
            + {{ whole_days_between("date '1900-01-01'", 'segment_start_date') }}
        ) as version_number,
        sum(case when is_medical then part_days else 0 end) as medical_days,
        sum(part_days) as any_days
    from parts
    group by person_key, month_number
    having bool_or(is_counted)

),

counted_months as (

    select
        person_key,
        payer_key,
        month_number,
        is_medical,
        is_rx,
        version_number,
        is_program_product,
        medical_days,
        any_days
    from whole_months
    union all
    select
        part_months.person_key,
        versions.payer_key,
        part_months.month_number,
        part_months.is_medical,
        part_months.is_rx,
        part_months.version_number,
        versions.is_program_product,
        part_months.medical_days,
        part_months.any_days
    from part_months
    inner join versions on part_months.version_number = versions.version_number

),

described as (

    select
        person_key,
        payer_key,
        month_number,
        version_number,
        case when is_medical then medical_days else any_days end as covered_days,
        is_medical,
        is_rx,
        is_program_product
    from counted_months

),

final as (

    select
        cast(described.version_number as bigint) as version_number,
        cast(described.person_key as int) as person_key,
        cast(described.payer_key as int) as payer_key,
        cast(described.month_number as int) as month_number,
        cast(described.covered_days as int) as covered_days,
        cast(
            case
                when payer_months.is_prorated
                    then cast(described.covered_days as double) / payer_months.days_in_month
                else 1
            end as decimal(9, 6)
        ) as member_month_count,
        cast(described.is_medical as boolean) as is_medical,
        cast(described.is_rx as boolean) as is_rx,
        cast(described.is_program_product as boolean) as is_program_product
    from described
    inner join payer_months
        on
            described.payer_key = payer_months.payer_key
            and described.month_number = payer_months.month_number

)

select * from final
