package clerksim

import (
	"net/http"
	"slices"
	"strconv"
)

// addRecordLists are the reading paths of what has no webhook.
func (c *Clerk) addRecordLists(mux *http.ServeMux) {
	connections := orderings[*connectionRecord]{"created_at": createdAt[*connectionRecord]()}
	mux.HandleFunc("GET /v1/enterprise_connections", listedOf(c, connections, connectionsIn))
	mux.HandleFunc("GET /v1/enterprise_connections/{id}", foundOf(c, (*World).connectionRecords))
	sets := orderings[*roleSet]{
		"created_at": createdAt[*roleSet](),
		"name":       {text: func(s *roleSet) string { return s.name }},
		"key":        {text: func(s *roleSet) string { return s.key }},
	}
	mux.HandleFunc("GET /v1/role_sets", listedOf(c, sets, func(w *World, _ *http.Request, q *listing) ([]*roleSet, *apiError) {
		part := q.values.Get("query")
		return slices.DeleteFunc(slices.Clone(w.roleSets), func(s *roleSet) bool { return !named(part, s.id, s.name, s.key) }), nil
	}))
	mux.HandleFunc("GET /v1/role_sets/{id}", foundOf(c, func(w *World) []*roleSet { return w.roleSets }))
	directories := orderings[*directory]{"created_at": createdAt[*directory]()}
	mux.HandleFunc("GET /v1/scim_directories", listedOf(c, directories, func(w *World, _ *http.Request, _ *listing) ([]*directory, *apiError) {
		return slices.Clone(w.directories), nil
	}))
	mux.HandleFunc("GET /v1/scim_directories/{id}", foundOf(c, func(w *World) []*directory { return w.directories }))
}

// connectionsIn takes the filters organization_id and active.
func connectionsIn(w *World, _ *http.Request, q *listing) ([]*connectionRecord, *apiError) {
	org, active := q.values.Get("organization_id"), q.values.Get("active")
	return slices.DeleteFunc(w.connectionRecords(), func(c *connectionRecord) bool {
		is := c.of.get("active") == true
		return org != "" && c.of.get("organization_id") != org || active != "" && active != strconv.FormatBool(is)
	}), nil
}

// foundOf is found in a list short enough to be searched.
func foundOf[T entity](c *Clerk, all func(*World) []T) http.HandlerFunc {
	return c.lookUp(func(w *World, r *http.Request) ([]byte, *apiError) {
		list := all(w)
		i := slices.IndexFunc(list, func(x T) bool { return x.mark().id == r.PathValue("id") })
		if i < 0 {
			return nil, noSuch()
		}
		return single(w, list[i]), nil
	})
}
