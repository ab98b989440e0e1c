-- Rules of claims preparation that hold for a whole payer (METHODS P). Programs of one payer
-- agree on them; a payer without a program has the defaults.

with

deliveries as (

    select * from {{ ref('stg_ledger__delivery') }}

),

program_terms as (

    select * from {{ ref('stg_ledger__program_terms') }}

),

payers as (

    select payer from deliveries where is_selected and payer is not null
    union
    select payer from program_terms

),

agreed as (

    select
        payer,
        max(adjustment_suffix_regex) as adjustment_suffix_regex,
        max(attribution_pos_exclude) as attribution_pos_exclude,
        bool_or(attribution_include_99211) as attribution_include_99211,
        bool_or(obgyn_as_pcp) as obgyn_as_pcp,
        bool_or(ed_include_0456) as ed_include_0456,
        bool_or(ed_one_per_day) as ed_one_per_day,
        bool_or(ed_obs_counts) as ed_obs_counts,
        bool_or(pos23_only_creates_visit) as pos23_only_creates_visit
    from program_terms
    group by payer

),

final as (

    select
        cast(payers.payer as string) as payer,
        cast(nullif(agreed.adjustment_suffix_regex, '') as string) as adjustment_suffix_regex,
        cast(
            coalesce(agreed.attribution_pos_exclude, ',17,20,21,23,31,51,61,81,') as string
        ) as attribution_pos_exclude,
        cast(coalesce(agreed.attribution_include_99211, false) as boolean)
            as attribution_include_99211,
        cast(coalesce(agreed.obgyn_as_pcp, false) as boolean) as obgyn_as_pcp,
        cast(coalesce(agreed.ed_include_0456, false) as boolean) as ed_include_0456,
        cast(coalesce(agreed.ed_one_per_day, true) as boolean) as ed_one_per_day,
        cast(coalesce(agreed.ed_obs_counts, true) as boolean) as ed_obs_counts,
        cast(coalesce(agreed.pos23_only_creates_visit, false) as boolean)
            as pos23_only_creates_visit
    from payers
    left join agreed on payers.payer = agreed.payer

)

select * from final
