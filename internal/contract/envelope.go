package main

// tokenPattern is events.IsToken: what may stand in a subject.
const tokenPattern = "^[A-Za-z0-9_-]{1,255}$"

// eventSchema is the body of one event type.
func eventSchema(typ, object, about string) *node {
	return &node{
		Dialect:     dialect,
		Title:       typ,
		Description: about,
		AllOf:       []*node{{Ref: "parts/envelope.json"}},
		Properties: properties{
			{"type", &node{Const: typ}},
			{"data", &node{Ref: "parts/" + object + ".json"}},
		},
	}
}

// envelope is what all bodies have in common. The stream's subject is made of type and data.id, so both are there in every event of the catalogue;
// nothing else is promised.
func envelope() *node {
	return &node{
		Title: "envelope",
		Description: "The body of every event: Clerk's webhook body as it was signed, byte for byte, but for credentials, which are null " +
			"(the header Clerkstream-Blanked lists them). Members that are not named here are allowed everywhere, a member that is " +
			"missing means the same as null, and null means none, empty or false.",
		Type: []string{"object"},
		Properties: properties{
			{"type", &node{Type: []string{"string"}}},
			{"object", &node{Description: "event", Type: []string{"string", "null"}}},
			{"timestamp", &node{Description: "When Clerk saw the change.", Ref: "time.json"}},
			{"instance_id", &node{Description: "Clerk's id of the environment, ins_…; older payloads lack it.", Type: []string{"string", "null"}}},
			{"event_attributes", &node{
				Description: "The browser request behind the change, http_request with client_ip and user_agent: personal data.",
				Type:        []string{"object", "null"},
			}},
			{"data", &node{
				Type:       []string{"object"},
				Properties: properties{{"id", &node{Type: []string{"string"}, Pattern: tokenPattern}}},
				Required:   []string{"id"},
			}},
		},
		Required: []string{"type", "data"},
	}
}

// clock is events.Time. That type reads anything and takes what is no time for none; the contract names what Clerk is known to send.
func clock() *node {
	return &node{
		Title: "time",
		Description: "A moment since 1970 in milliseconds, or, below 1e12, in seconds, as all of Clerk's own examples have it; a number, " +
			"or its digits in quotes. Zero, null and a text that is no number mean none.",
		Type: []string{"number", "string", "null"},
	}
}
