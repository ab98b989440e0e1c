-- METHODS D and Q: every code that was met, whether a value set or drug class knows it, and what it
-- cost: the unmapped bucket, so that a list that is too short is seen in dollars. Most services
-- belong to no measure and stay unmapped for good; drugs and results should not.

with

services as (

    select
        hcpcs_code as code,
        count(*) as row_count,
        sum(allowed_cents) as allowed_cents
    from {{ ref('int_claim_line') }}
    where hcpcs_code is not null
    group by hcpcs_code

),

fills as (

    select
        substr(ndc_code, 1, 9) as code,
        count(*) as row_count,
        sum(allowed_cents) as allowed_cents
    from {{ ref('int_pharmacy_fill') }}
    group by substr(ndc_code, 1, 9)

),

results as (

    select
        code_system,
        code,
        count(*) as row_count
    from {{ ref('stg_ledger__clinical_result') }}
    group by code_system, code

),

mapped_services as (

    select distinct code from {{ ref('int_code_concept') }} where code_system = 'hcpcs'

),

mapped_results as (

    select distinct
        code_system,
        code_low as code
    from {{ ref('clinical_value_set') }}
    where code_system in ('loinc', 'cvx') and not is_exclusion
    union
    -- The panel of both pressures.
    select
        'loinc' as code_system,
        '85354-9' as code

),

products as (

    select * from {{ ref('drug_product') }}

),

bucketed as (

    select
        'hcpcs' as code_system,
        services.code,
        services.row_count,
        services.allowed_cents,
        mapped_services.code is not null as is_mapped
    from services
    left join mapped_services on services.code = mapped_services.code
    union all
    select
        'ndc' as code_system,
        fills.code,
        fills.row_count,
        fills.allowed_cents,
        products.product_code is not null as is_mapped
    from fills
    left join products on fills.code = products.product_code
    union all
    select
        results.code_system,
        results.code,
        results.row_count,
        null as allowed_cents,
        mapped_results.code is not null as is_mapped
    from results
    left join mapped_results
        on results.code_system = mapped_results.code_system and results.code = mapped_results.code
    where results.code_system in ('loinc', 'cvx')

),

final as (

    select
        cast(code_system as string) as code_system,
        cast(code as string) as code,
        cast(row_count as bigint) as row_count,
        cast(allowed_cents * 0.01 as decimal(18, 2)) as allowed_amount,
        cast(is_mapped as boolean) as is_mapped
    from bucketed

)

select * from final
