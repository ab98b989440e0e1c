"""What payer and groups tell of the care around claims: whom to call, what is missing, what was
done, and what practices offer.

Tied to the simulated members: gaps are services they truly did not have, calls follow their stays
and gaps, support programs their conditions. Messages of hospitals do not belong here
(`simulator/adt`).
"""
