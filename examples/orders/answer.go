package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/directory"
)

// Refusals of this service, in the form of those of package auth.
var (
	errMalformed = &auth.Error{Code: "request_malformed", Status: http.StatusBadRequest}
	errNotFound  = &auth.Error{Code: "order_not_found", Status: http.StatusNotFound}
	errInvalid   = &auth.Error{Code: "order_invalid", Status: http.StatusUnprocessableEntity}
	errNoMember  = &auth.Error{Code: "assignee_not_a_member", Status: http.StatusUnprocessableEntity}
)

// answer writes what a handler found, or why it could not.
func (a *app) answer(w http.ResponseWriter, r *http.Request, status int, found any, err error) {
	if err != nil {
		err = refusal(err)
		if auth.CodeOf(err) == auth.CodeInternal {
			a.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "route", r.Pattern, "error", err)
		}
		auth.WriteProblem(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if found == nil {
		w.WriteHeader(status)
		return
	}
	body, err := json.Marshal(found)
	if err != nil {
		a.answer(w, r, status, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever is not there any more misses it
}

// refusal says what an error of the database means to a caller; what means nothing to one stays as it is.
func refusal(err error) error {
	database, _ := errors.AsType[*pgconn.PgError](err)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errNotFound
	case errors.Is(err, directory.ErrNotFound):
		return errNoMember
	case database != nil && (strings.HasPrefix(database.Code, "22") || strings.HasPrefix(database.Code, "23")):
		return errInvalid // data exception, or a check of the table
	}
	return err
}
