-- METHODS A.1, steps 2 and 3: the versions of contested claims. New numbers per version make one
-- version a claim number; payers that reuse the number, or add a suffix, tell versions apart by
-- frequency code and sequence. Frequency 2, 3, 4 are bills of their own, not adjustments.

with

lines as (

    select *
    from {{ ref('int_claim_line_contested') }}
    where not is_duplicate

),

-- Billed where known, else allowed: what a negative claim must undo to the cent.
signatures as (

    select
        payer,
        claim_id,
        frequency_code,
        coalesce(version_sequence, 0) as version_sequence,
        {{ sorted_concat(
            "concat(coalesce(hcpcs_code, ''), '/', coalesce(revenue_code, ''), '/', cast(abs("
            ~ "coalesce(billed_amount, allowed_amount)) as string))"
        ) }} as service_signature
    from lines
    group by payer, claim_id, frequency_code, coalesce(version_sequence, 0)

),

versions as (

    select
        payer,
        claim_id,
        claim_family_id,
        frequency_code,
        coalesce(version_sequence, 0) as version_sequence,
        min(nullif(original_family_id, claim_family_id)) as original_family_id,
        min(person_id) as person_id,
        coalesce(min(billing_npi), '') as billing_npi,
        sum(coalesce(billed_amount, 0)) as billed_amount,
        sum(allowed_amount) as allowed_amount,
        sum(paid_amount) as paid_amount,
        max(delivery_order) as delivery_order,
        bool_and(
            coalesce(billed_amount, 0) <= 0 and allowed_amount <= 0 and paid_amount <= 0
        )
        and bool_or(
            coalesce(billed_amount, 0) < 0 or allowed_amount < 0 or paid_amount < 0
        ) as is_fully_negative,
        bool_or(
            coalesce(billed_amount, 0) < 0 or allowed_amount < 0 or paid_amount < 0
        ) as has_negative_line,
        min(from_date) as from_date,
        max(paid_date) as paid_date
    from lines
    group by payer, claim_id, claim_family_id, frequency_code, coalesce(version_sequence, 0)

),

-- A negative claim that names the claim it acts on is a void, whatever frequency it carries.
acting as (

    select
        versions.*,
        signatures.service_signature,
        case
            when versions.frequency_code = '8' then 'void'
            when versions.frequency_code = '7' then 'replacement'
            when versions.is_fully_negative and versions.original_family_id is not null then 'void'
            when versions.frequency_code = '5' then 'late_charge'
            else 'original'
        end as action
    from versions
    inner join signatures
        on
            versions.payer = signatures.payer
            and versions.claim_id = signatures.claim_id
            and versions.frequency_code = signatures.frequency_code
            and versions.version_sequence = signatures.version_sequence

),

final as (

    select
        cast(payer as string) as payer,
        cast(claim_id as string) as claim_id,
        cast(claim_family_id as string) as claim_family_id,
        cast(
            case when action in ('void', 'replacement') then original_family_id end as string
        ) as acts_on_family_id,
        cast(frequency_code as string) as frequency_code,
        cast(action as string) as action,
        cast(person_id as string) as person_id,
        cast(billing_npi as string) as billing_npi,
        cast(service_signature as string) as service_signature,
        cast(version_sequence as int) as version_sequence,
        cast(case action when 'void' then 1 when 'replacement' then 2 else 0 end as int)
            as action_rank,
        cast(delivery_order as bigint) as delivery_order,
        cast(billed_amount as decimal(18, 2)) as billed_amount,
        cast(allowed_amount as decimal(18, 2)) as allowed_amount,
        cast(paid_amount as decimal(18, 2)) as paid_amount,
        cast(is_fully_negative as boolean) as is_fully_negative,
        cast(has_negative_line as boolean) as has_negative_line,
        cast(from_date as date) as from_date,
        cast(paid_date as date) as paid_date
    from acting

)

select * from final
