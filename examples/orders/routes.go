package main

import (
	"fmt"
	"net/http"

	"github.com/clerkstream/clerkstream/auth"
)

// handler is the service's API. Who may do what is all here.
//
// A custom permission and the role are in the caller's token. System permissions (org:sys_…) are in no token: those the directory knows, from the
// read model.
func (a *app) handler() http.Handler {
	admin := auth.RequireRole("org:admin")
	manages := auth.RequirePermission("org:orders:manage")
	seesMembers := auth.RequirePermissionIn(a.directory, "org:sys_memberships:read")

	api := http.NewServeMux()
	api.HandleFunc("GET /orders", a.list)
	api.HandleFunc("POST /orders", a.place)
	api.HandleFunc("GET /orders/{id}", a.show)
	api.HandleFunc("PATCH /orders/{id}", a.change)
	api.Handle("DELETE /orders/{id}", manages(http.HandlerFunc(a.remove)))
	api.Handle("DELETE /orders/cancelled", admin(http.HandlerFunc(a.removeCancelled)))
	api.Handle("GET /orders/members", seesMembers(http.HandlerFunc(a.members)))

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	// Everything else is for who acts in an organization, as the gateway's token tells it.
	mux.Handle("/", auth.Middleware(a.verifier)(auth.RequireOrg(http.MaxBytesHandler(api, 64<<10))))
	return mux
}
