"""The ground floor: who may, who did, and what makes a POST safe to repeat.

Every app stands on it, and it knows only Django. The plumbing of the API (authentication, errors, strict
input) lives here too, so that all endpoints refuse the same things in the same words.
"""
