"""What hospitals tell the groups as it happens: HL7 v2 messages about stays and emergency visits.

Two windows are told. In the second half of December 2025 the visits are those of the claims. In the
last thirty days before the demo's present they are visits whose claims have not come yet, so that
somebody is in hospital and somebody has just left. What spoils messages is planted here too; the
care that follows does not belong here (`simulator/care`).
"""
