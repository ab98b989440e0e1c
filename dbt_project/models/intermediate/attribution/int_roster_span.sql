-- METHODS B.4: rows are effective-dated, open rows end 9999-12-31, overlapping duplicates are
-- merged. A row without a program (or of a program that has no terms) is directory knowledge: who
-- the clinician is and under which TIN, but no panel.

with

roster as (

    select * from {{ ref('stg_ledger__provider_roster') }}

),

payers as (

    select distinct payer, payer_key from {{ ref('int_person') }}

),

programs as (

    select * from {{ ref('int_program_market') }}

),

typed as (

    select
        payers.payer_key,
        cast(roster.npi as bigint) as npi,
        cast(roster.tin as bigint) as tin,
        programs.program_id,
        programs.program_precedence,
        case when programs.program_id is not null then roster.partner_id end as partner_id,
        roster.practice_id,
        roster.role = 'pcp' as is_pcp,
        roster.roster_start_date,
        roster.roster_end_date
    from roster
    inner join payers on roster.payer = payers.payer
    left join programs
        on roster.payer = programs.payer and roster.program_id = programs.program_id
    where roster.roster_start_date <= roster.roster_end_date

),

reached as (

    select
        *,
        max(roster_end_date) over (
            partition by payer_key, npi, tin, program_id, partner_id, practice_id, is_pcp
            order by roster_start_date, roster_end_date
            rows between unbounded preceding and 1 preceding
        ) as reached_date
    from typed

),

islands as (

    select
        *,
        sum(
            case
                when {{ date_plus_days('roster_start_date', -1) }} <= reached_date then 0
                else 1
            end
        ) over (
            partition by payer_key, npi, tin, program_id, partner_id, practice_id, is_pcp
            order by roster_start_date, roster_end_date
            rows between unbounded preceding and current row
        ) as island_number
    from reached

),

merged as (

    select
        payer_key,
        npi,
        tin,
        program_id,
        program_precedence,
        partner_id,
        practice_id,
        is_pcp,
        min(roster_start_date) as roster_start_date,
        max(roster_end_date) as roster_end_date
    from islands
    group by
        payer_key,
        npi,
        tin,
        program_id,
        program_precedence,
        partner_id,
        practice_id,
        is_pcp,
        island_number

),

final as (

    select
        cast(payer_key as int) as payer_key,
        cast(npi as bigint) as npi,
        cast(tin as bigint) as tin,
        cast(program_id as string) as program_id,
        cast(partner_id as string) as partner_id,
        cast(practice_id as string) as practice_id,
        cast(program_precedence as int) as program_precedence,
        cast({{ whole_days_between('roster_start_date', 'roster_end_date') }} as bigint)
            as row_days,
        cast(is_pcp as boolean) as is_pcp,
        cast(roster_start_date as date) as roster_start_date,
        cast(roster_end_date as date) as roster_end_date
    from merged

)

select * from final
