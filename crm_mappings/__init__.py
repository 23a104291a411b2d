"""The CRM's side: what is written there after a contact, what is shown from there, who is looked up there.

What a contact causes is recorded as deliveries in the transaction of the contact's events, and sent by workers. Pages
and pops read what a worker fetched earlier. CRMs are adapters behind one small Protocol (`adapters`).
"""
