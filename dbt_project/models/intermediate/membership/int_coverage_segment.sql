-- The days of the spine cut so that every day of a person lies in at most one segment, with the
-- coverage of that day and the version that governs it: medical before pharmacy-only, then the
-- latest start. Disjoint segments make member months and covered days unique whatever overlaps
-- a payer sends (METHODS A.7; FAULTS 48).

with

versions as (

    select * from {{ ref('int_coverage_version') }}

),

months as (

    select
        min(month_start_date) as spine_start_date,
        max(month_end_date) as spine_end_date
    from {{ ref('int_month') }}

),

-- Half-open intervals [from, until) inside the spine.
clipped as (

    select
        versions.version_number,
        versions.person_key,
        versions.payer_key,
        versions.is_medical,
        versions.is_rx,
        greatest(versions.coverage_start_date, months.spine_start_date) as from_date,
        {{ date_plus_days('least(versions.coverage_end_date, months.spine_end_date)', 1) }}
            as until_date
    from versions
    inner join months
        on
            versions.coverage_start_date <= months.spine_end_date
            and versions.coverage_end_date >= months.spine_start_date

),

-- Most people have one version and need no cutting.
counted as (

    select
        *,
        count(*) over (partition by person_key) as version_count
    from clipped

),

cuts as (

    select person_key, from_date as cut_date from counted where version_count > 1
    union
    select person_key, until_date as cut_date from counted where version_count > 1

),

pieces as (

    select
        person_key,
        cut_date as from_date,
        lead(cut_date) over (partition by person_key order by cut_date) as until_date
    from cuts

),

governed as (

    select
        pieces.person_key,
        counted.payer_key,
        pieces.from_date,
        pieces.until_date,
        bool_or(counted.is_medical) as is_medical,
        bool_or(counted.is_rx) as is_rx,
        coalesce(
            max(case when counted.is_medical then counted.version_number end),
            max(counted.version_number)
        ) as version_number
    from pieces
    inner join counted
        on
            pieces.person_key = counted.person_key
            and pieces.from_date >= counted.from_date
            and pieces.from_date < counted.until_date
    where pieces.until_date is not null
    group by
        pieces.person_key,
        counted.payer_key,
        pieces.from_date,
        pieces.until_date

),

segments as (

    select
        person_key,
        payer_key,
        version_number,
        is_medical,
        is_rx,
        from_date,
        until_date
    from governed
    union all
    select
        person_key,
        payer_key,
        version_number,
        is_medical,
        is_rx,
        from_date,
        until_date
    from counted
    where version_count = 1

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(payer_key as int) as payer_key,
        cast(version_number as bigint) as version_number,
        cast(is_medical as boolean) as is_medical,
        cast(is_rx as boolean) as is_rx,
        cast(from_date as date) as segment_start_date,
        {{ date_plus_days('until_date', -1) }} as segment_end_date
    from segments

)

select * from final
