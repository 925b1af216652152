package clerksim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// heldAnswer keeps an answer until it is known whether it goes out whole.
type heldAnswer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }

// serve answers, spoiled where that is the fate. Only what is spoiled is held, and decoded, for a page may have a megabyte.
func (f fate) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	spoil := r.Method == http.MethodGet && (f.spoil || len(f.garbage) > 0)
	if !spoil && !f.cut {
		next.ServeHTTP(w, r)
		return
	}
	held := &heldAnswer{ResponseWriter: w, status: http.StatusOK}
	next.ServeHTTP(held, r)
	body := held.body.Bytes()
	if spoil && held.status == http.StatusOK {
		body = f.spoiled(body)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(held.status)
	if f.cut {
		_, _ = w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler) // net/http's way to end a connection before its answer's end
	}
	_, _ = w.Write(body)
}

// spoiled is a page, bare or in its envelope, or a single object, with what has to be garbage.
func (f fate) spoiled(body []byte) []byte {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil {
		f.spoilList(list)
		return mustJSON(list)
	}
	var envelope map[string]json.RawMessage
	if json.Unmarshal(body, &envelope) != nil {
		return body
	}
	if json.Unmarshal(envelope["data"], &list) == nil && list != nil {
		f.spoilList(list)
		envelope["data"] = mustJSON(list)
		return mustJSON(envelope)
	}
	if id, ok := f.marked(body); ok {
		return wrongShape(id)
	}
	return body
}

func (f fate) spoilList(list []json.RawMessage) {
	for i, o := range list {
		if id, ok := f.marked(o); ok {
			list[i] = wrongShape(id)
		}
	}
	if !f.spoil || len(list) == 0 {
		return
	}
	shapes := []string{
		`null`, `"garbage"`, `[]`, `42`, `{}`, `{"object":"user"}`, `{"id":null,"object":"user"}`, `{"id":{"nested":true},"object":7,"created_at":"yesterday"}`,
	}
	list[f.randomness%uint64(len(list))] = json.RawMessage(shapes[f.randomness/1000%uint64(len(shapes))])
}

func (f fate) marked(o json.RawMessage) (id string, ok bool) {
	if len(f.garbage) == 0 {
		return "", false
	}
	var named struct {
		ID string `json:"id"`
	}
	ok = json.Unmarshal(o, &named) == nil && slices.Contains(f.garbage, named.ID)
	return named.ID, ok
}

// wrongShape has an id, and under every name that matters something of another type.
func wrongShape(id string) json.RawMessage {
	return mustJSON(map[string]any{
		"id": id, "object": 7, "created_at": []any{"yesterday"}, "updated_at": map[string]any{"at": "noon"}, "email_addresses": "none",
		"name": 42, "role": false, "organization": 1, "public_user_data": "nobody", "status": []any{}, "items": 3, "payer": "somebody",
	})
}
