{{ config(pre_hook='{{ keep_previous() }}') }}

-- METHODS A.1, steps 4 to 6: what became of every ledger line of the contested claims. Lines of
-- superseded and orphaned versions go as their version does. Where a claim and line number is
-- left in several rows: rows of both signs are summed, and vanish when all four sums are 0; rows of
-- one sign are restatements, and the latest stands. Denied lines stay, flagged by their status.

with

lines as (

    select * from {{ ref('int_claim_line_contested') }}

),

versions as (

    select * from {{ ref('int_claim_version_resolved') }}

),

judged as (

    select
        lines.*,
        versions.version_outcome,
        versions.action_rank,
        versions.is_late_charge,
        coalesce(lines.billed_amount, 0) > 0
        or lines.allowed_amount > 0
        or lines.paid_amount > 0
        or coalesce(lines.units, 0) > 0 as is_positive,
        coalesce(lines.billed_amount, 0) < 0
        or lines.allowed_amount < 0
        or lines.paid_amount < 0
        or coalesce(lines.units, 0) < 0 as is_negative
    from lines
    left join versions
        on
            lines.payer = versions.payer
            and lines.claim_id = versions.claim_id
            and lines.frequency_code = versions.frequency_code
            and coalesce(lines.version_sequence, 0) = versions.version_sequence

),

standing as (

    select *
    from judged
    where not is_duplicate and version_outcome = 'final'

),

-- Grain: one row per standing line number of a claim.
line_sums as (

    select
        payer,
        claim_family_id,
        line_number,
        is_late_charge,
        count(*) as row_count,
        bool_or(is_positive) and bool_or(is_negative) as has_both_signs,
        sum(coalesce(units, 0)) as units,
        sum(coalesce(billed_amount, 0)) as billed_amount,
        sum(allowed_amount) as allowed_amount,
        sum(paid_amount) as paid_amount,
        sum(coalesce(member_liability_amount, 0)) as member_liability_amount
    from standing
    group by payer, claim_family_id, line_number, is_late_charge

),

-- The latest row that added something describes the line.
ranked as (

    select
        payer,
        delivery_order,
        row_number,
        row_number() over (
            partition by payer, claim_family_id, line_number, is_late_charge
            order by
                case when coalesce(units, 0) > 0 then 0 when is_positive then 1 else 2 end,
                paid_date desc,
                coalesce(version_sequence, 0) desc,
                action_rank desc,
                delivery_order desc,
                claim_id desc,
                row_number desc
        ) as description_rank
    from standing

),

resolved as (

    select
        judged.*,
        case
            when judged.is_duplicate then 'duplicate'
            when judged.version_outcome <> 'final' then judged.version_outcome
            when line_sums.row_count = 1 then 'final'
            when not line_sums.has_both_signs and ranked.description_rank = 1 then 'final'
            when not line_sums.has_both_signs then 'superseded'
            when
                line_sums.units = 0
                and line_sums.billed_amount = 0
                and line_sums.allowed_amount = 0
                and line_sums.paid_amount = 0
                then 'netted'
            when ranked.description_rank = 1 then 'final'
            else 'netted'
        end as disposition,
        coalesce(line_sums.has_both_signs, false) as is_summed,
        line_sums.units as summed_units,
        line_sums.billed_amount as summed_billed_amount,
        line_sums.allowed_amount as summed_allowed_amount,
        line_sums.paid_amount as summed_paid_amount,
        line_sums.member_liability_amount as summed_member_liability_amount
    from judged
    left join line_sums
        on
            judged.payer = line_sums.payer
            and judged.claim_family_id = line_sums.claim_family_id
            and judged.line_number = line_sums.line_number
            and judged.is_late_charge = line_sums.is_late_charge
    left join ranked
        on
            judged.payer = ranked.payer
            and judged.delivery_order = ranked.delivery_order
            and judged.row_number = ranked.row_number

),

final as (

    select
        cast(payer as string) as payer,
        cast(claim_id as string) as claim_id,
        cast(claim_family_id as string) as claim_family_id,
        cast(disposition as string) as disposition,
        cast(line_number as int) as line_number,
        cast(
            case
                when disposition = 'final' and is_summed then summed_units
                else units
            end
            as decimal(18, 3)
        ) as units,
        cast(
            case
                when disposition = 'final' and is_summed then summed_billed_amount
                else billed_amount
            end
            as decimal(18, 2)
        ) as billed_amount,
        cast(
            case
                when disposition = 'final' and is_summed then summed_allowed_amount
                else allowed_amount
            end
            as decimal(18, 2)
        ) as allowed_amount,
        cast(
            case
                when disposition = 'final' and is_summed then summed_paid_amount
                else paid_amount
            end
            as decimal(18, 2)
        ) as paid_amount,
        cast(
            case
                when disposition = 'final' and is_summed then summed_member_liability_amount
                else member_liability_amount
            end
            as decimal(18, 2)
        ) as member_liability_amount,
        cast(delivery_order as bigint) as delivery_order,
        cast(row_number as bigint) as row_number,
        cast(paid_amount as decimal(18, 2)) as ledger_paid_amount
    from resolved

)

select * from final
