package clerkapi

import (
	"errors"
	"slices"
	"strconv"

	"github.com/segmentio/encoding/json"
)

// place is what a Position says.
type place struct {
	// Offset is where the next page begins, the overlap included; for users it is 0.
	Offset int `json:"o,omitempty"`
	// Seen are the last rows of the page before, the newest last: for users the cursor.
	Seen []mark `json:"s,omitempty"`
}

// mark is an object and its place in the order.
type mark struct {
	ID  string `json:"i"`
	Key int64  `json:"k"`
}

func (p place) position() Position {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // a struct of numbers and ids
	}
	return Position(text)
}

func parsePosition(p Position) (place, error) {
	var at place
	if p == "" {
		return at, nil
	}
	if len(p) > 64<<10 || json.Unmarshal([]byte(p), &at) != nil || at.Offset < 0 || slices.ContainsFunc(at.Seen, func(m mark) bool { return !isID(m.ID) }) {
		return place{}, errors.New("position " + strconv.QuoteToASCII(string(p[:min(len(p), 40)])) + " is none of a walk")
	}
	return at, nil
}

// marks are the last n objects of a page.
func marks(objects []Object, n int, key string) []mark {
	objects = objects[max(0, len(objects)-n):]
	m := make([]mark, len(objects))
	for i, o := range objects {
		m[i] = mark{o.ID, o.key(key)}
	}
	return m
}

func (o *Object) key(field string) int64 {
	switch field {
	case createdAt:
		return o.createdAt
	case updatedAt:
		return o.updatedAt
	}
	return 0
}
