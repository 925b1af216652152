package clerksim

import (
	"encoding/json"
	"net/http"
)

// addProfile changes users. Each takes ten changes in ten seconds, as at Clerk.
func (c *Clerk) addProfile(mux *http.ServeMux) {
	mux.HandleFunc("PATCH /v1/users/{id}", c.fewTimes(c.serveEditUser))
	mux.HandleFunc("PATCH /v1/users/{id}/metadata", c.fewTimes(c.serveMergeMetadata))
}

// fewTimes refuses what one object gets too often.
func (c *Clerk) fewTimes(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if wait := c.meter.admitChange(r.PathValue("id")); wait > 0 {
			throttle(w, wait)
			return
		}
		next(w, r)
	}
}

func (c *Clerk) serveMergeMetadata(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Public  json.RawMessage `json:"public_metadata"`
		Private json.RawMessage `json:"private_metadata"`
		Unsafe  json.RawMessage `json:"unsafe_metadata"`
	}
	if !read(w, r, &body) {
		return
	}
	id := r.PathValue("id")
	settle(w, c.MergeMetadata(id, Metadata{body.Public, body.Private, body.Unsafe}), "form_param_value_invalid", func() any { return c.showUser(id) })
}

// serveEditUser takes what [Profile] has. Metadata has a path of its own since API version 2026-05-12.
func (c *Clerk) serveEditUser(w http.ResponseWriter, r *http.Request) {
	var body map[string]*string // null clears, what is left out stays
	if !read(w, r, &body) {
		return
	}
	var p Profile
	fields := map[string]**string{
		"first_name": &p.FirstName, "last_name": &p.LastName, "username": &p.Username, "external_id": &p.ExternalID,
		"primary_email_address_id": &p.PrimaryEmailID,
	}
	for name, value := range body {
		to, known := fields[name]
		if !known {
			answerError(w, apiError{http.StatusUnprocessableEntity, "form_param_unknown", name + " is not a valid parameter for this request.",
				map[string]any{"param_name": name}})
			return
		}
		if value == nil {
			value = new(string)
		}
		*to = value
	}
	id := r.PathValue("id")
	settle(w, c.EditProfile(id, p), "form_param_value_invalid", func() any { return c.showUser(id) })
}
