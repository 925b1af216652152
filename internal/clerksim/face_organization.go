package clerksim

import "net/http"

func (c *Clerk) addOrganizations(mux *http.ServeMux) {
	mux.HandleFunc("DELETE /v1/organizations/{org}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("org")
		settle(w, c.DeleteOrganization(id), "", func() any { return gone("organization", id) })
	})
	mux.HandleFunc("POST /v1/organizations/{org}/memberships", c.serveAddMember)
	mux.HandleFunc("PATCH /v1/organizations/{org}/memberships/{user}", c.serveChangeRole)
	mux.HandleFunc("DELETE /v1/organizations/{org}/memberships/{user}", c.serveRemoveMember)
}

func (c *Clerk) serveAddMember(w http.ResponseWriter, r *http.Request) {
	var body struct {
		UserID string `json:"user_id"`
		Role   string `json:"role"`
	}
	if !read(w, r, &body) {
		return
	}
	switch "" {
	case body.UserID:
		missing(w, "user_id")
	case body.Role:
		missing(w, "role")
	default:
		org := r.PathValue("org")
		_, err := c.AddMember(org, body.UserID, body.Role)
		settle(w, err, "already_a_member_in_organization", func() any { return c.showMembership(org, body.UserID) })
	}
}

func (c *Clerk) serveChangeRole(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Role string `json:"role"`
	}
	if !read(w, r, &body) {
		return
	}
	if body.Role == "" {
		missing(w, "role")
		return
	}
	org, user := r.PathValue("org"), r.PathValue("user")
	settle(w, c.ChangeRole(org, user, body.Role), "", func() any { return c.showMembership(org, user) })
}

// serveRemoveMember shows the membership as it was.
func (c *Clerk) serveRemoveMember(w http.ResponseWriter, r *http.Request) {
	org, user := r.PathValue("org"), r.PathValue("user")
	before := c.showMembership(org, user)
	settle(w, c.RemoveMember(org, user), "", func() any { return before })
}

func (c *Clerk) showMembership(org, user string) any {
	return c.shown(func(w *World) object {
		m, err := w.membership(org, user)
		if err != nil {
			return nil
		}
		return m.data(w)
	})
}
