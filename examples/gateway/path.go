package main

import (
	"net/http"
	"strings"

	"github.com/clerkstream/clerkstream/auth"
)

// within refuses a path that might lead a service elsewhere than it led the gateway. ServeMux has cleaned the path as it was sent; %2e%2e, ..%2f and
// ..; are names to it, and the parent to servers that decode first, take \ for /, or cut a segment's parameters off.
func within(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for segment := range strings.FieldsFuncSeq(r.URL.Path, func(c rune) bool { return c == '/' || c == '\\' }) {
			if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
				auth.WriteProblem(w, r, &auth.Error{Code: "path_refused", Status: http.StatusBadRequest})
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
