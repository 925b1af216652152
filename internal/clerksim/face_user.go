package clerksim

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// shown is an object as the Backend API shows it now: never in one of the odd shapes of webhooks, and without moving the world's chance.
func (c *Clerk) shown(find func(*World) object) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	var body []byte
	c.world.plainly(func() { body = appendJSON(nil, find(c.world)) })
	return json.RawMessage(body)
}

func (c *Clerk) addUsers(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/users", c.serveCreateUser)
	for verb, change := range map[string]func(string) error{"ban": c.Ban, "unban": c.Unban, "lock": c.Lock, "unlock": c.Unlock} {
		mux.HandleFunc("POST /v1/users/{id}/"+verb, func(w http.ResponseWriter, r *http.Request) {
			id := r.PathValue("id")
			settle(w, change(id), "", func() any { return c.showUser(id) })
		})
	}
	mux.HandleFunc("DELETE /v1/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		settle(w, c.DeleteUser(id), "", func() any { return gone("user", id) })
	})
}

// gone is the API's form of a deletion.
func gone(kind, id string) any {
	return map[string]any{"object": kind, "id": id, "deleted": true}
}

// showUser is null where the user went again in the meantime.
func (c *Clerk) showUser(id string) any {
	return c.shown(func(w *World) object {
		u, err := w.userByID(id)
		if err != nil {
			return nil
		}
		return u.data(w)
	})
}

func (c *Clerk) serveCreateUser(w http.ResponseWriter, r *http.Request) {
	var body struct {
		EmailAddress []string `json:"email_address"`
	}
	if !read(w, r, &body) {
		return
	}
	if len(body.EmailAddress) == 0 || slices.Contains(body.EmailAddress, "") {
		missing(w, "email_address")
		return
	}
	id, err := c.CreateUser(body.EmailAddress...)
	settle(w, err, "form_identifier_exists", func() any { return c.showUser(id) })
}

func (c *Clerk) addSessions(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/sessions", c.serveSignIn)
	mux.HandleFunc("POST /v1/sessions/{id}/revoke", c.serveRevoke)
	mux.HandleFunc("POST /v1/sessions/{id}/tokens", c.serveSessionToken)
}

// serveSignIn makes a session without a sign-in, which Clerk has for tests of development instances.
func (c *Clerk) serveSignIn(w http.ResponseWriter, r *http.Request) {
	var body struct {
		UserID string `json:"user_id"`
	}
	if !read(w, r, &body) {
		return
	}
	if body.UserID == "" {
		missing(w, "user_id")
		return
	}
	id, err := c.SignIn(body.UserID)
	settle(w, err, "user_locked", func() any { return c.showSession(id) })
}

func (c *Clerk) showSession(id string) any {
	return c.shown(func(w *World) object {
		if s, ok := w.sessions.get(id); ok {
			return s.data(w).without("user")
		}
		for _, u := range w.users.items {
			for _, s := range u.sessions { // those that are over
				if s.id == id {
					return s.data(w).without("user")
				}
			}
		}
		return nil
	})
}

func (c *Clerk) serveRevoke(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	settle(w, c.RevokeSession(id), "", func() any { return c.showSession(id) })
}

// serveSessionToken mints a v2 token of a native client, for there is no origin; the active organization is the session's.
func (c *Clerk) serveSessionToken(w http.ResponseWriter, r *http.Request) {
	var body struct {
		ExpiresInSeconds int `json:"expires_in_seconds"`
	}
	if !read(w, r, &body) {
		return
	}
	spec, err := c.specOf(r.PathValue("id"))
	if err != nil {
		notFound(w, r)
		return
	}
	spec.Lifetime = time.Duration(body.ExpiresInSeconds) * time.Second
	token, err := c.Token(spec)
	settle(w, err, "session_token_refused", func() any { return map[string]any{"object": "token", "jwt": token} })
}

func (c *Clerk) specOf(sessionID string) (TokenSpec, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.world.sessionByID(sessionID)
	if err != nil {
		return TokenSpec{}, err
	}
	spec := TokenSpec{User: s.user.id, Session: s.id, Client: ClientIOS}
	if m, _ := c.world.membershipFor(s.organization, s.user); m != nil {
		spec.Org = s.organization
	}
	return spec, nil
}
