package events

import "github.com/segmentio/encoding/json"

// envelope is what routing and ordering need of a body, and where its credentials lie.
type envelope struct {
	bad, object          bool // not one JSON text; an object at the top
	typ, instanceID, id  string
	timestamp            int64
	updatedAt, createdAt int64

	text                []byte
	marks               []mark
	path                []step
	pointerBytes        int
	keepPrivateMetadata bool
}

// place is where the scan stands, as far as the meaning of a name depends on it.
type place uint8

const (
	atRoot place = iota
	atData
	elsewhere
)

// usualDepth is as deep as Clerk's payloads go: a connection in an account in a user in a session.
const usualDepth = 8

// scan reads body and collects the envelope and every value that may have to be blanked.
func scan(body []byte, keepPrivateMetadata bool) envelope {
	e := envelope{text: body, keepPrivateMetadata: keepPrivateMetadata, path: make([]step, 0, usualDepth)}
	if !isJSON(body) {
		e.bad = true
		e.markBroken(body)
		return e
	}
	c := cursor{text: body}
	e.object = c.peek() == '{'
	e.value(&c, nil, atRoot)
	return e
}

// isJSON reports whether text is one JSON text, by the grammar and the depth of encoding/json: the cursor trusts it blindly. A name that stands
// twice and bytes that are no UTF-8 are fine: refusing them would make one odd character in a display name a poison message.
func isJSON(text []byte) bool { return !tooDeep(text) && json.Valid(text) }

// value reads the value at the cursor, which stands under name. Recursion ends with maxDepth, beyond which a body is not valid.
func (e *envelope) value(c *cursor, name []byte, at place) {
	switch c.peek() {
	case '{':
		c.at++
		for c.peek() != '}' {
			e.path = append(e.path, step(c.at))
			e.member(c, name, c.name(), at)
			e.path = e.path[:len(e.path)-1]
		}
		c.at++
	case '[':
		c.at++
		// The elements stand under the array's own name: invitations[3].url is the url of an invitation.
		for i := 0; c.peek() != ']'; i++ {
			e.path = append(e.path, step(^i))
			e.value(c, name, elsewhere)
			e.path = e.path[:len(e.path)-1]
		}
		c.at++
	default:
		start := c.at
		raw := c.scalar()
		e.mark(start, raw, never, c.escaped || c.linkish)
	}
}

// member reads the value at the cursor as the member name of the object that stands under parent.
func (e *envelope) member(c *cursor, parent, name []byte, at place) {
	w := whenNamed(parent, name, e.keepPrivateMetadata)
	switch b := c.peek(); b {
	case '{', '[':
		inside := elsewhere
		if at == atRoot && b == '{' && string(name) == "data" {
			inside = atData
		}
		i := e.open(c.at, w)
		e.value(c, name, inside)
		e.close(i, c.at)
	default:
		start := c.at
		raw := c.scalar()
		switch at {
		case atRoot:
			e.root(name, raw)
		case atData:
			e.data(name, raw)
		}
		e.mark(start, raw, w, c.escaped || c.linkish)
	}
}

func (e *envelope) root(name []byte, raw []byte) {
	switch string(name) {
	case "type":
		e.typ = text(raw)
	case "instance_id":
		e.instanceID = text(raw)
	case "timestamp":
		e.timestamp = clock(raw)
	}
}

func (e *envelope) data(name []byte, raw []byte) {
	switch string(name) {
	case "id":
		e.id = text(raw)
	case "updated_at":
		e.updatedAt = clock(raw)
	case "created_at", "created_at_ms":
		// SMS events carry either name (Clerk's schema and Clerk's example differ); no type carries both.
		if c := clock(raw); c != 0 {
			e.createdAt = c
		}
	}
}

// sourceTime is when the entity changed: its own clock, else the time of its creation, else the envelope's.
func (e *envelope) sourceTime() int64 {
	switch {
	case e.updatedAt != 0:
		return e.updatedAt
	case e.createdAt != 0:
		return e.createdAt
	}
	return e.timestamp
}
