package clerksim

import (
	"net/http"
	"slices"
	"strings"
)

// addBillingLists are the reading paths of billing and of the waitlist. Clerk's Backend API has other names for some fields of a subscription and its items
// than its webhooks (subscription_items and plan_period for items and interval); here they are the webhooks', so that one Truth judges both.
func (c *Clerk) addBillingLists(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/users/{id}/billing/subscription", c.lookUp(func(w *World, r *http.Request) ([]byte, *apiError) {
		u, ok := w.users.get(r.PathValue("id"))
		if !ok || u.subscription == nil {
			return nil, noSuch()
		}
		return single(w, u.subscription), nil
	}))
	mux.HandleFunc("GET /v1/organizations/{id}/billing/subscription", c.lookUp(func(w *World, r *http.Request) ([]byte, *apiError) {
		o, ok := w.orgs.get(r.PathValue("id"))
		if !ok || o.subs == nil {
			return nil, noSuch()
		}
		return single(w, o.subs), nil
	}))
	mux.HandleFunc("GET /v1/billing/subscription_items", listedOf(c, orderings[*item]{"created_at": createdAt[*item]()}, itemsIn))
	entries := orderings[*waitlistEntry]{
		"created_at":    createdAt[*waitlistEntry](),
		"email_address": {text: func(e *waitlistEntry) string { return e.address }},
		"invited_at":    {number: (*waitlistEntry).invited},
	}
	mux.HandleFunc("GET /v1/waitlist_entries", listedIn(c, entries, func(w *World) *pool[*waitlistEntry] { return &w.entries },
		func(_ *World, q *listing) (func(*waitlistEntry) bool, *apiError) {
			status, part := q.values.Get("status"), strings.ToLower(q.values.Get("query"))
			return func(e *waitlistEntry) bool {
				return (status == "" || e.status == status) && (e.id == part || strings.Contains(e.address, part))
			}, nil
		}))
}

// itemsIn lists the items that an event has told, also those of payers who are gone. Items of free plans come with include_free=true only, as at Clerk.
func itemsIn(w *World, _ *http.Request, q *listing) ([]*item, *apiError) {
	free, status, plan, payer := q.values.Get("include_free") == "true", q.values.Get("status"), q.values.Get("plan_id"), q.values.Get("payer_type")
	if payer != "" && payer != "user" && payer != "org" {
		return nil, invalid("payer_type", "payer_type is neither user nor org")
	}
	var list []*item
	for _, s := range w.subscriptions {
		list = append(list, s.items...)
	}
	return slices.DeleteFunc(list, func(it *item) bool {
		return !it.announced || it.plan.free && !free || status != "" && status != it.status || plan != "" && plan != it.plan.id ||
			payer != "" && (payer == "org") != (it.subs.payer.org != nil)
	}), nil
}

// invited is when the invitation was made, 0 where there is none.
func (e *waitlistEntry) invited() int64 {
	at, _ := e.invitation.get("created_at").(int64)
	return at
}
