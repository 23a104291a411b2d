"""How it hangs together: contexts that channels attach to a contact, and the one journey they and interactions make.

Contexts come in over the wire of the Context Store, attempts from outbound managers; both and every interaction become
elements of their customer's journey. Knows customers and interactions; nothing of CRM mappings.
"""
