package clerkapi

import (
	"encoding/json"
	"time"
)

// Object is one object as the API answered it.
type Object struct {
	// Data is its text, byte for byte. It is a part of the whole answer and keeps that in memory: copy what shall live longer than its page.
	Data json.RawMessage
	ID   string
	// ObservedAt is when the request began, by Clerk's clock where ours is off: what is in Data was true at that time or later.
	ObservedAt time.Time

	createdAt, updatedAt int64 // ms since 1970, 0 where there is none
}

// Malformed is an object of a page that is no object, or has no id that could be one.
type Malformed struct {
	Index  int    // in the page
	Reason string // holds nothing of the object
}

// Page is one answer of a list.
type Page struct {
	Objects   []Object
	Malformed []Malformed
	// Total is how many there are in the whole collection as the answer said; -1 where it did not, as for users: see [Client.Count].
	Total      int
	ObservedAt time.Time
	// Next is where to go on behind this page.
	Next Position
}

// Position is a place in a walk of one Part. It is opaque, may be stored, and "" is the beginning.
type Position string

// Part is one stretch of a collection that is walked on its own. It may be stored as JSON.
type Part struct {
	Collection Collection `json:"collection"`
	// From and To bound created_at, both inclusive, in ms since 1970; 0 is open. Parts meet: an object on the border is in both.
	From int64 `json:"from,omitempty"`
	To   int64 `json:"to,omitempty"`
	// Expected is about how many objects there were when the part was made; -1 where nobody asked.
	Expected int `json:"expected"`
}
