-- METHODS D.1 M27, M28, M29, M30, M31, M32: measures of stays and visits, of imaging and of new
-- antidepressants.

with

results as (

    {{ united_measures(['m27', 'm28', 'm29', 'm30', 'm31', 'm32']) }}

)

select * from results
