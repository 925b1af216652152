package clerksim

import (
	"net/http"
	"slices"
	"strings"
)

// addInstanceLists are the reading paths of what is the instance's own.
func (c *Clerk) addInstanceLists(mux *http.ServeMux) {
	roles := orderings[*role]{
		"created_at": createdAt[*role](),
		"name":       {text: func(r *role) string { return r.name }},
		"key":        {text: func(r *role) string { return r.key }},
	}
	permissions := orderings[*permission]{
		"created_at": createdAt[*permission](),
		"name":       {text: func(p *permission) string { return p.name }},
		"key":        {text: func(p *permission) string { return p.key }},
	}
	mux.HandleFunc("GET /v1/organization_roles", listedIn(c, roles, func(w *World) *pool[*role] { return &w.roles },
		func(_ *World, q *listing) (func(*role) bool, *apiError) {
			part := q.values.Get("query")
			return func(r *role) bool { return named(part, r.id, r.name, r.key) }, nil
		}))
	mux.HandleFunc("GET /v1/organization_roles/{id}", found(c, func(w *World) *pool[*role] { return &w.roles }))
	mux.HandleFunc("GET /v1/organization_permissions", listedOf(c, permissions, func(w *World, _ *http.Request, q *listing) ([]*permission, *apiError) {
		part := q.values.Get("query")
		return slices.DeleteFunc(w.allPermissions(), func(p *permission) bool { return !named(part, p.id, p.name, p.key) }), nil
	}))
	mux.HandleFunc("GET /v1/organization_permissions/{id}", c.lookUp(func(w *World, r *http.Request) ([]byte, *apiError) {
		all := w.allPermissions()
		i := slices.IndexFunc(all, func(p *permission) bool { return p.id == r.PathValue("id") })
		if i < 0 {
			return nil, noSuch()
		}
		return single(w, all[i]), nil
	}))
	mux.HandleFunc("GET /v1/instance", c.lookUp(c.showInstance))
}

// allPermissions are the system's too, which no webhook ever tells.
func (w *World) allPermissions() []*permission { return slices.Concat(w.system, w.permissions.items) }

// named is true of an exact id and of a part of a name or key.
func named(part, id, name, key string) bool {
	part = strings.ToLower(part)
	return part == "" || strings.ToLower(id) == part || strings.Contains(strings.ToLower(name), part) || strings.Contains(strings.ToLower(key), part)
}

func (c *Clerk) showInstance(w *World, _ *http.Request) ([]byte, *apiError) {
	environment := "development"
	if strings.HasPrefix(c.cfg.SecretKey, "sk_live_") {
		environment = "production"
	}
	return appendJSON(nil, object{
		{"object", "instance"}, {"id", w.cfg.InstanceID}, {"environment_type", environment}, {"allowed_origins", nil}, {"workspace_id", nil},
	}), nil
}
