-- METHODS D.1 M23, M24, M25, M26: measures of prevention in adults.

with

results as (

    {{ united_measures(['m23', 'm24', 'm25', 'm26']) }}

)

select * from results
