-- METHODS A.1, step 2, last sentence: a fully negative claim without a reference undoes the latest
-- earlier unmatched claim of the same person, billing NPI, first day and multiset of services.
-- Claims and negatives of one such key, in version order, pair like brackets.

with

versions as (

    select * from {{ ref('int_claim_version') }}

),

-- A claim number that a void or replacement names has its partner already.
named_families as (

    select distinct
        payer,
        acts_on_family_id as claim_family_id
    from versions
    where acts_on_family_id is not null

),

-- A negative that shares its number with the claim it undoes is netted line by line (step 5).
positive_families as (

    select distinct
        payer,
        claim_family_id
    from versions
    where not has_negative_line and action <> 'void'

),

openings as (

    select
        versions.*,
        1 as bracket
    from versions
    anti join named_families
        on
            versions.payer = named_families.payer
            and versions.claim_family_id = named_families.claim_family_id
    where not versions.has_negative_line and versions.action in ('original', 'replacement')

),

closings as (

    select
        versions.*,
        -1 as bracket
    from versions
    anti join positive_families
        on
            versions.payer = positive_families.payer
            and versions.claim_family_id = positive_families.claim_family_id
    where
        versions.is_fully_negative
        and versions.acts_on_family_id is null
        and versions.action in ('original', 'void')

),

brackets as (

    select * from openings
    union all
    select * from closings

),

-- Step 3's order; what opens comes before what closes on the same day.
ordered as (

    select
        *,
        row_number() over (
            partition by payer, person_id, billing_npi, from_date, service_signature
            order by
                paid_date,
                version_sequence,
                bracket desc,
                action_rank,
                delivery_order,
                claim_id,
                frequency_code
        ) as position
    from brackets

),

counted as (

    select
        *,
        sum(bracket) over (
            partition by payer, person_id, billing_npi, from_date, service_signature
            order by position
            rows between unbounded preceding and current row
        ) as balance
    from ordered

),

-- Depth above the lowest balance so far: negatives that find nothing open do not count.
floored as (

    select
        *,
        least(0, min(balance) over (
            partition by payer, person_id, billing_npi, from_date, service_signature
            order by position
            rows between unbounded preceding and current row
        )) as lowest_balance,
        coalesce(least(0, min(balance) over (
            partition by payer, person_id, billing_npi, from_date, service_signature
            order by position
            rows between unbounded preceding and 1 preceding
        )), 0) as lowest_balance_before
    from counted

),

levelled as (

    select
        *,
        case
            when bracket = 1 then balance - lowest_balance
            else balance - bracket - lowest_balance_before
        end as level
    from floored

),

neighbours as (

    select
        *,
        lag(claim_family_id) over (
            partition by payer, person_id, billing_npi, from_date, service_signature, level
            order by position
        ) as opened_family_id,
        lag(bracket) over (
            partition by payer, person_id, billing_npi, from_date, service_signature, level
            order by position
        ) as opened_bracket
    from levelled
    where level > 0

),

final as (

    select
        cast(payer as string) as payer,
        cast(claim_id as string) as claim_id,
        cast(claim_family_id as string) as claim_family_id,
        cast(opened_family_id as string) as acts_on_family_id,
        cast(frequency_code as string) as frequency_code,
        cast(version_sequence as int) as version_sequence
    from neighbours
    where bracket = -1 and opened_bracket = 1

)

select * from final
