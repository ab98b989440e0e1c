"""What is owed under a program's terms: benchmark, savings, eligibility and payment, to the cent.

Money is whole cents or exact fractions here, never a float. Measuring outcomes does not belong
here (`outcomes/`), nor does writing statements.
"""
