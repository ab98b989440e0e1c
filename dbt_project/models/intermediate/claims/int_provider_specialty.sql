{{ config(pre_hook='{{ keep_previous() }}') }}

-- METHODS B.2: what kind of clinician an NPI is, from every roster and the payer's directory. A
-- taxonomy is more exact than a specialty code and decides where both are given.

with

roster as (

    select * from {{ ref('stg_ledger__provider_roster') }}

),

specialties as (

    select * from {{ ref('specialty_tier') }}

),

descriptions as (

    select distinct
        specialty_code,
        taxonomy_code
    from roster

),

-- Tier 1 may be told by taxonomy; tier 2 is a list of Medicare specialties.
matches as (

    select
        descriptions.specialty_code,
        descriptions.taxonomy_code,
        min(specialties.tier) as tier,
        bool_or(specialties.is_np_pa) as is_np_pa,
        bool_or(specialties.is_obgyn) as is_obgyn
    from descriptions
    inner join specialties
        on
            (
                specialties.tier = 1
                and descriptions.taxonomy_code is not null
                and substr(
                    descriptions.taxonomy_code, 1, length(specialties.taxonomy_prefix)
                ) = specialties.taxonomy_prefix
            )
            or (
                (specialties.tier = 2 or descriptions.taxonomy_code is null)
                and descriptions.specialty_code = specialties.specialty_code
            )
    group by descriptions.specialty_code, descriptions.taxonomy_code

),

clinicians as (

    select
        roster.npi,
        bool_or(roster.role = 'pcp') as has_pcp_role,
        min(matches.tier) as tier,
        coalesce(bool_or(matches.is_np_pa), false) as is_np_pa,
        coalesce(bool_or(matches.is_obgyn), false) as is_obgyn
    from roster
    left join matches
        on
            coalesce(roster.specialty_code, '') = coalesce(matches.specialty_code, '')
            and coalesce(roster.taxonomy_code, '') = coalesce(matches.taxonomy_code, '')
    group by roster.npi

),

final as (

    select
        cast(npi as bigint) as npi,
        -- Nurse practitioners and physician assistants count when a roster says so.
        cast(case when is_np_pa and not has_pcp_role then null else tier end as int) as tier,
        cast(has_pcp_role as boolean) as has_pcp_role,
        cast(is_np_pa as boolean) as is_np_pa,
        cast(is_obgyn as boolean) as is_obgyn
    from clinicians

)

select * from final
