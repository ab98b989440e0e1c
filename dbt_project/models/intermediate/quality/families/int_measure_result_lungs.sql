-- METHODS D.1 M14, M15, M16, M17: measures of asthma and of infections of the airways.

with

results as (

    {{ united_measures(['m14', 'm15', 'm16', 'm17']) }}

)

select * from results
