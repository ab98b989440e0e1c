{#- For `make parity` alone (orchestration/parity.py), called after a build: a table with the claim
    that each key of pair_key stands for, as payer and number. Keys differ from engine to engine;
    what they stand for does not. Every number that a model may make a key of is here: claims,
    claims referred to, the families of both, and pharmacy claims. -#}
{% macro write_parity_claim_names() -%}
    {%- set beside = ref('int_claim_rule') -%}
    {%- set relation = beside.incorporate(path={'identifier': 'parity_claim_name'}) -%}
    {%- set numbers = ['ledger_lines.claim_id', 'ledger_lines.original_claim_id'] -%}
    {%- do run_query('drop table if exists ' ~ relation) -%}
    {%- set query -%}
        create table {{ relation }} as
        select
            {{ pair_key('payer', 'number') }} as claim_key,
            concat(payer, ' ', number) as claim_name
        from (
            {%- for number in numbers %}
            select ledger_lines.payer, {{ number }} as number
            from {{ ref('stg_ledger__medical_claim_line') }} as ledger_lines
            union
            select
                ledger_lines.payer,
                {{ claim_family_id(number, 'rules.adjustment_suffix_regex') }} as number
            from {{ ref('stg_ledger__medical_claim_line') }} as ledger_lines
            left join {{ ref('int_claim_rule') }} as rules on ledger_lines.payer = rules.payer
            union
            {%- endfor %}
            select payer, pharmacy_claim_id as number
            from {{ ref('stg_ledger__pharmacy_claim') }}
        ) as numbers
        where number is not null
    {%- endset -%}
    {%- do run_query(query) -%}
{%- endmacro %}
