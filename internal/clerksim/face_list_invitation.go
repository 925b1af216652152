package clerksim

import (
	"net/http"
	"slices"
	"strings"
)

func (c *Clerk) addInvitationLists(mux *http.ServeMux) {
	known := orderings[*invitation]{
		"created_at":    createdAt[*invitation](),
		"email_address": {text: func(i *invitation) string { return strings.ToLower(i.address) }},
	}
	mux.HandleFunc("GET /v1/organization_invitations", listedIn(c, known, func(w *World) *pool[*invitation] { return &w.invited }, invitationFilter))
	mux.HandleFunc("GET /v1/organizations/{org}/invitations", listedOf(c, known, func(w *World, r *http.Request, q *listing) ([]*invitation, *apiError) {
		o, problem := w.organizationIn(r)
		if problem != nil {
			return nil, problem
		}
		fits, problem := invitationFilter(w, q)
		if fits == nil {
			return slices.Clone(o.invitations), problem
		}
		return slices.DeleteFunc(slices.Clone(o.invitations), func(i *invitation) bool { return !fits(i) }), nil
	}))
	mux.HandleFunc("GET /v1/organizations/{org}/invitations/{id}", c.lookUp(func(w *World, r *http.Request) ([]byte, *apiError) {
		o, problem := w.organizationIn(r)
		if problem != nil {
			return nil, problem
		}
		i, ok := w.invited.get(r.PathValue("id"))
		if !ok || i.org != o {
			return nil, noSuch()
		}
		return single(w, i), nil
	}))
}

func invitationFilter(_ *World, q *listing) (func(*invitation) bool, *apiError) {
	statuses, problem := q.several("status")
	if problem != nil {
		return nil, problem
	}
	for _, s := range statuses {
		if !slices.Contains([]string{"pending", "accepted", "revoked", "expired"}, s) {
			return nil, invalid("status", "status is none of pending, accepted, revoked and expired")
		}
	}
	address, part := q.values.Get("email_address"), strings.ToLower(q.values.Get("query"))
	if len(statuses) == 0 && address == "" && part == "" {
		return nil, nil //nolint:nilnil // no filter was asked for
	}
	return func(i *invitation) bool {
		return (len(statuses) == 0 || slices.Contains(statuses, i.status)) && (address == "" || strings.EqualFold(i.address, address)) &&
			strings.Contains(strings.ToLower(i.address), part)
	}, nil
}

func (c *Clerk) addDomainLists(mux *http.ServeMux) {
	known := orderings[*domain]{
		"created_at": createdAt[*domain](),
		"name":       {text: func(d *domain) string { return strings.ToLower(d.name) }},
	}
	mux.HandleFunc("GET /v1/organization_domains", listedIn(c, known, func(w *World) *pool[*domain] { return &w.domains }, domainFilter))
	mux.HandleFunc("GET /v1/organizations/{org}/domains", listedOf(c, known, func(w *World, r *http.Request, q *listing) ([]*domain, *apiError) {
		o, problem := w.organizationIn(r)
		if problem != nil {
			return nil, problem
		}
		fits, problem := domainFilter(w, q)
		if problem != nil {
			return nil, problem
		}
		return slices.DeleteFunc(slices.Clone(o.domains), func(d *domain) bool { return !w.domains.has(d) || fits != nil && !fits(d) }), nil
	}))
}

func domainFilter(_ *World, q *listing) (func(*domain) bool, *apiError) {
	modes, problem := q.several("enrollment_mode")
	if problem != nil {
		return nil, problem
	}
	wanted, unwanted := signed(modes)
	org, verified, part := q.values.Get("organization_id"), q.values.Get("verified"), strings.ToLower(q.values.Get("query"))
	if org == "" && verified == "" && part == "" && len(modes) == 0 {
		return nil, nil //nolint:nilnil // no filter was asked for
	}
	return func(d *domain) bool {
		if verified != "" && (verified == "true") != d.verified() {
			return false
		}
		if strings.HasPrefix(part, "org_") && strings.ToLower(d.org.id) != part || !strings.HasPrefix(part, "org_") && !strings.Contains(strings.ToLower(d.name), part) {
			return false
		}
		return (org == "" || d.org.id == org) && (len(wanted) == 0 || slices.Contains(wanted, d.mode)) && !slices.Contains(unwanted, d.mode)
	}, nil
}

func (d *domain) verified() bool {
	return d.ownership.get("status") == "verified" || d.affiliation.get("status") == "verified"
}
