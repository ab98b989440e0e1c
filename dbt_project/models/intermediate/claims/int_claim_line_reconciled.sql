-- Conservation of ledger rows through final action: rows in = final + each named reason.

with

medical_rows as (

    select count(*) as line_count
    from {{ ref('stg_ledger__medical_claim_line') }}

),

medical_final as (

    select
        count(*) as final_count,
        sum(case when not is_counted and not is_denied then 1 else 0 end) as negative_count,
        sum(case when is_denied then 1 else 0 end) as denied_count
    from {{ ref('int_claim_line') }}

),

medical_reasons as (

    select
        coalesce(sum(case when disposition = 'superseded' then 1 else 0 end), 0)
            as superseded_count,
        coalesce(sum(case when disposition = 'duplicate' then 1 else 0 end), 0) as duplicate_count,
        coalesce(sum(case when disposition = 'netted' then 1 else 0 end), 0) as netted_count,
        coalesce(sum(case when disposition = 'orphan_void' then 1 else 0 end), 0) as orphan_count
    from {{ ref('int_claim_line_resolved') }}

),

pharmacy_rows as (

    select count(*) as line_count
    from {{ ref('stg_ledger__pharmacy_claim') }}

),

pharmacy_final as (

    select count(*) as final_count
    from {{ ref('int_pharmacy_fill') }}

),

pharmacy_reasons as (

    select
        coalesce(sum(case when disposition = 'superseded' then 1 else 0 end), 0)
            as superseded_count,
        coalesce(sum(case when disposition = 'duplicate' then 1 else 0 end), 0) as duplicate_count,
        coalesce(sum(case when disposition = 'orphan_reversal' then 1 else 0 end), 0)
            as orphan_count
    from {{ ref('int_pharmacy_claim_resolved') }}

),

combined as (

    select
        'medical_claims' as feed,
        medical_rows.line_count,
        medical_final.final_count,
        medical_reasons.superseded_count,
        medical_reasons.duplicate_count,
        medical_reasons.netted_count,
        medical_reasons.orphan_count,
        coalesce(medical_final.denied_count, 0) as denied_count,
        coalesce(medical_final.negative_count, 0) as negative_count
    from medical_rows
    cross join medical_final
    cross join medical_reasons
    union all
    select
        'pharmacy_claims' as feed,
        pharmacy_rows.line_count,
        pharmacy_final.final_count,
        pharmacy_reasons.superseded_count,
        pharmacy_reasons.duplicate_count,
        0 as netted_count,
        pharmacy_reasons.orphan_count,
        0 as denied_count,
        0 as negative_count
    from pharmacy_rows
    cross join pharmacy_final
    cross join pharmacy_reasons

),

final as (

    select
        cast(feed as string) as feed,
        cast(line_count as bigint) as line_count,
        cast(final_count as bigint) as final_count,
        cast(superseded_count as bigint) as superseded_count,
        cast(duplicate_count as bigint) as duplicate_count,
        cast(netted_count as bigint) as netted_count,
        cast(orphan_count as bigint) as orphan_count,
        cast(denied_count as bigint) as denied_count,
        cast(negative_count as bigint) as negative_count
    from combined

)

select * from final
