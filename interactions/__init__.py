"""What happened: every communication with a customer, told by the events of the telephony and channel adapters.

An interaction is a fold over its events; the desk of an agent shows it the moment it rings. Knows customers, and
nothing of journeys and CRM mappings, which listen to `interaction_changed`.
"""
