package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/tenant"
	"github.com/clerkstream/clerkstream/directory"
)

const maxListed = 100

func (a *app) list(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 || limit > maxListed {
		limit = maxListed
	}
	var answer struct {
		Orders []order `json:"orders"`
		Total  int     `json:"total"`
	}
	err = tenant.InTxWith(r.Context(), a.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		answer.Orders, answer.Total, err = listOrders(r.Context(), tx, r.URL.Query().Get("status"), limit)
		return err
	})
	a.answer(w, r, http.StatusOK, answer, err)
}

func (a *app) place(w http.ResponseWriter, r *http.Request) {
	var wanted struct {
		Item     string `json:"item"`
		Quantity int    `json:"quantity"`
	}
	if err := read(r, &wanted); err != nil {
		auth.WriteProblem(w, r, err)
		return
	}
	if wanted.Quantity < 1 || wanted.Quantity > 10_000 || wanted.Item == "" {
		auth.WriteProblem(w, r, errInvalid)
		return
	}
	caller, _ := auth.From(r.Context())
	var placed order
	err := tenant.InTx(r.Context(), a.pool, func(tx pgx.Tx) (err error) {
		placed, err = insertOrder(r.Context(), tx, caller.User, wanted.Item, wanted.Quantity)
		return err
	})
	a.answer(w, r, http.StatusCreated, placed, err)
}

func (a *app) show(w http.ResponseWriter, r *http.Request) {
	var found order
	err := a.with(r, func(tx pgx.Tx, id string) (err error) {
		found, err = findOrder(r.Context(), tx, id)
		return err
	})
	a.answer(w, r, http.StatusOK, found, err)
}

func (a *app) change(w http.ResponseWriter, r *http.Request) {
	var wanted change
	if err := read(r, &wanted); err != nil {
		auth.WriteProblem(w, r, err)
		return
	}
	if wanted.Quantity != nil && (*wanted.Quantity < 1 || *wanted.Quantity > 10_000) {
		auth.WriteProblem(w, r, errInvalid)
		return
	}
	caller, _ := auth.From(r.Context())
	var changed order
	err := a.with(r, func(tx pgx.Tx, id string) (err error) {
		if who := wanted.AssigneeID; who != nil && *who != "" {
			// Within the transaction: under the tenant's own row level security, and the same moment as the update.
			if _, err := a.directory.Within(tx).Membership(r.Context(), caller.Org, *who); err != nil {
				return err
			}
		}
		changed, err = updateOrder(r.Context(), tx, id, wanted)
		return err
	})
	a.answer(w, r, http.StatusOK, changed, err)
}

func (a *app) remove(w http.ResponseWriter, r *http.Request) {
	err := a.with(r, func(tx pgx.Tx, id string) error { return deleteOrder(r.Context(), tx, id) })
	a.answer(w, r, http.StatusNoContent, nil, err)
}

func (a *app) removeCancelled(w http.ResponseWriter, r *http.Request) {
	var answer struct {
		Removed int64 `json:"removed"`
	}
	err := tenant.InTx(r.Context(), a.pool, func(tx pgx.Tx) (err error) {
		answer.Removed, err = deleteCancelled(r.Context(), tx)
		return err
	})
	a.answer(w, r, http.StatusOK, answer, err)
}

// members lists whom orders can be assigned to. The directory reads past row level security, so the organization is named here, and it is the
// caller's; users come out of the directory's cache.
func (a *app) members(w http.ResponseWriter, r *http.Request) {
	type member struct {
		UserID string `json:"user_id"`
		Name   string `json:"name"`
		Role   string `json:"role"`
	}
	var answer struct {
		Members []member `json:"members"`
		Next    string   `json:"next,omitempty"`
	}
	caller, _ := auth.From(r.Context())
	memberships, next, err := a.directory.Members(r.Context(), caller.Org, directory.Page{After: r.URL.Query().Get("after")})
	answer.Next = next
	for _, m := range memberships {
		var user directory.User
		if user, err = a.directory.User(r.Context(), m.UserID); errors.Is(err, directory.ErrNotFound) {
			err = nil // deleted in between
			continue
		} else if err != nil {
			break
		}
		answer.Members = append(answer.Members, member{m.UserID, strings.TrimSpace(user.FirstName + " " + user.LastName), m.Role})
	}
	a.answer(w, r, http.StatusOK, answer, err)
}

// with runs fn in the caller's transaction with the id of the path.
func (a *app) with(r *http.Request, fn func(tx pgx.Tx, id string) error) error {
	var id pgtype.UUID
	if id.Scan(r.PathValue("id")) != nil {
		return pgx.ErrNoRows // no order has such an id
	}
	return tenant.InTx(r.Context(), a.pool, func(tx pgx.Tx) error { return fn(tx, id.String()) })
}

// read takes a JSON body that holds what is wanted and nothing else.
func read(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return errMalformed
	}
	return nil
}
