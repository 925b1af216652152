package clerkapi

import (
	stdjson "encoding/json"
	"fmt"
	"time"

	"github.com/segmentio/encoding/json"
)

// head is what a walk has to know of an object.
type head struct {
	ID        json.RawMessage `json:"id"`
	CreatedAt json.RawMessage `json:"created_at"`
	UpdatedAt json.RawMessage `json:"updated_at"`
}

// decodeObject does not copy text. reason is "" for an object.
func decodeObject(text []byte, at time.Time) (o Object, reason string) {
	if len(text) == 0 || text[0] != '{' {
		return Object{}, "no object"
	}
	var h head
	if _, err := json.Parse(text, &h, json.ZeroCopy); err != nil {
		return Object{}, "no object"
	}
	var id string
	if json.Unmarshal(h.ID, &id) != nil || id == "" {
		return Object{}, "no id"
	}
	if !isID(id) {
		return Object{}, "an id that no object has"
	}
	return Object{Data: stdjson.RawMessage(text), ID: id, ObservedAt: at, createdAt: millis(h.CreatedAt), updatedAt: millis(h.UpdatedAt)}, ""
}

// millis is 0 for what is no number: the projection says what it thinks of that, here it only means an object without a place in the order.
func millis(text []byte) int64 {
	var n int64
	if json.Unmarshal(text, &n) != nil {
		return 0
	}
	return n
}

// decodePage reads both forms that lists have, for which one a collection has depends on the version of the API.
func decodePage(a answered) (Page, error) {
	p := Page{Total: -1, ObservedAt: a.at}
	var list []json.RawMessage
	switch text := trimSpace(a.body); {
	case len(text) > 0 && text[0] == '[':
		if _, err := json.Parse(text, &list, json.ZeroCopy); err != nil {
			return p, fmt.Errorf("%w: no list", ErrShape)
		}
	case len(text) > 0 && text[0] == '{':
		var envelope struct {
			Data  json.RawMessage `json:"data"`
			Total *int            `json:"total_count"`
		}
		if _, err := json.Parse(text, &envelope, json.ZeroCopy); err != nil || len(envelope.Data) == 0 || envelope.Data[0] != '[' {
			return p, fmt.Errorf("%w: no list", ErrShape)
		}
		if _, err := json.Parse(envelope.Data, &list, json.ZeroCopy); err != nil {
			return p, fmt.Errorf("%w: no list", ErrShape)
		}
		if envelope.Total != nil && *envelope.Total >= 0 {
			p.Total = *envelope.Total
		}
	default:
		return p, fmt.Errorf("%w: no list", ErrShape)
	}
	p.Objects = make([]Object, 0, len(list))
	for i, text := range list {
		o, reason := decodeObject(text, a.at)
		if reason != "" {
			p.Malformed = append(p.Malformed, Malformed{Index: i, Reason: reason})
			continue
		}
		p.Objects = append(p.Objects, o)
	}
	return p, nil
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\r' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// size is how many rows the answer had.
func (p *Page) size() int { return len(p.Objects) + len(p.Malformed) }
